/* SPDX-License-Identifier: MIT */
/* What else `fit` takes from a profile's document and its models: contexts, families, training. */
#ifndef CMD_FIT_FAMILY_H
#define CMD_FIT_FAMILY_H

#include "fit_json.h"

/* The tokens that the document of the model's profile works at with it; 0: it says nothing of that. */
uint64_t family_context(const struct session *session, const struct ncm_model *model);
/* Of each model that is not known to fit: the largest of its family, in its profile, that is. */
void family_find(const struct session *session, struct fit_row *rows, size_t count, const struct ncm_fit_wish *wish,
		 const struct card *card);
/* What the profile's document can train of these on the card; USAGE if it says nothing of training. The exit code. */
int training_show(struct session *session, const struct fit_row *rows, size_t count, const struct card *card);

#endif
