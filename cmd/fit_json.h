/* SPDX-License-Identifier: MIT */
#ifndef CMD_FIT_JSON_H
#define CMD_FIT_JSON_H

#include "fit_view.h"

/* What was found of one model beside its sum. */
struct fit_row {
	struct need need;
	enum ncm_fit_verdict verdict;
	unsigned layers_that_fit;   /* when not all do; 0: not asked, or none */
	uint64_t context_that_fits; /* 0: not asked, or none */
	uint64_t document_context;  /* that it was counted at, because the profile's document works at it; 0: another */
	const struct ncm_model *sibling; /* the largest of its family that fits where it does not; or NULL */
};

/* New references. */
json_t *fit_card_json(const struct card *card);
json_t *fit_row_json(const struct fit_row *row);

#endif
