/* SPDX-License-Identifier: MIT */
#include "oci/realm.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <string.h>

char *oci_host_of(const char *origin)
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
	NCM_AUTO_FREE char *realm = oci_host_of(realm_origin);
	NCM_AUTO_FREE char *registry = oci_host_of(registry_origin);

	if (strncmp(registry_origin, "https:", 6) == 0 && strncmp(realm_origin, "https:", 6) != 0)
		return false;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		if (strcmp(registry, pairs[i][0]) == 0 && strcmp(realm, pairs[i][1]) == 0)
			return true;
	}
	return strcmp(realm, registry) == 0 || is_parent_domain(realm, registry);
}

int oci_realm_check(const struct oci_repository *repository, const char *realm, struct ncm_error *err)
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

/* What a token is asked for: what the registry says, and writing where a run means to. The caller frees it. */
static char *widened(const struct oci_repository *repository, const char *scope)
{
	NCM_AUTO_FREE char *reading = ncm_asprintf("repository:%s:pull", repository->name);

	if (repository->registries->pushes && strcmp(scope, reading) == 0)
		return ncm_asprintf("%s,push", reading);
	return ncm_strdup(scope);
}

char *oci_realm_wish(const struct oci_repository *repository, const struct oci_challenge *challenge)
{
	NCM_AUTO_FREE char *scopes =
	    challenge->scope ? ncm_strdup(challenge->scope) : ncm_asprintf("repository:%s:pull", repository->name);
	char *rest = scopes, *scope;
	const char *separator = "";
	struct ncm_buffer wish = {0};

	if (challenge->service) {
		NCM_AUTO_FREE char *service = ncm_url_encode(challenge->service, false);

		ncm_buffer_printf(&wish, "service=%s", service);
		separator = "&";
	}
	while ((scope = strsep(&rest, " ")) != NULL) {
		NCM_AUTO_FREE char *wide = widened(repository, scope);
		NCM_AUTO_FREE char *encoded = ncm_url_encode(wide, false);

		if (!*scope)
			continue;
		ncm_buffer_printf(&wish, "%sscope=%s", separator, encoded);
		separator = "&";
	}
	return ncm_buffer_take(&wish);
}

const char *oci_realm_mark(const char *realm)
{
	return strchr(realm, '?') ? "&" : "?";
}
