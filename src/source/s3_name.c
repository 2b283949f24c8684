/* SPDX-License-Identifier: MIT */
/*
 * "s3:BUCKET/KEY[#sha256=HEX]", "s3://BUCKET/KEY" too. Of a key what stands for something else in an URI (space, '#',
 * '?', '%', what is not ASCII) is percent-encoded. Facts: S3 user guide, "Bucket naming rules", "Object key names".
 */
#include "source/s3.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>
#include <strings.h>

enum { SHORTEST_BUCKET = 3, LONGEST_BUCKET = 63, LONGEST_KEY = 1024 };

static const char begins[] = "s3:";
static const char plain[] = "/~+@=,:()!&$*';";

bool s3_claims(const char *uri)
{
	return strncasecmp(uri, begins, strlen(begins)) == 0;
}

void s3_name_clear(struct s3_name *name)
{
	free(name->bucket);
	free(name->key);
	*name = (struct s3_name){0};
}

static bool is_bucket(const char *text, size_t size)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789",
			  all[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";

	return size >= SHORTEST_BUCKET && size <= LONGEST_BUCKET && strspn(text, all) >= size &&
	       strchr(ends, text[0]) && strchr(ends, text[size - 1]);
}

/* Servers differ about "//", "." and "..", and addresses lose them on the way. */
static bool is_key(const char *key)
{
	const size_t size = strlen(key);

	for (const char *at = key; size > 0 && size <= LONGEST_KEY; at++) {
		const size_t part = strcspn(at, "/");

		if (part == 0 || (part == 1 && at[0] == '.') || (part == 2 && strncmp(at, "..", 2) == 0))
			return false;
		at += part;
		if (*at == '\0')
			return true;
	}
	return false;
}

static int refuse(const char *uri, const char *why, const char *hint, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%.*s: %s", ncm_source_shown(uri), uri, why);
	return ncm_error_hint(err, "%s", hint);
}

int s3_name_parse(const char *uri, struct s3_name *name, struct ncm_error *err)
{
	static const char as[] = "an object is written s3:BUCKET/KEY, as s3:models/llm/x.gguf";
	S3_AUTO_NAME struct s3_name found = {0};
	NCM_AUTO_FREE char *text = ncm_strdup(uri);
	const char *start = text + strlen(begins) + (strncmp(text + strlen(begins), "//", 2) == 0 ? 2 : 0);
	const size_t bucket = strcspn(start, "/#?");

	if (ncm_source_cut_pin(text, &found.has_sha256, &found.sha256, err) < 0)
		return -1;
	if (!is_bucket(start, bucket))
		return refuse(uri, "no bucket is called so", as, err);
	if (start[bucket] != '/' || start[bucket + 1] == '\0')
		return refuse(uri, "it names no object of the bucket", as, err);
	if (strpbrk(start, "#?"))
		return refuse(uri, "a '#' or '?' that is not encoded",
			      "in a key '#' is written %23, '?' %3F and '%' %25", err);
	found.key = ncm_source_decode(start + bucket + 1, strlen(start + bucket + 1));
	if (!found.key || !is_key(found.key))
		return refuse(uri,
			      "no key that can be asked for: of 1024 bytes at most, with no part between slashes that "
			      "is empty, \".\" or \"..\"; a '%' is written %25",
			      as, err);
	found.bucket = ncm_strndup(start, bucket);
	*name = found;
	found = (struct s3_name){0};
	return 0;
}

char *s3_name_spell(const struct s3_name *name, bool pinned)
{
	struct ncm_buffer text = {0};
	char hex[NCM_SHA256_HEX + 1];

	ncm_buffer_printf(&text, "%s%s/", begins, name->bucket);
	ncm_source_add_encoded(&text, name->key, plain);
	if (pinned && name->has_sha256)
		ncm_buffer_printf(&text, "#sha256=%s", ncm_sha256_hex(&name->sha256, hex));
	return ncm_buffer_take(&text);
}

int s3_check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	S3_AUTO_NAME struct s3_name name = {0};

	(void)allow_http; /* where the server is, the configuration says */
	if (s3_name_parse(uri, &name, err) < 0)
		return -1;
	*canonical = s3_name_spell(&name, true);
	return 0;
}

void s3_names(const char *canonical, char **id, char **display)
{
	NCM_AUTO_FREE char *key = s3_newest(canonical);
	NCM_AUTO_FREE char *name = s3_file_name(canonical);

	*id = ncm_source_shown_id(key, true, key);
	*display = ncm_strdup(name);
}

char *s3_newest(const char *canonical)
{
	return ncm_strndup(canonical, strcspn(canonical, "#"));
}

char *s3_file_name(const char *canonical)
{
	S3_AUTO_NAME struct s3_name name = {0};

	return s3_name_parse(canonical, &name, NULL) < 0 ? NULL : ncm_strdup(ncm_path_base(name.key));
}

const char *s3_stem(const char *uri, size_t *size)
{
	if (strncmp(uri, begins, strlen(begins)) != 0 || uri[strlen(begins)] == '/')
		return NULL;
	*size = strcspn(uri, "#");
	return uri;
}
