/* SPDX-License-Identifier: MIT */
/* Is everything that models.json names there, and byte for byte what it was? */
#ifndef NCMODEL_VERIFY_H
#define NCMODEL_VERIFY_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_verdict {
	NCM_VERDICT_OK,
	NCM_VERDICT_MISSING,
	NCM_VERDICT_SIZE,    /* another size than recorded */
	NCM_VERDICT_DAMAGED, /* another digest than recorded */
	NCM_VERDICT_CHANGED, /* --quick: the mtime differs; the content may be right */
	NCM_VERDICT_UNREADABLE,
};

/* Bytes of a file: from `start`, up to but without `end`. */
struct ncm_verify_range {
	uint64_t start;
	uint64_t end;
};

struct ncm_verify_file {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *file;
	enum ncm_verdict verdict;
	uint64_t size_found;
	struct ncm_sha256 sha256_found;
	char *detail; /* why, when not OK; or NULL */
	/* When DAMAGED: where, to 16 MiB, in order, apart. None if no checkpoints tell. */
	struct ncm_verify_range *damaged;
	size_t damaged_count;
};

struct ncm_verify_report {
	struct ncm_registry *registry; /* owned; the files point into it. NULL in a survey's report, which has them */
	struct ncm_verify_file *files; /* a model's stand together */
	size_t count;
	struct ncm_strings extra; /* files in the folders of the models that no model names, as absolute paths */
	uint64_t bytes;           /* hashed */
	double seconds;
	bool quick;
	size_t models, models_ok;
	void *memory; /* of what models.json does not have */
};

/*
 * Checks every file of every chosen registered model: all cores, big files first. A file whose SHA-256 checkpoints the
 * store has is read by all cores at once, and damage is found to 16 MiB; one that has none is hashed from start to end,
 * and gets them. What the page cache holds is read from it, everything else past it. An Ollama model's manifest is
 * read, and every blob that it names is checked. Results are written back (verified_at, verify_result) unless quick.
 * Free the report with ncm_verify_free. Fails only if the check could not be made; damage is in the report.
 */
struct ncm_verify_report *ncm_verify(const struct ncm_config *config, const struct ncm_selector *selector, bool quick,
				     const struct ncm_sink *sink, struct ncm_error *err);
void ncm_verify_free(struct ncm_verify_report *report);
const char *
ncm_verdict_name(enum ncm_verdict verdict); /* "ok", "missing", "size", "damaged", "changed", "unreadable" */

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
