/* SPDX-License-Identifier: MIT */
/* How a request to S3 is signed: anew right before it is sent, for the signature has its time and its range. */
#include "source/s3.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"
#include "credentials/sigv4.h"

#include <string.h>

/* "20130524T000000Z" */
static void write_time(char text[32])
{
	size_t count = 0;

	ncm_time_utc(text);
	for (const char *c = text; *c; c++) {
		if (*c != '-' && *c != ':')
			text[count++] = *c;
	}
	text[count] = '\0';
}

/* Adds a header to those that are signed. */
static void add(struct ncm_strings *signed_ones, const char *name, const char *value)
{
	if (value && *value)
		ncm_strings_take(signed_ones, ncm_asprintf("%s:%s", name, value));
}

/* They go out as they are signed, but for the host and the range, which libcurl sends. */
static void send(const struct ncm_strings *signed_ones, struct ncm_strings *headers)
{
	for (size_t i = 0; i < signed_ones->count; i++) {
		if (strncmp(signed_ones->items[i], "x-amz-", strlen("x-amz-")) == 0)
			ncm_strings_add(headers, signed_ones->items[i]);
	}
}

/* By what stands before the colon: "x-amz-copy-source" comes before "x-amz-copy-source-range". */
static int by_name(const void *a, const void *b)
{
	const char *one = *(char *const *)a, *other = *(char *const *)b;
	const size_t size = strcspn(one, ":"), other_size = strcspn(other, ":");
	const int order = strncmp(one, other, size < other_size ? size : other_size);

	return order != 0 ? order : (size > other_size) - (size < other_size);
}

static const char *payload_of(const struct ncm_upload *upload)
{
	if (!upload || upload->size == 0)
		return SIGV4_NO_PAYLOAD;
	return upload->sha256 ? upload->sha256 : SIGV4_UNSIGNED_PAYLOAD;
}

static void sign(const struct sigv4 *with, const char *session, const struct ncm_outgoing *outgoing,
		 struct ncm_strings *headers)
{
	NCM_AUTO_FREE char *origin = ncm_url_origin(outgoing->url);
	const char *rest = strstr(outgoing->url, "://") + 3;
	const size_t host = strcspn(rest, "/?"), path = strcspn(rest + host, "?");
	NCM_AUTO_FREE char *asked = path > 0 ? ncm_strndup(rest + host, path) : ncm_strdup("/");
	const char *payload = payload_of(outgoing->upload);
	struct ncm_strings signed_ones = {0};
	const struct sigv4_request request = {.method = outgoing->method,
					      .path = asked,
					      .query = rest[host + path] ? rest + host + path + 1 : "",
					      .headers = &signed_ones,
					      .payload = payload};
	NCM_AUTO_FREE char *authorization = NULL;

	add(&signed_ones, "host", strstr(origin, "://") + 3);
	add(&signed_ones, "range", outgoing->range);
	add(&signed_ones, "x-amz-checksum-mode", strcmp(outgoing->method, "HEAD") == 0 ? "ENABLED" : NULL);
	add(&signed_ones, "x-amz-content-sha256", payload);
	add(&signed_ones, "x-amz-date", with->time);
	add(&signed_ones, "x-amz-security-token", session);
	send(&signed_ones, headers);
	if (outgoing->upload && outgoing->upload->headers)
		ncm_strings_add_all(&signed_ones, outgoing->upload->headers);
	qsort(signed_ones.items, signed_ones.count, sizeof *signed_ones.items, by_name);
	authorization = sigv4_authorization(with, &request);
	ncm_strings_take(headers, ncm_asprintf("Authorization: %s", authorization));
	ncm_strings_free(&signed_ones);
}

int s3_apply(void *context, const char *secret, const struct ncm_outgoing *request, struct ncm_strings *headers,
	     struct ncm_error *err)
{
	const char *session = strchr(secret, ':') + 1, *key = strchr(session, ':') + 1;
	NCM_AUTO_FREE char *access = ncm_strndup(secret, (size_t)(session - secret) - 1);
	NCM_AUTO_FREE char *token = ncm_strndup(session, (size_t)(key - session) - 1);
	char now[32];
	const struct sigv4 with = {
	    .access_key = access, .secret_key = key, .region = s3_region(context), .service = "s3", .time = now};

	(void)err;
	write_time(now);
	sign(&with, token, request, headers);
	return 0;
}
