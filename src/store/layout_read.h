/* SPDX-License-Identifier: MIT */
/* A layout's file as it stands there: what it says of this machine is layout.c's to find. */
#ifndef NCM_STORE_LAYOUT_READ_H
#define NCM_STORE_LAYOUT_READ_H

#include "store/location.h"

struct layout_words {
	char *name;
	char *registry; /* below the root, or absolute */
	struct store_word *stores;
	size_t count;
};

/* Reads it; words are all zero, and cleared by the caller even after a failure. Class MANIFEST with all faults; IO,
 * with errno ENOENT if there is no such file. */
int layout_read(const char *file, struct layout_words *words, struct ncm_error *err);
void layout_words_clear(struct layout_words *words);

#endif
