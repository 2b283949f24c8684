/* SPDX-License-Identifier: MIT */
#include "source/ollama_realm.h"

#include "base/file.h"
#include "base/mem.h"
#include "ollama/name.h"

#include <string.h>
#include <time.h>

/* The host of an origin ("https://host:port"). The caller frees it. */
static char *host_of(const char *origin)
{
	const char *host = strstr(origin, "://") + 3;

	return ncm_strndup(host, host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":"));
}

static bool is_parent_domain(const char *parent, const char *host)
{
	size_t parent_length = strlen(parent), host_length = strlen(host);

	return strchr(parent, '.') && host_length > parent_length + 1 && host[host_length - parent_length - 1] == '.' &&
	       strcmp(host + host_length - parent_length, parent) == 0 && strspn(host, "0123456789.") != host_length;
}

static bool realm_belongs(const char *realm_origin, const char *registry_origin)
{
	static const char *const pairs[][2] = {
	    {"registry.ollama.ai", "ollama.com"}, /* where Ollama's own registry sends its clients */
	    {"hf.co", "huggingface.co"},
	    {"registry-1.docker.io", "auth.docker.io"},
	};
	NCM_AUTO_FREE char *realm = host_of(realm_origin);
	NCM_AUTO_FREE char *registry = host_of(registry_origin);

	if (strncmp(registry_origin, "https:", 6) == 0 && strncmp(realm_origin, "https:", 6) != 0)
		return false;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		if (strcmp(registry, pairs[i][0]) == 0 && strcmp(realm, pairs[i][1]) == 0)
			return true;
	}
	return strcmp(realm, registry) == 0 || is_parent_domain(realm, registry);
}

int realm_check(const struct repository *repository, const char *realm, struct ncm_error *err)
{
	NCM_AUTO_FREE char *shown = ncm_url_display(realm);
	NCM_AUTO_FREE char *origin = NULL;

	if (ncm_url_check(realm, true, NULL) == 0 && !strchr(realm, '#'))
		origin = ncm_url_origin(realm);
	if (origin && realm_belongs(origin, repository->credential.origin))
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s at %s: refused to fetch a token from another host: %s", repository->name,
		      repository->credential.origin, shown);
	return ncm_error_hint(err, "the registry is set up wrongly, or somebody is in between");
}

/* Adds service and scopes as a query or a form has them, the first after `separator`. */
void realm_add_wish(struct ncm_buffer *text, const char *separator, const struct repository *repository,
		    const struct ncm_challenge *challenge)
{
	NCM_AUTO_FREE char *scopes =
	    challenge->scope ? ncm_strdup(challenge->scope) : ncm_asprintf("repository:%s:pull", repository->name);
	char *rest = scopes, *scope;

	if (challenge->service) {
		NCM_AUTO_FREE char *service = ncm_url_encode(challenge->service, false);

		ncm_buffer_printf(text, "%sservice=%s", separator, service);
		separator = "&";
	}
	while ((scope = strsep(&rest, " ")) != NULL) {
		NCM_AUTO_FREE char *encoded = ncm_url_encode(scope, false);

		if (!*scope)
			continue;
		ncm_buffer_printf(text, "%sscope=%s", separator, encoded);
		separator = "&";
	}
}

static const char *query_mark(const struct ncm_challenge *challenge)
{
	return strchr(challenge->realm, '?') ? "&" : "?";
}

/* The caller frees it. */
char *realm_url(const struct repository *repository, const struct ncm_challenge *challenge)
{
	struct ncm_buffer url = {0};

	ncm_buffer_puts(&url, challenge->realm);
	realm_add_wish(&url, query_mark(challenge), repository, challenge);
	return ncm_buffer_take(&url);
}

/* As Ollama asks: with a time and a number that is used once. The caller frees it. */
char *realm_url_to_sign(const struct repository *repository, const struct ncm_challenge *challenge)
{
	struct ncm_buffer url = {0};
	char nonce[33];

	ncm_random_hex(nonce, sizeof nonce);
	ncm_buffer_printf(&url, "%s%snonce=%s", challenge->realm, query_mark(challenge), nonce);
	realm_add_wish(&url, "&", repository, challenge);
	ncm_buffer_printf(&url, "&ts=%lld", (long long)time(NULL));
	return ncm_buffer_take(&url);
}

bool realm_takes_key(const char *realm_origin, const char *registry_origin)
{
	NCM_AUTO_FREE char *realm = host_of(realm_origin);
	NCM_AUTO_FREE char *registry = host_of(registry_origin);

	return strcmp(realm, registry) == 0 ||
	       (strcmp(registry, OLLAMA_DEFAULT_HOST) == 0 && strcmp(realm, "ollama.com") == 0);
}
