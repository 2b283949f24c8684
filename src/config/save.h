/* SPDX-License-Identifier: MIT */
/* What is written to the configuration file. */
#ifndef NCM_CONFIG_SAVE_H
#define NCM_CONFIG_SAVE_H

#include <ncmodel/error.h>

/* Sets the folder of a store ("stores"), in place of what the file had of it; all else stays. A file that is not there
 * is made, a link is followed; one that leads nowhere is an error. Classes MANIFEST, IO. */
int ncm_config_save_store(const char *file, const char *store, const char *path, struct ncm_error *err);

#endif
