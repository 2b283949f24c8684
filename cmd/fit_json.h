/* SPDX-License-Identifier: MIT */
#ifndef CMD_FIT_JSON_H
#define CMD_FIT_JSON_H

#include "fit_spread.h"

/* What was found of one model beside its sum. */
struct fit_row {
	struct need need;
	enum ncm_fit_verdict verdict;
	unsigned layers_that_fit;   /* when not all do; 0: not asked, or none */
	uint64_t context_that_fits; /* 0: not asked, or none */
	uint64_t document_context;  /* that it was counted at, because the profile's document works at it; 0: another */
	const struct ncm_model *sibling; /* the largest of its family that fits where it does not; or NULL */
	uint64_t together;               /* bytes of the card, with what stays loaded beside it; `verdict` is of that */
	bool together_known;             /* else it is at least so much */
	bool together_counted;           /* by headers, all of it */
	struct spread spread;            /* where `verdict` is of several cards together */
};
struct fit_rows {
	struct fit_row *items;
	size_t count;
};

/* New references. */
json_t *fit_card_json(const struct card *card);
json_t *fit_cards_json(const struct card *card); /* all of them; there are none with --vram */
json_t *fit_row_json(const struct fit_row *row);
json_t *fit_resident_json(const struct fit_rows *resident);

#endif
