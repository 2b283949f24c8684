/* SPDX-License-Identifier: MIT */
/* A machine without a network: one trouble, however many models it keeps from being had, and told once. */
#ifndef CMD_CUT_OFF_H
#define CMD_CUT_OFF_H

#include "ui/report.h"

#include <stddef.h>

struct cut_off {
	struct report *report;
	const char
	    *how; /* it went with the servers that were asked; NULL: one has answered, and each error is its own */
	size_t models;
	const struct ncm_error *first; /* of them; borrowed until cut_off_tell */
	const char *first_model;
};

/* Takes an error that is of this trouble. False if it is none. */
bool cut_off_takes(struct cut_off *cut_off, const struct ncm_error *err, const char *model);
/* Tells what was taken: to people once, to programs of each model. Returns the exit code, 0 if there was nothing. */
int cut_off_tell(const struct cut_off *cut_off);

#endif
