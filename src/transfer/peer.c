/* SPDX-License-Identifier: MIT */
#include "transfer/peer.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

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

bool ncm_peer_is_private(const char *address)
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

static const char *set_in_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Whether the first `bits` bits are the same. */
static bool same_network(const uint8_t *a, const uint8_t *b, unsigned long bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

/* "10.0.0.0/8" or "fd00::/8", as libcurl has read it since 7.86. */
static bool in_network(const char *host, const char *entry, size_t length)
{
	NCM_AUTO_FREE char *network = ncm_strndup(entry, length);
	char *slash = strchr(network, '/'), *end;
	uint8_t a[16], b[16];
	unsigned long bits;

	if (!slash)
		return false;
	*slash = '\0';
	bits = strtoul(slash + 1, &end, 10);
	if (end == slash + 1 || *end)
		return false;
	if (inet_pton(AF_INET, host, a) == 1 && inet_pton(AF_INET, network, b) == 1)
		return bits <= 32 && same_network(a, b, bits);
	return inet_pton(AF_INET6, host, a) == 1 && inet_pton(AF_INET6, network, b) == 1 && bits <= 128 &&
	       same_network(a, b, bits);
}

/* As libcurl reads no_proxy: names match themselves and what is below them; "*" is everything. */
static bool exempt(const char *host, const char *list)
{
	size_t host_length = strlen(host);

	if (strcmp(list, "*") == 0)
		return true;
	while (*list) {
		size_t length;

		list += strspn(list, ", .");
		length = strcspn(list, ", ");
		if (in_network(host, list, length))
			return true;
		if (length > 0 && length <= host_length &&
		    strncasecmp(host + host_length - length, list, length) == 0 &&
		    (length == host_length || host[host_length - length - 1] == '.'))
			return true;
		list += length;
	}
	return false;
}

static bool is_exempt(const char *origin)
{
	const char *lower = set_in_environment("no_proxy");
	const char *list = lower ? lower : set_in_environment("NO_PROXY");
	const char *start = strstr(origin, "://") + 3;
	NCM_AUTO_FREE char *host = NULL;

	if (*start == '[')
		host = ncm_strndup(start + 1, strcspn(start + 1, "]"));
	else
		host = ncm_strndup(start, strcspn(start, ":"));
	return list && exempt(host, list);
}

const char *ncm_peer_proxy(const char *origin, const char **address)
{
	/* HTTP_PROXY in capitals is not read: CGI programs get it from a request's Proxy header. */
	static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	const char *const *names = strncmp(origin, "https://", 8) == 0 ? secure : plain;

	if (!strstr(origin, "://"))
		return NULL;
	while (*names && !set_in_environment(*names))
		names++;
	if (!*names || is_exempt(origin))
		return NULL;
	if (address)
		*address = set_in_environment(*names);
	return *names;
}

bool ncm_peer_is_proxied(const char *origin)
{
	return ncm_peer_proxy(origin, NULL) != NULL;
}
