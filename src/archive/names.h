/* SPDX-License-Identifier: MIT */
/* The names in an archive: each for itself, and all together. */
#ifndef NCM_ARCHIVE_NAMES_H
#define NCM_ARCHIVE_NAMES_H

#include "archive/reader.h"

/*
 * Checks an entry's raw name and drops `strip` leading components as GNU tar does ("./" counts as one). *path (freed by
 * the caller) is NULL if nothing is left. Class POLICY.
 */
int names_check(const char *raw, bool folder, unsigned strip, char **path, struct ncm_error *err);
/*
 * Whether all entries and the folders above them can stand side by side on a file system that folds cases or accents.
 * Class POLICY.
 */
int names_collide(const struct entry *entries, size_t count, struct ncm_error *err);

#endif
