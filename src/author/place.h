/* SPDX-License-Identifier: MIT */
/* Which folder of an application a list means by a path of the machine that it was written on. */
#ifndef NCM_AUTHOR_PLACE_H
#define NCM_AUTHOR_PLACE_H

#include "store/store.h"

struct list_place {
	const char *store;  /* borrowed from the layout */
	const char *folder; /* the same; NULL: the store's own */
	char *rest;         /* below that; or NULL */
};

/*
 * Finds it: by the application's name in the path and by the folders that the layout gives the applications; else by
 * what people call such folders. What the script makes when it runs ("${WORKSPACE}") may stand before it. `home` is the
 * application where the path fits several; `to` (or NULL) is the one that has to have it. Free with list_place_clear.
 */
bool list_place_find(const struct ncm_layout *layout, const char *path, const char *home, const char *to,
		     struct list_place *place);
void list_place_clear(struct list_place *place);

#endif
