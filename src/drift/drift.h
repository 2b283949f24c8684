/* SPDX-License-Identifier: MIT */
/* What lock, diff and outdated share: entries, sides that are compared, and many look-ups at once. */
#ifndef NCM_DRIFT_DRIFT_H
#define NCM_DRIFT_DRIFT_H

#include "plan/plan.h"

#include <ncmodel/drift.h>

/* drift.c */
/* An entry for each wanted of the run, in its order, UNKNOWN so far. */
struct ncm_drift *drift_new(const struct run *run);
struct ncm_drift_entry *drift_add(struct ncm_drift *drift, const char *model, const char *uri);
/* Says what it means; replaces what was said before. */
void drift_say(struct ncm_drift_entry *entry, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* GONE when upstream has no such thing, else UNKNOWN. Moves the error; *why is clear afterwards. */
void drift_fail(struct ncm_drift_entry *entry, struct ncm_error *why);
/* The same for a source's own words, which do not name our model. */
void drift_fail_asking(struct ncm_drift_entry *entry, struct ncm_error *why);
/* Counts the states. `extra`: EXTRA is a difference. */
void drift_count(struct ncm_drift *drift, bool extra);

/*
 * Calls look(run, i, entry, context) for each wanted that `asked` marks, RESOLVE_THREADS at once, and tells how far it
 * is. Each fills its own entry. Returns 0, or -1 with INTERRUPTED.
 */
typedef void drift_look(struct run *run, size_t wanted, struct ncm_drift_entry *entry, const void *context);
int drift_ask(struct run *run, struct ncm_drift *drift, const bool *asked, drift_look *look, const void *context,
	      struct ncm_error *err);

/* compare.c */
/* One file as one side knows it. Strings are borrowed. */
struct side_file {
	const char *name;
	const char *kind; /* of an Ollama layer: "model", "template" …; else NULL */
	uint64_t size;    /* 0: unknown */
	bool size_is_rough;
	bool has_sha256;
	struct ncm_sha256 sha256;
	bool has_git_sha1;
	struct ncm_sha1 git_sha1;
	bool paired;
};

struct side {
	struct side_file *files;
	size_t count;
};
struct side side_of_lock(const struct ncm_lock_entry *entry);
struct side side_of_resolution(const struct ncm_resolution *resolution);
void side_clear(struct side *side);
#define AUTO_SIDE __attribute__((cleanup(side_clear)))

/*
 * Puts the files that differ into the entry, and both sizes. Where one side knows git's digest alone and the other the
 * SHA-256 alone, `one_revision` decides: a revision stands still, another one may have other bytes. Sorts the sides.
 */
void sides_compare(struct side *before, struct side *after, bool one_revision, struct ncm_drift_entry *entry);
/* The bytes of the differing files that no registered model has. */
uint64_t sides_to_get(const struct run *run, const struct ncm_drift_entry *entry);
/*
 * What the source says of the revision that an entry moved away from: small files of Hugging Face have no SHA-256 to
 * compare. NULL if it is not needed or cannot be had. ncm_resolution_free is for the caller.
 */
struct ncm_resolution *side_ask_before(struct run *run, const struct wanted *wanted, const char *uri,
				       const char *revision, const struct ncm_resolution *found);
/* Says what a move means: how many files or layers are others, and what became of family, size and quantization. */
void drift_explain(const struct run *run, const struct ncm_resolution *found, struct ncm_drift_entry *entry);

/* probe.c: what a server says without handing out content. */
/* The spec without what pins an Ollama manifest, so that the tag itself is looked at. Shallow. */
struct ncm_file_spec probe_unpinned(const struct ncm_file_spec *spec);
/* Asks a plain URL for its length. *size is 0 if the server does not tell it. */
int probe_url(struct run *run, const struct wanted *wanted, const char *uri, uint64_t *size, struct ncm_error *err);
/* Whether a service hands out the file behind an URL of its own, to us and now. */
int probe_served(struct run *run, const struct wanted *wanted, const struct ncm_resolution *of, const char *url,
		 struct ncm_error *err);

/* census.c: what the manifests of all profiles name, and what models.json came from. */
struct census_catalog {
	struct ncm_catalog *catalog;
	struct known_catalog *known;
};

struct census {
	struct census_catalog *catalogs;
	size_t count;
	struct ncm_strings uris; /* sorted */
};
int census_take(const struct run *run, struct census *census, struct ncm_error *err);
bool census_has_model(const struct census *census, const struct ncm_reg_model *entry);
bool census_has_source(const struct census *census, const struct ncm_lock_entry *entry);
void census_clear(struct census *census);
#define AUTO_CENSUS __attribute__((cleanup(census_clear)))

#endif
