/* SPDX-License-Identifier: MIT */
/*
 * Surveys tell what lies there without reading it; models.json tells what of it is registered and has not changed
 * since. The rest is read once, and its digests are held against what manifests and the lock pin. What nothing pins is
 * registered as the survey sees it.
 */
#ifndef NCM_ADOPT_ADOPT_H
#define NCM_ADOPT_ADOPT_H

#include "base/json.h"
#include "manifest/lock.h"
#include "registry/model.h"
#include "store/store.h"

#include <ncmodel/adopt.h>

/* One file that may be registered. Strings are the survey's but for the path. */
struct found_file {
	const struct ncm_survey_file *seen;
	char *path;        /* of the regular file, as adopt_canonical spells it; its own */
	const char *store; /* NULL: outside every store */
	const char *role;
	uint64_t size;
	int64_t mtime_ns;
	bool has_sha256; /* of its bytes as they are now */
	struct ncm_sha256 sha256;
};

/* One model that a survey found. */
struct found {
	const struct ncm_survey_model *seen;
	struct found_file *files;
	size_t file_count;
	const struct ncm_reg_model *registered; /* has what decides which model it is; or NULL */
	bool known;                             /* registered, and unchanged */
	bool to_read;                           /* its bytes are to be looked at */
	bool taken;                             /* what it has went into an entry */
	bool refused;
	char *doubt; /* a sidecar tells another digest, which counts unless a manifest or the lock knows the bytes */
};

struct adopt {
	const struct ncm_config *config;
	const struct ncm_adopt_options *options;
	const struct ncm_sink *sink;
	struct ncm_layout *layout;
	char *registry_path;
	struct ncm_registry *registry;
	struct ncm_lock *lock;
	const struct ncm_catalog **catalogs; /* the given one first, then those of the other profiles, which are ours */
	size_t catalog_count;
	char **roots; /* where each store of the layout really lies; NULL: not there */
	struct ncm_survey **surveys;
	size_t survey_count;
	struct found *found;
	size_t found_count;
	json_t *by_path;           /* of files found: those that stand for their model */
	json_t *by_digest;         /* hex → array of [found, file] */
	json_t *ids;               /* in use, in lower case */
	struct ncm_strings pinned; /* URIs that got an entry in the lock (in memory) */
	struct ncm_adoption *adoption;
};

/* gather.c */
void adopt_find_roots(struct adopt *adopt);
/*
 * Where a path really lies: links are followed, and below a store it is spelled as the layout spells the store, so that
 * one file has one name however it was come by. *store is the innermost around it, or NULL. The caller frees it.
 */
char *adopt_canonical(const struct adopt *adopt, const char *path, const struct ncm_store **store);
/* Surveys the stores and paths, and takes over their models. */
int adopt_gather(struct adopt *adopt, struct ncm_error *err);
void adopt_free_found(struct adopt *adopt);

/* compare.c: what models.json has of it, and what need not be read because it is broken already. */
void adopt_compare(struct adopt *adopt);
/* Refuses a model; takes `detail`. */
void adopt_refuse(struct adopt *adopt, struct found *found, char *detail);

/* content.c: reads what is to be read, refuses what is not what it should be, and fills by_digest. */
void adopt_read(struct adopt *adopt);

/* match.c: what manifests and the lock pin. */
void adopt_match_manifests(struct adopt *adopt);
void adopt_match_lock(struct adopt *adopt);

/*
 * beside.c: looks for these bytes in a file that no application takes for a model, where the target has it. NULL if
 * they are not there. Freed by beside_free.
 */
struct found_file *beside_find(const struct adopt *adopt, const struct ncm_file_spec *spec,
			       const struct ncm_target *target, const struct ncm_sha256 *sha256);
void beside_free(struct found_file *file);

/* forms.c: the files of one form of a model (its own, or a variant's), found by their digests. */
struct form {
	const struct ncm_model *model;
	const struct ncm_variant *variant; /* NULL: its own files */
};
struct piece {
	struct found *found; /* NULL: no model's name, found beside the others where the manifest has it */
	struct found_file *file;
	const char *role; /* the spec's; NULL: the file's own */
};
struct match {
	struct piece *pieces;
	size_t count;
	struct found_file **beside; /* of the pieces those without a found; owned */
	size_t beside_count;
	size_t wanted, had; /* contents */
	bool weights;       /* something of what is there makes the model, and is not a licence or the like */
	char *missing;      /* what is not there; or NULL */
};
/* Whether all of the form is told by digests, so that it can be found at all. */
bool form_is_pinned(const struct adopt *adopt, const struct form *form);
void form_match(const struct adopt *adopt, const struct form *form, struct match *match);
void match_clear(struct match *match);

/* rest.c */
/* What is registered, and has the bytes that were recorded, keeps its entry. */
void adopt_registered(struct adopt *adopt);
/* What nothing pins. */
void adopt_rest(struct adopt *adopt);
/* Whether all that was to be read of it was read: not so after an interruption. */
bool found_is_read(const struct found *found);

/* entry.c: entries of models.json, with strings of their own. */
void entry_add_file(struct ncm_reg_model *entry, const struct found_file *file, const char *role);
/* Whether nobody had the id; it is in use from now on. */
bool adopt_use_id(const struct adopt *adopt, const char *id);
/* Weights first, sizes summed up, kind and tags where nothing told them. */
void entry_complete(struct ncm_reg_model *entry);
/* Adds a model to the adoption; takes the entry's strings and `detail`. */
void adopt_put(struct adopt *adopt, struct ncm_reg_model *entry, enum ncm_adopt_verdict verdict, const char *known_by,
	       char *detail);

/* record.c: the lock, then models.json. */
void adopt_pin_ollama(struct adopt *adopt, const struct found *found, const char *uri, const char *trust);
int adopt_record(struct adopt *adopt, struct ncm_error *err);

#endif
