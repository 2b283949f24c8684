/* SPDX-License-Identifier: MIT */
/* What the files of this room share: a graph is looked for in a file, walked through, and what it asks for is noted. */
#ifndef NCM_WORKFLOW_WORKFLOW_H
#define NCM_WORKFLOW_WORKFLOW_H

#include "base/bytes.h"
#include "base/json.h"

#include <ncmodel/workflow.h>

/* carrier.c: the graphs that a file has in it, as texts; each may be NULL, and is freed by the caller. */
struct workflow_texts {
	char *editor; /* as the editor saves it */
	char *server; /* as the server takes it */
};
void workflow_texts_free(struct workflow_texts *texts);
enum workflow_carrier {
	WORKFLOW_NONE,
	WORKFLOW_JSON,
	WORKFLOW_PNG,
	WORKFLOW_EXIF, /* WebP, JPEG */
	WORKFLOW_MATROSKA,
	WORKFLOW_MP4,
};
enum workflow_carrier workflow_carrier_of(const struct ncm_bytes *bytes);
/* Takes them out; none is no error. Class IO, or MANIFEST for what is broken or too large. */
int workflow_texts_take(const struct ncm_bytes *bytes, enum workflow_carrier carrier, struct workflow_texts *texts,
			struct ncm_error *err);

/* Whether a value under that key is worth reading. */
bool workflow_wants(const char *key, size_t size);
/* A value that some container has under a key: kept if it is a graph, or a text that has one in it. */
void workflow_offer(struct workflow_texts *texts, const char *key, size_t key_size, const char *value, size_t size);
/* Bytes of a file with a NUL behind them. NULL with *err: there are not so many, or they are too many. */
char *workflow_bytes(const struct ncm_bytes *bytes, uint64_t at, uint64_t size, struct ncm_error *err);

/* png.c, exif.c, matroska.c, mp4.c */
int workflow_take_png(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err);
int workflow_take_exif(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err);
int workflow_take_matroska(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err);
int workflow_take_mp4(const struct ncm_bytes *bytes, struct workflow_texts *texts, struct ncm_error *err);

/* notes.c: what was found on the way, put together at the end. */
struct workflow_notes {
	struct ncm_workflow *workflow;
	json_t *asked;     /* folder and name → true */
	json_t *offers[2]; /* folder and name → the first of the models[] entries: of active nodes, of others */
	json_t *named;     /* names that nodes have, active or not */
	json_t *told;      /* the last part of an address in a text for people → the address */
	json_t *packs;     /* id and repository → true */
};
struct workflow_notes *workflow_notes_new(void);
/* An active node asks for a file. `folder` and `node` may be NULL. Class MANIFEST: they are too many. */
int workflow_ask(struct workflow_notes *notes, const char *folder, const char *name, const char *node,
		 struct ncm_error *err);
/* An entry of models[]: where a file is, whoever asks for it. */
void workflow_offer_model(struct workflow_notes *notes, const json_t *entry, bool active);
/* A name with '/' for '\\': Windows' spelling is that of a graph which was saved there. The caller frees it. */
char *workflow_plain_name(const char *name);
/* A node has that name. */
void workflow_note_name(struct workflow_notes *notes, const char *name);
bool workflow_has_name(const struct workflow_notes *notes, const char *name);
/* A text for people; the pack that the properties of a node name. */
void workflow_note_prose(struct workflow_notes *notes, const char *text);
void workflow_note_pack(struct workflow_notes *notes, const json_t *properties);
/* The workflow, complete; the notes are freed. */
struct ncm_workflow *workflow_notes_finish(struct workflow_notes *notes);
void workflow_notes_free(struct workflow_notes *notes);

/* read.c: a graph's JSON, in which Python's NaN and Infinity count as 0. `what` as for ncm_json_parse. New reference.
 */
json_t *workflow_parse(const char *text, size_t size, const char *what, struct ncm_error *err);

/* graph.c, prompt.c: what a graph of either form asks for. */
bool workflow_is_graph(const json_t *json);
int workflow_walk_graph(const json_t *graph, struct workflow_notes *notes, struct ncm_error *err);
bool workflow_is_prompt(const json_t *json);
int workflow_walk_prompt(const json_t *prompt, struct workflow_notes *notes, struct ncm_error *err);

/* node.c */
struct workflow_node {
	const char *class;
	const json_t *values; /* of its widgets: an object, or an array with the names beside it */
	const json_t *names;  /* array of texts; or NULL: nothing tells them */
	const json_t *offers; /* its models[]; or NULL */
	bool active;          /* what others ask for is only noted */
};
/* Notes what it asks for. Class MANIFEST: that is too much. */
int workflow_ask_node(struct workflow_notes *notes, const struct workflow_node *node, struct ncm_error *err);
/* Whether such a node is for people alone. */
bool workflow_is_prose(const char *class);

/* packs.c: where its archive is (the caller frees it; or NULL), the folder it is unpacked into (likewise), and what a
 * model is that is one. */
char *workflow_pack_source(const struct ncm_workflow_pack *pack);
char *workflow_pack_folder(const struct ncm_workflow_pack *pack);
void workflow_describe_pack(const struct ncm_workflow_pack *pack, struct ncm_model *model);

/* known.c: the one file of that name that the manifests of a catalog have, and whose it is; or NULL. */
const struct ncm_file_spec *workflow_known_file(const struct ncm_catalog *catalog, size_t count,
						const struct ncm_workflow_model *wanted, size_t *index);

/* The registered file that has the digest, or, of a file without one, the name; NULL: none, or several different ones.
 */
struct ncm_registry;
struct ncm_reg_file;
const struct ncm_reg_file *workflow_known_here(const struct ncm_registry *registry,
					       const struct ncm_workflow_model *wanted);

/* loaders.c: the folder that such a node takes the file of an input from; `input` may be NULL. NULL: not known. */
const char *workflow_folder_of(const char *class, const char *input);
/* Whether a text is the name of a file that models come in. */
bool workflow_is_model_name(const char *text);

#endif
