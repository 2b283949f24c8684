/* SPDX-License-Identifier: MIT */
/* What rm and gc show, ask and tell. */
#ifndef CMD_REMOVAL_VIEW_H
#define CMD_REMOVAL_VIEW_H

#include "session.h"

#include <ncmodel/upkeep.h>

/*
 * Shows what is to go, asks if it must, has it removed and tells what came of it. `removal` is freed. Returns the exit
 * code.
 */
int removal_carry_out(struct session *session, struct ncm_removal *removal);

/* {"files", "bytes", "first", "last"} of what waits for its age. New reference. */
json_t *waiting_json(const struct ncm_waiting *waiting);
/* "until 2026-11-29 14:05": when the last of it may go, and the first if that is earlier. The caller frees it. */
char *waiting_until(const struct ncm_waiting *waiting);

/* -n, -y and --no-wait, for the option tables of both. */
extern const struct option_group options_removal;

#endif
