/* SPDX-License-Identifier: MIT */
#ifndef CMD_FIT_CHOICES_H
#define CMD_FIT_CHOICES_H

#include "fit_json.h"

/* Tells the quantizations of each repository among the operands, the best that fits beside what stays loaded marked.
 * The exit code. */
int fit_choices_show(struct session *session, const struct ncm_fit_wish *wish, const struct fit_rows *resident,
		     const struct card *card);

#endif
