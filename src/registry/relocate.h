/* SPDX-License-Identifier: MIT */
/* Files that have other places now. */
#ifndef NCM_REGISTRY_RELOCATE_H
#define NCM_REGISTRY_RELOCATE_H

#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry_move {
	const char *id;        /* of a model that registered it */
	const char *from, *to; /* absolute */
	const char *store;     /* id of the store that it lies in now */
	int64_t mtime_ns;      /* of the file at its new place; a link keeps that of what it leads to */
	bool is_link;
};

/* Writes all of it in one replacement of models.json; nothing else of an entry changes. */
int registry_relocate(const char *path, const struct registry_move *moves, size_t count, struct ncm_error *err);

#endif
