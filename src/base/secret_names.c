/* SPDX-License-Identifier: MIT */
#include "base/secret_names.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { LONGEST_NAME = 64, SHORTEST_RANDOM = 16 };

/* The whole name. Azure's SAS (sv … scid), CloudFront (Policy, Key-Pair-Id), Akamai (hdnea, hdnts, hdntl, acl), Discord
 * (ex, is, hm), nginx's secure_link (md5, st, expires), Alibaba and Tencent (q-…). */
static const char *const secret[] = {
    "key",
    "sig",
    "sign",
    "signed",
    "auth",
    "jwt",
    "sid",
    "pw",
    "pwd",
    "pass",
    "sv",
    "se",
    "sp",
    "st",
    "sr",
    "ss",
    "srt",
    "spr",
    "sip",
    "skoid",
    "sktid",
    "skt",
    "ske",
    "sks",
    "skv",
    "saoid",
    "suoid",
    "scid",
    "sdd",
    "policy",
    "expires",
    "expiry",
    "expire",
    "exp",
    "hdnea",
    "hdnts",
    "hdntl",
    "acl",
    "ex",
    "is",
    "hm",
    "md5",
    "hmac",
    "otp",
    "ticket",
    "nonce",
    "verify",
    "ak",
    "sk",
    "tk",
    "sas",
    "googleaccessid",
    "awsaccesskeyid",
    "ossaccesskeyid",
    "keypairid",
    "oauth",
};
/* Anywhere in it. */
static const char *const secret_parts[] = {"token",   "secret",    "passw",   "passphrase", "signature", "credential",
					   "apikey",  "accesskey", "session", "cookie",     "bearer",    "authoriz",
					   "authkey", "authtok",   "jwt",     "hmac",       "csrf"};
static const char *const secret_starts[] = {"xamz", "xgoog", "xoss",  "xcos", "xms",
					    "xtos", "xobs",  "qsign", "qak",  "qkey"};
static const char *const secret_ends[] = {"key", "sig", "auth", "pwd", "sign"};

static const char *const choices[] = {
    "id",      "fileid",    "file",     "filename", "fileids",
    "name",    "path",      "revision", "rev",      "ref",
    "commit",  "branch",    "type",     "format",   "size",
    "fp",      "download",  "dl",       "export",   "confirm",
    "raw",     "quanttype", "model",    "modelid",  "modelversionid",
    "version", "versionid", "v",        "sha256",   "sha1",
    "digest",  "checksum",  "uuid",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* In lower case, letters and digits alone. */
static void fold(const char *name, char folded[LONGEST_NAME])
{
	size_t count = 0;

	for (; *name && count + 1 < LONGEST_NAME; name++) {
		if (isalnum((unsigned char)*name))
			folded[count++] = (char)tolower((unsigned char)*name);
	}
	folded[count] = '\0';
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

static bool ends_in(const char *word, const char *end)
{
	const size_t size = strlen(word), end_size = strlen(end);

	return size >= end_size && strcmp(word + size - end_size, end) == 0;
}

bool ncm_names_secret(const char *name)
{
	char folded[LONGEST_NAME];
	bool found;

	fold(name, folded);
	found = is_one_of(folded, secret, COUNT(secret));
	for (size_t i = 0; i < COUNT(secret_parts) && !found; i++)
		found = strstr(folded, secret_parts[i]) != NULL;
	for (size_t i = 0; i < COUNT(secret_starts) && !found; i++)
		found = strncmp(folded, secret_starts[i], strlen(secret_starts[i])) == 0;
	for (size_t i = 0; i < COUNT(secret_ends) && !found; i++)
		found = ends_in(folded, secret_ends[i]);
	return found;
}

bool ncm_names_choice(const char *name)
{
	char folded[LONGEST_NAME];

	fold(name, folded);
	return is_one_of(folded, choices, COUNT(choices));
}

static bool is_random_word(const char *word, size_t size)
{
	bool digit = false, lower = false, upper = false;

	for (size_t i = 0; i < size; i++) {
		digit = digit || isdigit((unsigned char)word[i]);
		lower = lower || islower((unsigned char)word[i]);
		upper = upper || (i > 0 && isupper((unsigned char)word[i]));
	}
	return size >= SHORTEST_RANDOM && (digit + lower + upper) > 1;
}

bool ncm_looks_random(const char *value)
{
	while (*value) {
		size_t size = 0;

		while (isalnum((unsigned char)value[size]))
			size++;
		if (is_random_word(value, size))
			return true;
		value += size + (value[size] != '\0');
	}
	return false;
}
