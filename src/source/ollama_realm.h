/* SPDX-License-Identifier: MIT */
/* Where a registry sends its clients for a token, and what they ask there. */
#ifndef NCM_SOURCE_OLLAMA_REALM_H
#define NCM_SOURCE_OLLAMA_REALM_H

#include "base/buffer.h"
#include "source/challenge.h"
#include "source/ollama.h"

/* What a credential's renewal needs to know; lies behind the credential. */
struct repository {
	struct ncm_credential credential; /* first: it is the repository's address, too */
	struct ncm_sources *sources;
	char *name;  /* "library/llama3.2" */
	bool is_own; /* of Ollama's own registry, or of what stands in for it: its key is for that */
};

/* Whether a realm belongs to the repository's registry. POLICY if not. */
int realm_check(const struct repository *repository, const char *realm, struct ncm_error *err);
/* Whether Ollama's key is for that realm of that registry (origins). */
bool realm_takes_key(const char *realm_origin, const char *registry_origin);

/* Adds service and scopes as a query or a form has them, the first after `separator`. */
void realm_add_wish(struct ncm_buffer *text, const char *separator, const struct repository *repository,
		    const struct ncm_challenge *challenge);
/* The realm with them. The caller frees it. */
char *realm_url(const struct repository *repository, const struct ncm_challenge *challenge);
/* As Ollama asks: with a time and a number that is used once. The caller frees it. */
char *realm_url_to_sign(const struct repository *repository, const struct ncm_challenge *challenge);

#endif
