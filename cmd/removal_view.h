/* SPDX-License-Identifier: MIT */
/* What rm and gc show, ask and tell. */
#ifndef CMD_REMOVAL_VIEW_H
#define CMD_REMOVAL_VIEW_H

#include "ui/session.h"

#include <ncmodel/upkeep.h>

/*
 * Shows what is to go, asks if it must, has it removed and tells what came of it. `removal` is freed. Returns the exit
 * code.
 */
int removal_carry_out(struct session *session, struct ncm_removal *removal);

/* -n, -y and --no-wait, for the option tables of both. */
extern const struct option_group options_removal;

#endif
