/* SPDX-License-Identifier: MIT */
/* What else `fit` takes from a profile's document and its models: contexts, families, training. */
#ifndef CMD_FIT_FAMILY_H
#define CMD_FIT_FAMILY_H

#include "fit_json.h"

/* Counts those anew that the document of their profile works with at a context of its own. */
void family_count(const struct session *session, struct fit_row *rows, size_t count);
/* Of each model that is not known to fit: the largest of its family, in its profile, that is. */
void family_find(const struct session *session, struct fit_row *rows, size_t count, const struct ncm_fit_wish *wish,
		 const struct card *card);
/* What the profile's document can train of these on the card; USAGE if it says nothing of training. The exit code. */
int training_show(struct session *session, const struct fit_row *rows, size_t count, const struct card *card);

#endif
