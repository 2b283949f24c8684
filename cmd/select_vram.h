/* SPDX-License-Identifier: MIT */
/* What installed models take of a card at the context that is asked for. */
#ifndef CMD_SELECT_VRAM_H
#define CMD_SELECT_VRAM_H

#include "session.h"

/*
 * With --vram, counts from their headers what those candidates take that are installed and whom no other demand leaves
 * out; the others keep what is stated. The rule is as for ncm_choose.
 */
void select_count_vram(const struct ncm_task *task, const struct ncm_rule *rule, struct ncm_candidate *candidates,
		       size_t count);

#endif
