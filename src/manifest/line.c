/* SPDX-License-Identifier: MIT */
#include "manifest/line.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

size_t ncm_json_nearest(const char *text, size_t size, const char *path, size_t *line)
{
	NCM_AUTO_FREE char *shorter = ncm_strdup(path);
	const char *found;

	while (!(found = ncm_json_find(text, size, shorter)) && *shorter) {
		char *end = shorter + strlen(shorter);

		while (end > shorter && *end != '.' && *end != '[')
			end--;
		*end = '\0';
	}
	*line = 1;
	for (const char *at = text; found && at < found; at++)
		*line += *at == '\n';
	return found ? (size_t)(found - text) : 0;
}
