/* SPDX-License-Identifier: MIT */
/* What S3's errors mean: an XML document with a Code. Facts: S3 API reference, "Error responses". */
#include "source/s3.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

static const char keys[] = "check NCMODEL_S3_ACCESS_KEY and NCMODEL_S3_SECRET_KEY, or the file ncmodel/s3-keys below "
			   "~/.config, and that \"endpoints\".s3 (NCMODEL_S3_ENDPOINT) is the server that they are of";
static const char session[] = "set NCMODEL_S3_SESSION_TOKEN anew, with the two keys that belong to it, or unset it";
static const char name[] =
    "check the spelling, and that \"endpoints\".s3 (NCMODEL_S3_ENDPOINT) is the server that has it";

struct meaning {
	const char *code;
	enum ncm_errc class;
	const char *text, *hint;
};
static const struct meaning meanings[] = {
    {"InvalidAccessKeyId", NCM_E_AUTH, "the S3 server does not know the access key", keys},
    {"XAdminUserNotFound", NCM_E_AUTH, "the S3 server does not know the access key", keys}, /* versitygw's */
    {"SignatureDoesNotMatch", NCM_E_AUTH,
     "the S3 server does not take the signature: the secret key is not that of the access key", keys},
    {"ExpiredToken", NCM_E_AUTH, "the session token has expired", session},
    {"InvalidTokenId", NCM_E_AUTH, "the S3 server does not take the session token", session}, /* MinIO's */
    {"InvalidToken", NCM_E_AUTH, "the S3 server does not take the session token", session},
    {"NoSuchBucket", NCM_E_NOT_FOUND, "the S3 server has no such bucket", name},
    {"NoSuchKey", NCM_E_NOT_FOUND, "the bucket has no such object", name},
    {"SlowDown", NCM_E_RATE_LIMIT, "the S3 server asks for fewer requests (SlowDown)",
     "wait a while, or lower --jobs and --connections; run the same command again, what is here is kept"},
    {"InvalidObjectState", NCM_E_REFUSED, "the object is archived",
     "have it restored, then run the same command again"},
};

/* What stands in an element of the answer; NULL: nothing. The caller frees it. */
static char *element(const struct ncm_reply *reply, const char *open)
{
	const char *start = reply->body ? strstr(reply->body, open) : NULL;

	if (!start)
		return NULL;
	start += strlen(open);
	return ncm_strndup(start, strcspn(start, "<"));
}

static int wrong_clock(const struct ncm_reply *reply, const char *what, struct ncm_error *err)
{
	NCM_AUTO_FREE char *date = ncm_reply_header(reply, "Date");
	char now[32];

	ncm_error_set(err, NCM_E_AUTH,
		      "%s: the clocks differ too much for a signature: the S3 server's says %.64s, this machine's %s",
		      what, date ? date : "nothing", ncm_time_utc(now));
	return ncm_error_hint(err, "set the clock, as by `timedatectl set-ntp true`");
}

static int wrong_region(const char *region, const char *what, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "%s: its bucket is in the region %.64s", what, region);
	return ncm_error_hint(err, "say so: NCMODEL_S3_REGION=%.64s, or \"s3_region\" in the configuration", region);
}

/* The header also comes with an object that is there. */
static char *other_region(const struct ncm_reply *reply, const char *code)
{
	const bool meant =
	    reply->status == 301 || reply->status == 307 || strcmp(code, "AuthorizationHeaderMalformed") == 0;
	char *region = meant ? ncm_reply_header(reply, "x-amz-bucket-region") : NULL;

	return region || !meant ? region : element(reply, "<Region>");
}

static int denied(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	NCM_AUTO_FREE char *words = ncm_reply_words(reply);

	ncm_error_set(err, NCM_E_AUTH, "%s: the S3 server refuses it %s%s%s", what,
		      sent_credential ? "to the access key" : "to who sends no keys", words ? ": " : "",
		      words ? words : "");
	if (sent_credential)
		return ncm_error_hint(
		    err, "check the spelling: who may not list a bucket is told so of what is not there, too; "
			 "else let the key read it (s3:GetObject)");
	return ncm_error_hint(
	    err, "set NCMODEL_S3_ACCESS_KEY and NCMODEL_S3_SECRET_KEY, or write ACCESS_KEY:SECRET_KEY into the file "
		 "ncmodel/s3-keys below ~/.config");
}

static int judge(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	NCM_AUTO_FREE char *found = element(reply, "<Code>");
	const char *code = found ? found : "";
	NCM_AUTO_FREE char *region = other_region(reply, code);

	if (region && *region)
		return wrong_region(region, what, err);
	if (strcmp(code, "RequestTimeTooSkewed") == 0)
		return wrong_clock(reply, what, err);
	if (strcmp(code, "AccessDenied") == 0)
		return denied(reply, what, sent_credential, err);
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
		if (strcmp(code, meanings[i].code) != 0)
			continue;
		ncm_error_set(err, meanings[i].class, "%s: %s", what, meanings[i].text);
		return ncm_error_hint(err, "%s", meanings[i].hint);
	}
	return 0;
}

const struct ncm_service s3_service = {.name = "the S3 server", .judge = judge};
