/* SPDX-License-Identifier: MIT */
#include "manifest/line.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

size_t ncm_json_nearest_line(const char *text, size_t size, const char *path)
{
	NCM_AUTO_FREE char *at = ncm_strdup(path);
	size_t line;

	while ((line = ncm_json_line(text, size, at)) == 0 && *at) {
		char *end = at + strlen(at);

		while (end > at && *end != '.' && *end != '[')
			end--;
		*end = '\0';
	}
	return line ? line : 1;
}
