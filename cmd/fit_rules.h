/* SPDX-License-Identifier: MIT */
/* What a profile's document says of memory, held against its models. */
#ifndef CMD_FIT_RULES_H
#define CMD_FIT_RULES_H

#include "fit_json.h"

#include <ncmodel/fit_rules.h>

/* The rules of the first of the session's profiles whose document has it, in *rules; NULL: none has. Returns 0, or -1
 * with *err. */
int rules_find(const struct session *session, bool (*has)(const struct ncm_fit_rules *rules),
	       struct ncm_fit_rules **rules, struct ncm_error *err);

/* Tells of each model what the preload set and the matrix mean for it, or (`stages`) of each stage; puts the same into
 * `data`. Returns the exit code. */
int rules_show(struct session *session, const struct fit_row *rows, size_t count, const struct card *card,
	       const struct ncm_fit_wish *wish, bool stages, json_t *data);

/* What the stages of a profile's document load, each against the card. */
struct stages {
	struct ncm_fit_rules *rules;
	uint64_t card; /* bytes: of the machine's card, else of the document's; 0: not known */
	struct stage_need {
		const struct ncm_fit_stage *stage; /* of the rules */
		bool known;                        /* all that it loads is */
		uint64_t sum;                      /* bytes */
		enum ncm_fit_verdict verdict;      /* YES, NO or NOT_KNOWN */
	} * items;
	size_t count;
};
/* Of each of the session's profiles that has some, added to *all; the catalog is loaded. Returns 0, or -1 with *err.
 * Clear each, also then, and free *all. */
int stages_find(const struct session *session, struct stages **all, size_t *count, struct ncm_error *err);
void stages_clear(struct stages *stages);
/* A new reference. */
json_t *stage_json(const struct stage_need *need);
/* "fits", "too large", "not known". Static. */
const char *stage_word(const struct stage_need *need);
/* The models that it loads, safe; "nothing" without any. The caller frees it. */
char *stage_models(const struct stage_need *need);

#endif
