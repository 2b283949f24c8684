/* SPDX-License-Identifier: MIT */
/* Whose word it is that a file is ours: see authority.c. */
#ifndef NCM_REGISTRY_AUTHORITY_H
#define NCM_REGISTRY_AUTHORITY_H

#include "os/os.h"

#include <stdbool.h>
#include <stddef.h>

struct authority {
	bool anybody;    /* it cannot be told who says so */
	bool modeless;   /* because its file system keeps no modes: whoever says so may remove what is there, too */
	uint64_t device; /* that one */
	uint32_t owner;  /* of the file */
	uint32_t users[3];
	size_t count;
	uint32_t groups[2]; /* each of their members */
	size_t group_count;
};

/* Of models.json. */
struct authority authority_of_registry(const char *path);
/* Of an open note in the open folder of notes. */
struct authority authority_of_note(int notes, int note);
/* Whether all who may have said it could remove the file from its folder themselves. */
bool authority_is_believed(const struct authority *authority, const struct os_stat *folder, const struct os_stat *file);
/*
 * The same of a path where nothing is deleted for good: in a folder that anybody may write, anybody is believed; and
 * where no file is, they have to be able to make one.
 */
bool authority_is_believed_of(const struct authority *authority, const char *path);

#endif
