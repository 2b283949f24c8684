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
	char *path; /* where the application looks for it, absolute */
	char *real; /* where it is, all links resolved */
	char *text; /* a NUL behind; NULL: it is not there */
	size_t size;
	struct os_stat status;
};

/*
 * Reads the file below the folder; one that is not there is fine. POLICY (another user's link is on the way from the
 * folder), IO. Clear with settings_clear.
 */
int settings_read(const char *folder, const char *path, struct settings_file *file, struct ncm_error *err);
/* Whether it may be replaced: POLICY says why not. */
int settings_check(const struct settings_file *file, struct ncm_error *err);
/*
 * Gives its place the new bytes (NULL: none, the file is removed), if it is still as it was read: POLICY if not.
 * `keep`: the old bytes stay beside it under that name (below its folder).
 */
int settings_replace(const struct settings_file *file, const char *text, size_t size, const char *keep,
		     struct ncm_error *err);
void settings_clear(struct settings_file *file);

/*
 * settings_replace as the options have it, told in the report and in the log: nothing with dry_run, and nothing where
 * the bytes are the same.
 */
void settle(struct work *work, const struct settings_file *file, struct ncm_configure_file *out, const char *text,
	    size_t size, const char *keep);
/* The file stays as it is; takes *err. */
void settle_refused(struct work *work, struct ncm_configure_file *out, struct ncm_error *err);

#endif
