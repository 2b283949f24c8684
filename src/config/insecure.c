/* SPDX-License-Identifier: MIT */
/* Registries that the user lets be spoken to over plain http. */
#include "config/parts.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { LONGEST_PORT = 5 };

/* The length of "name" or "[address]" at the start; 0 if there is none. */
static size_t host_length(const char *text)
{
	size_t size;

	if (*text != '[')
		return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	size = strspn(text + 1, "0123456789abcdefABCDEF:.");
	return size > 0 && text[size + 1] == ']' ? size + 2 : 0;
}

static bool is_port(const char *text)
{
	const size_t size = strspn(text, "0123456789");

	return size > 0 && size <= LONGEST_PORT && *text != '0' && text[size] == '\0';
}

/* "host[:port]" in lower case, or NULL if it is none. The caller frees it. */
static char *registry_host(const char *text)
{
	const size_t size = host_length(text);
	char *host;

	if (size == 0 || (text[size] != '\0' && (text[size] != ':' || !is_port(text + size + 1))))
		return NULL;
	host = ncm_strdup(text);
	for (char *c = host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return host;
}

int ncm_config_add_insecure_registry(struct ncm_config *config, const char *text, struct ncm_error *err)
{
	char *host = registry_host(text);

	if (!host) {
		ncm_error_set(err, NCM_E_USAGE, "\"%s\" is not HOST or HOST:PORT", text);
		return ncm_error_hint(err, "for example registry.lan:5000, without http:// and without a path");
	}
	*NCM_PUSH(config->insecure_registries, config->insecure_registry_count) = host;
	return 0;
}

bool ncm_config_is_insecure_registry(const struct ncm_config *config, const char *host)
{
	const size_t name = host_length(host);

	for (size_t i = 0; i < config->insecure_registry_count; i++) {
		const char *said = config->insecure_registries[i];

		if (strcasecmp(said, host) == 0 || (strlen(said) == name && strncasecmp(said, host, name) == 0))
			return true;
	}
	return false;
}
