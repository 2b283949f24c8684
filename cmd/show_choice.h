/* SPDX-License-Identifier: MIT */
/* Which models `show` shows. */
#ifndef CMD_SHOW_CHOICE_H
#define CMD_SHOW_CHOICE_H

#include "session.h"

#include <ncmodel/registry.h>

/* A model as a manifest offers it, as it is registered, or both; the other is NULL. */
struct shown {
	const struct ncm_model *offered;
	const struct ncm_reg_model *registered;
};

struct shown_list {
	struct shown *items;
	size_t count;
};

/*
 * What the names and selectors choose, of the catalog (if there is one) and of what is installed. The caller frees
 * list->items. Errors have been told; the exit code is returned.
 */
int show_choose(struct session *session, const struct ncm_registry *registry, struct shown_list *list);

#endif
