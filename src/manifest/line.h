/* SPDX-License-Identifier: MIT */
#ifndef NCM_MANIFEST_LINE_H
#define NCM_MANIFEST_LINE_H

#include <stddef.h>

/* The line of the value at a JSON path, or of the nearest thing that holds it (for a key that is missing, or has a
 * point in its name); at least 1. */
size_t ncm_json_nearest_line(const char *text, size_t size, const char *path);

#endif
