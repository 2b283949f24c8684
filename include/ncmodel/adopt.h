/* SPDX-License-Identifier: MIT */
/* Registers what other tools put on this machine, where it lies: not a byte is moved. */
#ifndef NCMODEL_ADOPT_H
#define NCMODEL_ADOPT_H

#include <ncmodel/survey.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_adopt_verdict {
	NCM_ADOPT_KNOWN,   /* "known": models.json has it already, as it is */
	NCM_ADOPT_NEW,     /* "new": to be registered */
	NCM_ADOPT_CHANGED, /* "changed": registered, and its entry is to be brought up to date */
	NCM_ADOPT_REFUSED, /* "refused": damaged or incomplete; `detail` says why */
};
const char *ncm_adopt_verdict_name(enum ncm_adopt_verdict verdict);

struct ncm_adoption_model {
	struct ncm_reg_model entry; /* as models.json will have it */
	enum ncm_adopt_verdict verdict;
	const char *known_by; /* "manifest", "lock", "ollama", "hf", "civitai", "header", "name", "place". Static */
	char *detail;         /* or NULL */
};

struct ncm_adoption {
	struct ncm_adoption_model *models;
	size_t count;
	size_t known, added, changed, refused;
	struct ncm_unread *unread;
	size_t unread_count;
	uint64_t bytes;  /* of the models that are new */
	uint64_t hashed; /* bytes read */
	double seconds;
};

struct ncm_adopt_options {
	const char *const *stores; /* as in ncm_survey_options */
	size_t store_count;
	const char *const *paths; /* files and folders besides; with any, no store is looked through unless named */
	size_t path_count;
	bool identify; /* ask sources that can tell (Civitai) whose bytes files are that nothing here tells of: their
			  SHA-256 goes there */
	bool dry_run;  /* write nothing */
	bool no_wait;  /* BUSY instead of waiting */
};

/*
 * Finds model files, recognises them (by digest against the catalog's pins and the lock, by Ollama manifest, by the
 * structure of a Hugging Face cache, by sidecar, else by header), and registers them; unknown ones get the readers'
 * defaults. A file that a link leads to at its own name is registered as the link. What lies where models.json does not
 * have it and has the digest of a file that is gone is that file, moved: its entry follows. Files keep how they came;
 * what is new is adopted, with a source where one is known to have these bytes. `catalog` may be NULL. A second run
 * changes nothing. Classes USAGE, IO, REGISTRY, BUSY, INTERRUPTED. Free with ncm_adoption_free.
 */
struct ncm_adoption *ncm_adopt(const struct ncm_config *config, const struct ncm_catalog *catalog,
			       const struct ncm_adopt_options *options, const struct ncm_sink *sink,
			       struct ncm_error *err);
void ncm_adoption_free(struct ncm_adoption *adoption);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
