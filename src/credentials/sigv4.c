/* SPDX-License-Identifier: MIT */
#include "credentials/sigv4.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "digest/hash.h"

#include <string.h>

enum { DATE = 8 }; /* "20130524" */

/* "host;x-amz-date" */
static char *names_of(const struct ncm_strings *headers)
{
	struct ncm_buffer names = {0};

	for (size_t i = 0; i < headers->count; i++)
		ncm_buffer_printf(&names, "%s%.*s", i > 0 ? ";" : "", (int)strcspn(headers->items[i], ":"),
				  headers->items[i]);
	return ncm_buffer_take(&names);
}

static char *canonical(const struct sigv4_request *request, const char *names)
{
	struct ncm_buffer text = {0};

	ncm_buffer_printf(&text, "%s\n%s\n%s\n", request->method, request->path, request->query);
	for (size_t i = 0; i < request->headers->count; i++)
		ncm_buffer_printf(&text, "%s\n", request->headers->items[i]);
	ncm_buffer_printf(&text, "\n%s\n%s", names, request->payload);
	return ncm_buffer_take(&text);
}

static void chain(struct ncm_sha256 *key, const char *text, size_t size)
{
	ncm_hmac_sha256(key->bytes, sizeof key->bytes, text, size, key);
}

/* The signature is good for this day, region and service alone, for it is their key that makes it. */
static void sign(const struct sigv4 *with, const char *text, struct ncm_sha256 *mac)
{
	static const char last[] = "aws4_request";
	char *first = ncm_asprintf("AWS4%s", with->secret_key);

	ncm_hmac_sha256(first, strlen(first), with->time, DATE, mac);
	ncm_wipe(first);
	chain(mac, with->region, strlen(with->region));
	chain(mac, with->service, strlen(with->service));
	chain(mac, last, strlen(last));
	chain(mac, text, strlen(text));
}

char *sigv4_authorization(const struct sigv4 *with, const struct sigv4_request *request)
{
	NCM_AUTO_FREE char *names = names_of(request->headers);
	NCM_AUTO_FREE char *asked = canonical(request, names);
	NCM_AUTO_FREE char *scope =
	    ncm_asprintf("%.*s/%s/%s/aws4_request", DATE, with->time, with->region, with->service);
	NCM_AUTO_FREE char *text = NULL;
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(asked, strlen(asked), &digest);
	text = ncm_asprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", with->time, scope, ncm_sha256_hex(&digest, hex));
	sign(with, text, &digest);
	return ncm_asprintf("AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s", with->access_key, scope,
			    names, ncm_sha256_hex(&digest, hex));
}
