/* SPDX-License-Identifier: MIT */
/*
 * The one door to settings files that are somebody's: read, and replaced at once by what was made of them. A link is
 * followed if the user or root made it; the file is to be the user's, alone of its inode, and written by nobody now.
 */
#ifndef NCM_CONFIGURE_DOOR_H
#define NCM_CONFIGURE_DOOR_H

#include "configure/work.h"

#include "os/os.h"

struct settings_file {
	char *path; /* where the application looks for it, absolute; NULL: nothing was read */
	char *base; /* the application's folder, which it is below */
	char *real; /* where it is, all links resolved */
	int folder; /* the one that it is in, open; -1: that is not there */
	char *name; /* there */
	char *text; /* a NUL behind; NULL: it is not there */
	size_t size;
	struct os_stat status;
};

/*
 * Reads the file below the folder; one that is not there is fine. POLICY (another user's link is on the way from the
 * folder), IO. Clear with settings_clear.
 */
int settings_read(const char *folder, const char *path, struct settings_file *file, struct ncm_error *err);
/* Reads the file of that name beside another. As settings_read. */
int settings_read_beside(const struct settings_file *beside, const char *name, struct settings_file *file,
			 struct ncm_error *err);
void settings_clear(struct settings_file *file);

/*
 * Gives its place the new bytes (NULL: none, the file is removed), if it is still as it was read and the options have
 * it so; told in the report and in the log. `keep`: the old bytes stay beside it under that name (below its folder).
 */
void settle(struct work *work, const struct settings_file *file, struct ncm_configure_file *out, const char *text,
	    size_t size, const char *keep);
/* The file stays as it is; takes *err. */
void settle_refused(struct work *work, struct ncm_configure_file *out, struct ncm_error *err);

#endif
