/* SPDX-License-Identifier: MIT */
/* URLs: grammar, origins, resolving, what may be shown; and addresses that are not of the public internet (SSRF). */
#include "base/buffer.h"
#include "base/mem.h"
#include "transfer/hop.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static void cleanup_url(CURLU **url)
{
	curl_url_cleanup(*url);
}
#define AUTO_URL __attribute__((cleanup(cleanup_url)))

static void cleanup_part(char **part)
{
	curl_free(*part);
}
#define AUTO_PART __attribute__((cleanup(cleanup_part)))

static char *part_of(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	if (curl_url_get(url, part, &text, part == CURLUPART_PORT ? CURLU_NO_DEFAULT_PORT : 0) != CURLUE_OK)
		return NULL;
	return text;
}

static bool has_part(CURLU *url, CURLUPart part)
{
	AUTO_PART char *text = part_of(url, part);

	return text != NULL;
}

/* libcurl forgives "https:/host", "https:///host" and "https:\\host"; other readers of the same text would not agree.
 */
static bool has_web_scheme(const char *text)
{
	size_t length = strncasecmp(text, "https://", 8) == 0 ? 8 : strncasecmp(text, "http://", 7) == 0 ? 7 : 0;

	return length > 0 && text[length] != '/' && text[length] != '\\' && text[length] != '\0';
}

static bool host_is_plain(const char *host)
{
	if (host[0] == '[') /* no zone: it names an interface of this machine */
		return host[strspn(host, "[]0123456789abcdefABCDEF:.")] == '\0';
	if (host[0] == '\0' || host[0] == '.')
		return false;
	for (const unsigned char *c = (const unsigned char *)host; *c; c++) {
		if (*c < 0x80 && !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *c))
			return false;
	}
	return true;
}

/* Returns why the URL is refused, or NULL. */
static const char *fault_of(CURLU *url)
{
	AUTO_PART char *scheme = part_of(url, CURLUPART_SCHEME);
	AUTO_PART char *host = part_of(url, CURLUPART_HOST);
	AUTO_PART char *port = part_of(url, CURLUPART_PORT);

	if (!scheme || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		return "only http and https are spoken";
	if (!host || !host_is_plain(host) || has_part(url, CURLUPART_ZONEID))
		return "its host is not valid";
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) || has_part(url, CURLUPART_OPTIONS))
		return "it holds a user name or a password";
	if (port && strcmp(port, "0") == 0)
		return "its port is not valid";
	return NULL;
}

static CURLU *parse(const char *text)
{
	AUTO_URL CURLU *url = curl_url();
	CURLU *parsed;

	if (!url || !has_web_scheme(text) || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK || fault_of(url))
		return NULL;
	parsed = url;
	url = NULL;
	return parsed;
}

int ncm_url_check(const char *url, bool allow_http, struct ncm_error *err)
{
	NCM_AUTO_FREE char *shown = NULL;
	AUTO_URL CURLU *parsed = curl_url();
	const char *fault = NULL;

	for (const unsigned char *c = (const unsigned char *)url; *c; c++) {
		if (*c <= ' ' || *c == 0x7f)
			return ncm_error_set(err, NCM_E_USAGE,
					     "not an URL that can be fetched: it holds a space or a control character");
	}
	if (!has_web_scheme(url))
		fault = "it has to begin with https://host";
	else if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK)
		fault = "it cannot be parsed";
	else
		fault = fault_of(parsed);
	shown = ncm_url_display(url);
	if (fault)
		return ncm_error_set(err, NCM_E_USAGE, "not an URL that can be fetched: %s: %s", shown, fault);
	if (!allow_http && strncasecmp(url, "http://", 7) == 0) {
		ncm_error_set(err, NCM_E_USAGE, "plain http is not allowed: %s", shown);
		return ncm_error_hint(err,
				      "use https, pin its sha256, or set \"insecure_http\": true for this file in the "
				      "manifest");
	}
	return 0;
}

static char *origin_of(CURLU *url)
{
	AUTO_PART char *scheme = part_of(url, CURLUPART_SCHEME);
	AUTO_PART char *host = part_of(url, CURLUPART_HOST);
	AUTO_PART char *port = part_of(url, CURLUPART_PORT);

	if (!scheme || !host)
		return NULL;
	for (char *c = host; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return port ? ncm_asprintf("%s://%s:%s", scheme, host, port) : ncm_asprintf("%s://%s", scheme, host);
}

char *ncm_url_origin(const char *url)
{
	AUTO_URL CURLU *parsed = parse(url);

	return parsed ? origin_of(parsed) : NULL;
}

bool ncm_host_is_loopback(const char *host)
{
	const size_t length = strcspn(host, ":");

	if (strncmp(host, "[::1]", 5) == 0 && (host[5] == '\0' || host[5] == ':'))
		return true;
	if (length == strlen("localhost") && strncmp(host, "localhost", length) == 0)
		return true;
	/* Numbers alone, so that 127.evil.example is not taken for an address of this machine. */
	return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length;
}

char *ncm_url_display(const char *url)
{
	AUTO_URL CURLU *parsed = curl_url();
	AUTO_PART char *path = NULL;
	NCM_AUTO_FREE char *origin = NULL;

	if (!parsed ||
	    curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_ALLOW_SPACE) != CURLUE_OK)
		return ncm_strdup("(unreadable URL)");
	path = part_of(parsed, CURLUPART_PATH);
	origin = origin_of(parsed);
	return ncm_asprintf("%s%s", origin ? origin : "", path ? path : "");
}

char *ncm_url_encode(const char *text, bool keep_slash)
{
	/* Behind the slash. */
	static const char unreserved[] = "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	struct ncm_buffer out = {0};

	while (*text) {
		const size_t plain = strspn(text, unreserved + !keep_slash);

		ncm_buffer_add(&out, text, plain);
		text += plain;
		if (*text)
			ncm_buffer_printf(&out, "%%%02X", (unsigned char)*text++);
	}
	return ncm_buffer_take(&out);
}

/* Whether a reference names a scheme of its own (RFC 3986, 4.2: a colon before any '/', '?' or '#'). */
static bool is_absolute(const char *reference)
{
	size_t length = strcspn(reference, ":/?#");

	return length > 0 && reference[length] == ':';
}

char *ncm_url_resolve(const char *base, const char *reference)
{
	AUTO_URL CURLU *url = curl_url();
	AUTO_PART char *text = NULL;

	if (is_absolute(reference) && !has_web_scheme(reference))
		return NULL;
	if (!url || !has_web_scheme(base) || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK)
		return NULL;
	/* Civitai's storage sends spaces in its Location headers: they are encoded, as browsers do. */
	if (curl_url_set(url, CURLUPART_URL, reference, CURLU_URLENCODE | CURLU_ALLOW_SPACE) != CURLUE_OK)
		return NULL;
	curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
	if (curl_url_get(url, CURLUPART_URL, &text, CURLU_URLENCODE) != CURLUE_OK || !has_web_scheme(text))
		return NULL;
	return ncm_strdup(text);
}

struct net4 {
	uint32_t net;
	unsigned bits;
};

static bool private4(uint32_t address)
{
	/* IANA's special-purpose registry (RFC 6890 and its successors). 198.18/15 is what fake-IP proxies answer. */
	static const struct net4 nets[] = {
	    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
	    {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 3},
	};

	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
		if ((address ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	}
	return false;
}

static uint32_t big_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool private6(const uint8_t *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t low[12] = {0};

	/* An IPv4 address in IPv6 clothes is what it carries. */
	if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, nat64, sizeof nat64) == 0)
		return private4(big_endian(a + 12));
	if (a[0] == 0x20 && a[1] == 0x02)
		return private4(big_endian(a + 2));
	return memcmp(a, low, sizeof low) == 0                    /* ::, ::1 and the old compatible addresses */
	       || (a[0] & 0xfe) == 0xfc                           /* unique local */
	       || (a[0] == 0xfe && a[1] >= 0x80) || a[0] == 0xff; /* link-local, site-local, multicast */
}

bool ncm_address_is_private(const char *address)
{
	char plain[INET6_ADDRSTRLEN + 1];
	struct in_addr four;
	struct in6_addr six;
	size_t length = strcspn(address, "%");

	if (length >= sizeof plain)
		return true;
	memcpy(plain, address, length);
	plain[length] = '\0';
	if (inet_pton(AF_INET, plain, &four) == 1)
		return private4(ntohl(four.s_addr));
	if (inet_pton(AF_INET6, plain, &six) == 1)
		return private6(six.s6_addr);
	return true;
}
