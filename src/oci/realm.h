/* SPDX-License-Identifier: MIT */
/* Where a registry sends its clients for a token, and what they ask there. */
#ifndef NCM_OCI_REALM_H
#define NCM_OCI_REALM_H

#include "oci/challenge.h"
#include "oci/credential.h"

/* What a credential's renewal needs to know; lies behind the credential. */
struct oci_repository {
	struct ncm_credential credential; /* first: it is the repository's address, too */
	struct oci_registries *registries;
	char *name; /* "library/llama3.2" */
	const struct oci_signer *signer;
};

/* Whether a realm belongs to the repository's registry. POLICY if not. */
int oci_realm_check(const struct oci_repository *repository, const char *realm, struct ncm_error *err);
/* Service and scopes as a query or a form has them: "service=…&scope=…". The caller frees it. */
char *oci_realm_wish(const struct oci_repository *repository, const struct oci_challenge *challenge);
/* What joins a query to a realm: "?", or "&" if it has one. */
const char *oci_realm_mark(const char *realm);
/* The host of an origin ("https://host:port"). The caller frees it. */
char *oci_host_of(const char *origin);

#endif
