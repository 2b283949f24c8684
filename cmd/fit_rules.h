/* SPDX-License-Identifier: MIT */
/* What a profile's document says of memory, held against its models. */
#ifndef CMD_FIT_RULES_H
#define CMD_FIT_RULES_H

#include "fit_json.h"

/* Tells of each model what the preload set and the matrix mean for it, or (`stages`) of each stage; puts the same into
 * `data`. Returns the exit code. */
int rules_show(struct session *session, const struct fit_row *rows, size_t count, const struct card *card,
	       const struct ncm_fit_wish *wish, bool stages, json_t *data);

#endif
