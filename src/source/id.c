/* SPDX-License-Identifier: MIT */
/*
 * Ids made of sources. What an id cannot hold as it is, it holds as digits of a digest, so that two sources have two
 * ids: never by cutting or replacing alone.
 */
#include "source/shared.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <string.h>

enum { DIGITS = 8 };

/* "-1a2b3c4d" */
static void digits_of(const char *named_by, char text[DIGITS + 2])
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(named_by, strlen(named_by), &digest);
	snprintf(text, DIGITS + 2, "-%.*s", DIGITS, ncm_sha256_hex(&digest, hex));
}

char *ncm_source_id_apart(const char *id, const char *named_by, size_t longest)
{
	const size_t size = strlen(id);
	size_t kept = longest - DIGITS - 1;
	char digits[DIGITS + 2];

	digits_of(named_by, digits);
	if (size > DIGITS + 1 && size <= longest && strcmp(id + size - DIGITS - 1, digits) == 0)
		return ncm_strdup(id);
	kept = size < kept ? size : kept;
	return ncm_asprintf("%.*s%s", (int)kept, id, digits);
}

/* What cannot be shown becomes a dash, and `whole` false. */
static char *shown(const char *text, bool *whole)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@+=,-";
	char *out = ncm_strdup(text);

	for (char *c = out; *c; c++) {
		if (!strchr(plain, *c)) {
			*c = '-';
			*whole = false;
		}
	}
	return out;
}

char *ncm_source_shown_id(const char *text, bool whole, const char *key)
{
	NCM_AUTO_FREE char *id = shown(text, &whole);
	char *taken = id;

	if (!whole || strlen(id) > NCM_SOURCE_ID_LONGEST)
		return ncm_source_id_apart(id, key, NCM_SOURCE_ID_LONGEST);
	id = NULL;
	return taken;
}

char *ncm_source_manifest_id(const char *id)
{
	NCM_AUTO_FREE char *slug = ncm_source_slug(id);

	return strcmp(slug, id) == 0 ? ncm_strdup(id) : ncm_source_id_apart(slug, id, NCM_MANIFEST_ID_LONGEST);
}
