/* SPDX-License-Identifier: MIT */
#ifndef CMD_FIT_TABLE_H
#define CMD_FIT_TABLE_H

#include "fit_json.h"

/* A line for each model with a bar of what it takes of the card, beside what stays loaded; `verbose`: its parts and
 * remarks, too. */
void fit_table_print(const struct fit_rows *rows, const struct fit_rows *resident, const struct card *card,
		     bool verbose);

#endif
