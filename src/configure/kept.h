/* SPDX-License-Identifier: MIT */
/*
 * Settings in which no comment can mark what is ours (JSON, FDS): keys that are absent are added, and the old bytes
 * stay beside the file as NAME.before-ncmodel-<digits of the new ones>. They come back if the file is still those.
 */
#ifndef NCM_CONFIGURE_KEPT_H
#define NCM_CONFIGURE_KEPT_H

#include "configure/door.h"

/* settle with the old bytes kept; an empty file stands for one that was not there. */
void settle_kept(struct work *work, const struct settings_file *file, struct ncm_configure_file *out, const char *text,
		 size_t size);
/* The way back. */
void settle_undone(struct work *work, const struct settings_file *file, struct ncm_configure_file *out);

/* A key that takes one folder, or a list of them. */
struct folder_key {
	const char *folder; /* as layouts call it */
	const char *key;
	bool is_list;
};

/*
 * What there is to add for the keys (the last has no folder): a new array of {"key", "paths": […]} in their order, the
 * application's own folder (absolute) first where a list is taken. One folder is told only if the application's own is
 * empty: its files would not be seen any more. `has` says what the file says of a key already: NULL, or that (freed
 * here); what is no more than told goes to the report.
 */
json_t *folders_to_add(struct work *work, const struct folder_key *keys, const void *context,
		       char *(*has)(const void *context, const char *key));

#endif
