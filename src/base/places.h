/* SPDX-License-Identifier: MIT */
/*
 * Places that cannot all be had: two files under one name, or a file where another needs a folder. Names that a
 * case-insensitive file system could fold together are one name.
 */
#ifndef NCM_BASE_PLACES_H
#define NCM_BASE_PLACES_H

#include <stdbool.h>
#include <stddef.h>

struct ncm_spot {
	const char *root; /* what `path` lies below: a folder's path, or an id; taken as it is */
	const char *path; /* relative */
	bool is_folder;   /* whose files have names of their own: others may lie in it too, but no file in its place */
	size_t number;    /* the caller's: the order in which pairs are told */
};

/*
 * Hears of a pair of which `lower` would lie below the file `upper`, or which has one place (not `below`; `upper` has
 * the smaller number). Returns whether that is a clash: it is none if both are the same bytes, or never wanted
 * together.
 */
typedef bool (*ncm_places_clash)(void *context, const struct ncm_spot *upper, const struct ncm_spot *lower, bool below);

/*
 * Tells `clash` of pairs, until one is a clash for each place; equals of equals are told once. The time grows as that
 * of sorting.
 */
void ncm_places_check(const struct ncm_spot *places, size_t count, ncm_places_clash clash, void *context);

#endif
