/* SPDX-License-Identifier: MIT */
/*
 * Servers that cannot be reached: one trouble each, however many models it keeps from being had, and told once. If none
 * was reached at all, it is one trouble for all.
 */
#ifndef CMD_CUT_OFF_H
#define CMD_CUT_OFF_H

#include "ui/report.h"

#include <ncmodel/manifest.h>
#include <stddef.h>

struct cut_off_server;

struct cut_off {
	struct report *report;
	const char *how; /* it went with the servers that were asked; NULL: one has answered */
	struct cut_off_server *servers;
	size_t count;
};

/* Takes an error that is of this trouble; it is borrowed until cut_off_tell. False if it is none. */
bool cut_off_takes(struct cut_off *cut_off, const struct ncm_error *err, const char *model);
/* Tells what was taken: to people once, to programs of each model. Returns the exit code, 0 if there was nothing. */
int cut_off_tell(struct cut_off *cut_off);

#endif
