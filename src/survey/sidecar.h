/* SPDX-License-Identifier: MIT */
/* What the files beside a model say, one function a kind. */
#ifndef NCM_SURVEY_SIDECAR_H
#define NCM_SURVEY_SIDECAR_H

#include "source/card.h"
#include "survey/work.h"

/* Strings but the claims' are borrowed from the JSON. */
struct told {
	struct ncm_survey_claim *claims; /* the likeliest first */
	size_t claim_count;
	uint64_t model, version, file; /* Civitai's; 0: not told. `file` is the likeliest one's */
	const char *name, *kind;       /* or NULL */
	struct ncm_card card;          /* its own */
	bool is_any;                   /* a file whose name many have is a sidecar after all */
};

struct sidecar_kind {
	const char *ending;
	/* `name`: of the model's file. NULL: a text of sha256sum, for sidecar_read_sum. */
	void (*read)(const json_t *info, const char *name, struct told *told);
	bool is_common; /* other files have such names, too: only what it holds tells */
};
/* NULL for a name that is no sidecar's. */
const struct sidecar_kind *sidecar_kind_of(const char *name);
/* Changes the text. */
void sidecar_read_sum(char *text, const char *name, struct told *told);
/* The canonical spelling of a file (0: none in particular) of what is told, or NULL. The caller frees it. */
char *told_source(const struct told *told, uint64_t file);
/* Frees what nobody took of it. */
void told_clear(struct told *told);

#endif
