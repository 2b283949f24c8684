/* SPDX-License-Identifier: MIT */
#include "digest/name.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { DIGITS = 16, LONGEST_ENDING = 16 };

/* The bytes of what tells a file's kind; 0 if nothing does. */
static size_t ending_size(const char *name)
{
	static const char tar[] = ".tar";
	const char *point = strrchr(name, '.');
	size_t size = point ? strlen(point) : 0;

	if (!point || point == name || size > LONGEST_ENDING)
		return 0;
	if ((size_t)(point - name) > strlen(tar) && strncmp(point - strlen(tar), tar, strlen(tar)) == 0)
		size += strlen(tar);
	return size;
}

char *ncm_name_shorten(const char *name, const char *whole, size_t most)
{
	const size_t size = strlen(name), ending = ending_size(name);
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_sha256 digest;
	size_t start;

	if (size <= most)
		return ncm_strdup(name);
	ncm_sha256_of(whole, strlen(whole), &digest);
	start = ncm_utf8_fit(name, most - ending - DIGITS - 1);
	return ncm_asprintf("%.*s-%.*s%s", (int)start, name, DIGITS, ncm_sha256_hex(&digest, hex),
			    name + size - ending);
}

char *ncm_path_safe_name(const char *name)
{
	const char *whole = ncm_path_last_component(name);
	NCM_AUTO_FREE char *clean = ncm_path_clean_component(whole);
	NCM_AUTO_FREE char *prefixed = NULL;
	char *safe = ncm_name_shorten(clean, whole, NCM_LIMIT_NAME_BYTES);

	if (ncm_path_check(safe, NULL))
		return safe;
	/* A device or a name of ours. */
	free(safe);
	prefixed = ncm_asprintf("_%s", clean);
	return ncm_name_shorten(prefixed, whole, NCM_LIMIT_NAME_BYTES);
}
