/* SPDX-License-Identifier: MIT */
/* Ollama's own key, with which its registry's realm hands out tokens. Facts: ollama/ollama server/auth.go. */
#include "source/ollama.h"

#include "base/file.h"
#include "base/mem.h"
#include "credentials/credentials.h"
#include "oci/realm.h"
#include "ollama/name.h"

#include <string.h>
#include <time.h>

/* Whether Ollama's key is for that realm of that registry (origins). */
static bool takes_key(const char *realm_origin, const char *registry_origin)
{
	NCM_AUTO_FREE char *realm = oci_host_of(realm_origin);
	NCM_AUTO_FREE char *registry = oci_host_of(registry_origin);

	return strcmp(realm, registry) == 0 ||
	       (strcmp(registry, OLLAMA_DEFAULT_HOST) == 0 && strcmp(realm, "ollama.com") == 0);
}

/* As Ollama asks: with a time and a number that is used once. The caller frees it. */
static char *url_to_sign(const char *realm, const char *wish)
{
	char nonce[33];

	ncm_random_hex(nonce, sizeof nonce);
	return ncm_asprintf("%s%snonce=%s&%s&ts=%lld", realm, oci_realm_mark(realm), nonce, wish,
			    (long long)time(NULL));
}

static int sign(const struct oci_repository *repository, const char *realm, const char *wish, char **url, char **header,
		struct ncm_error *err)
{
	NCM_AUTO_FREE char *origin = ncm_url_origin(realm);
	NCM_AUTO_FREE char *asked = NULL;
	int found;

	if (!takes_key(origin, repository->credential.origin))
		return 0;
	asked = url_to_sign(realm, wish);
	found = ncm_ollama_key_header("GET", asked, header, err);
	if (found <= 0)
		return found;
	*url = asked;
	asked = NULL;
	return 1;
}

static const struct oci_signer signer = {
    .sign = sign,
    .hint = "check the name; for a private model, make the key ~/.ollama/id_ed25519 known with `ollama signin`",
};

static bool is_own(const struct ncm_config *config, const char *base)
{
	NCM_AUTO_FREE char *endpoint = ncm_source_endpoint(config, &ncm_source_ollama);
	NCM_AUTO_FREE char *own = ncm_url_origin(endpoint);
	NCM_AUTO_FREE char *origin = ncm_url_origin(base);

	return own && origin && strcmp(own, origin) == 0;
}

struct ncm_credential *ollama_credential(struct ncm_sources *sources, const char *base, const char *repository)
{
	return oci_credential(&sources->registries, base, repository, is_own(sources->config, base) ? &signer : NULL);
}
