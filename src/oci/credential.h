/* SPDX-License-Identifier: MIT */
/*
 * Who we are to a registry: tokens (the distribution specification's, over WWW-Authenticate: Bearer), user and password
 * (Basic), with what docker and podman left as a sign-in (src/credentials). One credential a repository, no token
 * before the registry asks for one.
 */
#ifndef NCM_OCI_CREDENTIAL_H
#define NCM_OCI_CREDENTIAL_H

#include "base/json.h"
#include "credentials/credentials.h"
#include "transfer/http.h"

struct oci_repository;

/* What a realm is asked with besides sign-ins: a service's own key. */
struct oci_signer {
	/*
	 * Makes of the realm the *url to ask (with service and scope) and the Authorization *header for it, both the
	 * caller's to free; the way there is known to be private. Returns 1, 0 if there is no key for it, or -1.
	 */
	int (*sign)(const struct oci_repository *repository, const char *realm, const char *wish, char **url,
		    char **header, struct ncm_error *err);
	const char *hint; /* what to do where the key is not known */
};

/* The registries of a run: who asks them, and what they know of us. Used from many threads at once. */
struct oci_registries {
	const struct ncm_config *config;
	const struct ncm_sink *sink;
	/* How a realm is asked: new reference, or NULL with *err. */
	json_t *(*ask)(void *context, const struct ncm_request *request, struct ncm_error *err);
	void *context;
	bool pushes; /* tokens are to allow writing, too: a registry that asks for one to read with asks no second time
		      */
	struct ncm_logins *logins; /* used under the lock of renewals */
	void *mutex;               /* for the list */
	struct oci_repository **repositories;
	size_t count;
};

/* Starts with none. `ask` and its context, `config` and `sink` are the caller's and outlive it. */
void oci_registries_init(struct oci_registries *registries);
void oci_registries_clear(struct oci_registries *registries);

/*
 * The credential of a repository ("library/llama3.2") of the registry at `base` ("https://HOST[:PORT]"), made on first
 * use and owned by the registries. `signer` (static) or NULL. NULL if `base` is no address.
 */
struct ncm_credential *oci_credential(struct oci_registries *registries, const char *base, const char *repository,
				      const struct oci_signer *signer);

/* "http" for a host ("host[:port]") of this machine, or where the user allows it, else "https". Static. */
const char *oci_scheme_of(const struct ncm_config *config, const char *host);

#endif
