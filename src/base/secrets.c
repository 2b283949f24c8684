/* SPDX-License-Identifier: MIT */
#include "base/secrets.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ctype.h>
#include <pthread.h>
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

/* What this process has. */
enum { MOST_VALUES = 64, SHORTEST = 8 };

static const char mask[] = "[secret]";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *values[MOST_VALUES];
static size_t count, next;
static const char **variables;
static size_t variable_count;

static bool could_be_word(const char *value)
{
	bool digit = false, letter = false;

	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		digit = digit || isdigit(*c);
		letter = letter || isalpha(*c);
	}
	return strlen(value) < SHORTEST || !digit || !letter;
}

static bool is_known(const char *value)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(values[i], value) == 0)
			return true;
	}
	return false;
}

/* The oldest gives way to one more than there is room for: of a long list each address is asked once. */
void ncm_secret_note(const char *value)
{
	if (!value || could_be_word(value))
		return;
	pthread_mutex_lock(&lock);
	if (!is_known(value)) {
		ncm_wipe(values[next]);
		values[next] = ncm_strdup(value);
		next = (next + 1) % MOST_VALUES;
		count += count < MOST_VALUES;
	}
	pthread_mutex_unlock(&lock);
}

static bool is_variable(const char *name, size_t size)
{
	for (size_t i = 0; i < variable_count; i++) {
		if (strlen(variables[i]) == size && strncmp(variables[i], name, size) == 0)
			return true;
	}
	return false;
}

void ncm_secret_note_variable(const char *name)
{
	pthread_mutex_lock(&lock);
	if (!is_variable(name, strlen(name)))
		*NCM_PUSH(variables, variable_count) = name;
	pthread_mutex_unlock(&lock);
}

bool ncm_secret_is_variable(const char *entry)
{
	bool found;

	pthread_mutex_lock(&lock);
	found = is_variable(entry, strcspn(entry, "="));
	pthread_mutex_unlock(&lock);
	return found;
}

void ncm_secrets_forget(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++) {
		ncm_wipe(values[i]);
		values[i] = NULL;
	}
	count = next = 0;
	free(variables);
	variables = NULL;
	variable_count = 0;
	pthread_mutex_unlock(&lock);
}

static char *masked(char *text, const char *value)
{
	struct ncm_buffer out = {0};
	const char *rest = text;

	for (const char *at; (at = strstr(rest, value)); rest = at + strlen(value)) {
		ncm_buffer_add(&out, rest, (size_t)(at - rest));
		ncm_buffer_puts(&out, mask);
	}
	if (rest == text)
		return text;
	ncm_buffer_puts(&out, rest);
	free(text);
	return ncm_buffer_take(&out);
}

char *ncm_secrets_masked(char *text)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++)
		text = masked(text, values[i]);
	pthread_mutex_unlock(&lock);
	return text;
}
