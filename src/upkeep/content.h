/* SPDX-License-Identifier: MIT */
/* What lies in the models' folders of a store, as far as gc's own things depend on it. */
#ifndef NCM_UPKEEP_CONTENT_H
#define NCM_UPKEEP_CONTENT_H

#include "store/walk.h"
#include "upkeep/upkeep.h"

struct content {
	struct upkeep *upkeep;
	size_t store;
	const char *folder; /* that is walked */
	json_t *sizes;      /* of files that may have checkpoints */
	bool with_intents;  /* there are notes of what was to be placed (store/staging.h); their names are wanted: */
	json_t *there;      /* of all that is there */
	json_t *registered; /* of all that models.json names */
	bool complete;      /* all was seen: what is in none of these is not there */
};

/* Walks them; our temporaries that lie there are considered at once. */
void content_learn(struct content *content);
void content_clear(struct content *content);
/* Calls `found` for each file of the layout's folders of a store (of all of it, if the layout names none). *folder is
 * the one that it lies in. Returns 0, or -1 if not all of them could be seen, which is said. */
int upkeep_walk_models(struct upkeep *upkeep, size_t store, const char **folder,
		       void (*found)(void *context, const struct ncm_walk_entry *entry), void *context);

#endif
