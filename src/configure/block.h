/* SPDX-License-Identifier: MIT */
/*
 * One marked block of ours at the end of a text of lines in which '#' begins a comment (YAML, INI):
 *
 *	# >>> ncmodel
 *	…
 *	# <<< ncmodel 0123456789ab
 *
 * All other bytes stay as they are: byte order mark, ends of lines, and whether the last line has an end. The digits
 *are of the block's own lines: one that somebody edited is his.
 */
#ifndef NCM_CONFIGURE_BLOCK_H
#define NCM_CONFIGURE_BLOCK_H

#include "configure/door.h"

/* The file without our block, and where that was. */
struct block {
	char *rest;
	size_t rest_size;
	size_t at; /* in `rest` */
	bool is_there;
	bool was_new;    /* we made the file */
	bool was_joined; /* the line before it had no end, and got one of us, which `rest` has not */
};

/* POLICY: a block that was edited, more than one, half of one, or a text that is no UTF-8. Clear with block_clear. */
int block_take(const struct settings_file *file, struct block *block, struct ncm_error *err);
void block_clear(struct block *block);
/* The whole text with these lines ("…\n", LF) as the block, where it was or at the end. The caller frees it. */
char *block_put(const struct settings_file *file, const struct block *block, const char *lines, size_t *size);
/* settle with the block taken out, and the file with it if we made it and nobody else put anything there. */
void settle_without(struct work *work, const struct settings_file *file, const struct block *block,
		    struct ncm_configure_file *out);

#endif
