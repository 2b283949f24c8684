/* SPDX-License-Identifier: MIT */
#include "digest/name.h"

#include "base/buffer.h"
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

/* "<its start>-<digits of `whole`><its ending>" */
static char *with_digits(const char *name, const char *whole, size_t most)
{
	const size_t size = strlen(name), ending = ending_size(name);
	const size_t room = most - ending - DIGITS - 1;
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_sha256 digest;
	size_t start = size - ending;

	ncm_sha256_of(whole, strlen(whole), &digest);
	if (start > room)
		start = ncm_utf8_fit(name, room);
	return ncm_asprintf("%.*s-%.*s%s", (int)start, name, DIGITS, ncm_sha256_hex(&digest, hex),
			    name + size - ending);
}

char *ncm_name_shorten(const char *name, const char *whole, size_t most)
{
	return strlen(name) <= most ? ncm_strdup(name) : with_digits(name, whole, most);
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

static bool leads_elsewhere(const char *component)
{
	return !*component || strcmp(component, ".") == 0 || strcmp(component, "..") == 0;
}

/* NULL if it cannot be had under any name. */
static char *portable_component(const char *component, bool apart)
{
	NCM_AUTO_FREE char *clean = NULL;

	if (leads_elsewhere(component))
		return NULL;
	if (!apart && ncm_path_check(component, NULL))
		return ncm_strdup(component);
	clean = ncm_path_clean_component(component);
	return with_digits(clean, component, NCM_LIMIT_NAME_BYTES);
}

char *ncm_path_portable(const char *path, bool apart)
{
	struct ncm_buffer out = {0};

	for (const char *at = path;; at++) {
		const size_t size = strcspn(at, "/");
		NCM_AUTO_FREE char *component = ncm_strndup(at, size);
		NCM_AUTO_FREE char *portable = portable_component(component, apart && !at[size]);

		if (!portable) {
			ncm_buffer_free(&out);
			return NULL;
		}
		ncm_buffer_printf(&out, "%s%s", out.size > 0 ? "/" : "", portable);
		at += size;
		if (!*at)
			return ncm_buffer_take(&out);
	}
}
