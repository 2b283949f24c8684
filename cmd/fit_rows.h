/* SPDX-License-Identifier: MIT */
/* The models that `fit` is asked about: files, names of manifests, sources spelled out. */
#ifndef CMD_FIT_ROWS_H
#define CMD_FIT_ROWS_H

#include "fit_json.h"

/* Those that the operands and selectors mean: without any, all of the profile. Returns 0, or -1 with *err. */
int fit_rows_asked(struct session *session, const struct ncm_fit_wish *wish, struct fit_rows *rows,
		   struct ncm_error *err);
/* Those of these names alone. Returns 0, or -1 with *err. */
int fit_rows_named(struct session *session, const struct ncm_strings *names, const struct ncm_fit_wish *wish,
		   struct fit_rows *rows, struct ncm_error *err);
void fit_rows_free(struct fit_rows *rows);

#endif
