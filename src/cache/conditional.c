/* SPDX-License-Identifier: MIT */
/*
 * Writes with a condition: AWS knows them since 2024, MinIO, Ceph and R2 as well, others not or by halves (Hugging Face
 * for whole objects alone). Facts: S3 user guide, "How to prevent object overwrites with conditional writes".
 */
#include "cache/work.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

void cache_condition_headers(const struct cache_condition *condition, struct ncm_strings *headers)
{
	if (condition && condition->only_new)
		ncm_strings_add(headers, "if-none-match:*");
	if (condition && condition->if_match)
		ncm_strings_take(headers, ncm_asprintf("if-match:%s", condition->if_match));
}

/* How servers say that they do not know a header. */
static bool is_unknown(const struct ncm_reply *reply, const char *code)
{
	static const char *const codes[] = {"NotImplemented", "InvalidArgument", "InvalidRequest", "NotSupported",
					    NULL};

	return reply->status == 501 || reply->status == 405 ||
	       (reply->status == 400 && (ncm_is_among(code, codes) || !code));
}

enum cache_made cache_judge_made(const struct cache *cache, const char *key, const struct cache_condition *condition,
				 const struct ncm_reply *reply, struct ncm_error *err)
{
	const bool conditional = condition && (condition->only_new || condition->if_match);
	NCM_AUTO_FREE char *code = NULL;

	if (cache_succeeded(reply))
		return CACHE_MADE;
	code = cache_code(reply);
	/* MinIO of 2023 says 304. Of If-Match 404 is the object's that is gone. */
	if (conditional && (reply->status == 412 || reply->status == 304))
		return CACHE_EXISTS;
	if (conditional && condition->if_match && ncm_same_text(code, "NoSuchKey"))
		return CACHE_EXISTS;
	if (conditional && reply->status == 409)
		return CACHE_CONFLICT;
	if (conditional && is_unknown(reply, code))
		return CACHE_UNSUPPORTED;
	(void)cache_refused(cache, key, reply, err);
	return CACHE_FAILED;
}
