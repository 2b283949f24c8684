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

struct identity;

/* One file that may be registered. Strings are the survey's but for the path. */
struct found_file {
	const struct ncm_survey_file *seen;
	char *path;        /* of the regular file or the link to it, as adopt_canonical spells it; its own */
	char *target;      /* that is a link: the regular file that it leads to; its own. Else NULL */
	const char *store; /* NULL: outside every store */
	const char *role;
	uint64_t size;
	int64_t mtime_ns;
	bool has_sha256; /* of its bytes as they are now */
	struct ncm_sha256 sha256;
	const struct ncm_reg_file *record; /* of models.json, at this path or where it was moved from; or NULL */
	bool moved;
	struct identity *identity; /* owned; NULL: nobody was found who has these bytes */
	char *doubt; /* its structure does not hold, or sidecars tell other digests: counts unless a digest is met */
};

/* Where a store really lies, or a folder of the layout's that is a link out of its store. */
struct root {
	char *real;
	const struct ncm_store *store;
	const char *below; /* that folder, below the store; "": the store itself. Borrowed */
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
	struct root *roots;
	size_t root_count;
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
/* The same of a link itself: links above it are followed, it is not. */
char *adopt_canonical_link(const struct adopt *adopt, const char *path, const struct ncm_store **store);
/* What the user named: the link if it is one to a file, else adopt_canonical. */
char *adopt_named(const struct adopt *adopt, const char *given, const struct ncm_store **store);
/* Surveys the stores and paths, and takes over their models. */
int adopt_gather(struct adopt *adopt, struct ncm_error *err);
void adopt_free_found(struct adopt *adopt);

/* compare.c: what models.json has of it, and what need not be read because it is broken already. */
void adopt_compare(struct adopt *adopt);
/* Refuses a model; takes `detail`. */
void adopt_refuse(struct adopt *adopt, struct found *found, char *detail);

/* Whether nothing is at a registered path any more; false where that cannot be told. */
bool adopt_is_gone(const struct ncm_reg_file *file);

/* moved.c: what was read and has no entry, but the digest of a registered file: that one moved, or another copy of it.
 */
void adopt_find_moved(struct adopt *adopt);

/* follow.c: what no survey finds, but lies in the new folder of a store as it lay in the old one. */
void adopt_follow(struct adopt *adopt);

/* Whether the stores and paths that were asked for have something to do with the store. */
bool adopt_looks_at(const struct adopt *adopt, const struct ncm_store *store);

/* Whether the names and listings of its own application tell what model it is. */
bool found_is_told(const struct found *found);
/* Whether this file says what model it is. Tags share blobs, and commits share files beside the weights. */
bool found_decides(const struct found *found, const struct found_file *file);
/* An Ollama model's manifest, or NULL. Borrowed. */
const struct found_file *found_manifest(const struct found *found);
/* The first doubt about any of its files, or NULL. Borrowed. */
const char *found_doubt(const struct found *found);

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
	const struct ncm_file_spec *spec;
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

/* origin.c: what is known to bring a file's bytes back. */
struct origin {
	char *source; /* canonical, pinned; or NULL */
	char *revision;
};
/* The claim whose digest the file has, or NULL. Borrowed. */
const struct ncm_survey_claim *origin_claim(const struct found_file *file);
/* By the sidecar, listing or manifest of another tool whose digest the file has. Free with origin_clear. */
struct origin origin_of(const struct found *found, const struct found_file *file);
/* By a manifest's file spec, or the lock's word on it. */
struct origin origin_of_spec(const struct adopt *adopt, const struct ncm_file_spec *spec);
void origin_clear(struct origin *origin);
/* What the survey tells of the model, with no source but what its digest proves. */
void origin_describe(const struct found *found, struct ncm_reg_model *entry);

/* identify.c: of files that nothing tells of, by their digest. */
struct identity {
	struct origin origin;         /* its source is never NULL */
	char *license, *architecture; /* or NULL */
	struct ncm_card card;         /* what its page tells, of who was asked */
	const char *known_by;         /* who was asked: "civitai"; NULL: a copy of what lock or manifests pin. Static */
};
void adopt_identify(struct adopt *adopt);
/* Sets source, revision, trust, and what else nothing has told yet. */
void identity_describe(const struct identity *identity, struct ncm_reg_model *entry);
void identity_free(struct identity *identity);

/* entry.c: entries of models.json, with strings of their own. `origin` may be NULL: nothing is known. */
void entry_add_file(struct ncm_reg_model *entry, const struct found_file *file, const char *role,
		    const struct origin *origin);
/* A file of the found model, with what is known of its origin. */
void entry_add_found(struct ncm_reg_model *entry, const struct found *found, const struct found_file *file,
		     const char *role);
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
