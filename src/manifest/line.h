/* SPDX-License-Identifier: MIT */
#ifndef NCM_MANIFEST_LINE_H
#define NCM_MANIFEST_LINE_H

#include <stddef.h>

/* The bytes before the value at a JSON path in a valid text, or before the nearest thing that holds it (for a key that
 * is missing, or has a point in its name); *line is its line, at least 1. */
size_t ncm_json_nearest(const char *text, size_t size, const char *path, size_t *line);

#endif
