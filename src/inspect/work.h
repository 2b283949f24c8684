/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef NCM_INSPECT_WORK_H
#define NCM_INSPECT_WORK_H

#include "base/bytes.h"
#include "base/json.h"
#include "format/contents.h"

#include <ncmodel/inspect.h>

/* inspection.c: what an inspection's texts and tensors are in. */
struct ncm_inspection_memory {
	struct ncm_contents **contents; /* one a model file */
	size_t count;
	size_t tensor_room;
	struct ncm_facts first; /* of the first model file */
	bool has_first;
};

struct ncm_inspection *inspection_new(char *location);
/* A further file, of whose fields only the name is set; the inspection owns it. */
struct ncm_inspected_file *inspection_add(struct ncm_inspection *inspection, const char *name, const char *role);
void inspection_set(char **fact, const char *text);

/* read.c */
/* Reads the header of one file into the inspection's last file. -1 with *err: its bytes could not be had. */
int inspect_read(struct ncm_inspection *inspection, const struct ncm_bytes *bytes, struct ncm_error *err);
/* Once all files are read: what follows from all of them together. */
void inspect_finish(struct ncm_inspection *inspection);

/* shape.c, window.c, projector.c: the keys of GGUF's metadata by their meaning. */
void inspect_shape(struct ncm_inspection *inspection);
void inspect_layers(struct ncm_inspection *inspection);
void inspect_projector(struct ncm_inspection *inspection);
/* config.c: the same of a config.json of Hugging Face's transformers (json_t object). */
void inspect_config(struct ncm_inspection *inspection, const json_t *config);
/* diffusion.c */
void inspect_diffusion(struct ncm_inspection *inspection);

/* local.c */
/* One file of a model. One that is not there is part of the inspection; -1 with *err: it cannot be read. */
int inspect_local(struct ncm_inspection *inspection, const char *path, const char *role, struct ncm_error *err);
/* ollama.c: the model of an URI of Ollama's, from a local store. 1 with *inspection; 0: no store has it; -1 with *err
 * (*inspection may be set, too). */
int inspect_ollama_store(struct ncm_inspection **inspection, const struct ncm_config *config, const char *uri,
			 struct ncm_error *err);

/* choose.c: which of several files are one model. */
struct parts {
	struct ncm_strings names; /* in order; some may be not among those that were offered: missing */
	char *config;             /* the config.json beside them; or NULL */
	char *index;              /* the index.json that may name more; or NULL */
	char *projector;          /* an mmproj beside a language model; or NULL */
};
/* The model that `name` is a part of. */
void parts_of(const char *name, const struct ncm_strings *offered, struct parts *parts);
/* The first model among what is offered. False: there is none. */
bool parts_choose(const struct ncm_strings *offered, struct parts *parts);
/* Adds the files that an index names ("weight_map"), which lie beside it. */
void parts_index(struct parts *parts, const json_t *index);
void parts_clear(struct parts *parts);

#endif
