/* SPDX-License-Identifier: MIT */
/*
 * What somebody signed in with, found where other tools put it down. Whoever asks says who wants to know (a registry's
 * host, and for which repository) and gets what the Authorization header is to say to it, or to the realm that it
 * names; whether that may be sent at all, and to whom, is the asker's to judge. A way that signs the request itself has
 * the request's method and URL as an argument, as Ollama's key has.
 *
 * Nothing here is shown: messages name where a sign-in was found, never what it is.
 */
#ifndef NCM_CREDENTIALS_CREDENTIALS_H
#define NCM_CREDENTIALS_CREDENTIALS_H

#include <ncmodel/error.h>

/* What docker's or podman's sign-in to a registry left. */
struct ncm_login {
	char *user;   /* NULL: `secret` is an identity token, that the realm alone takes */
	char *secret; /* password, or identity token */
	char *from;   /* file or program that it was found in, for messages */
};
void ncm_login_clear(struct ncm_login *login);
/* "user:password" in base64, as Basic has it. The caller wipes and frees it. */
char *ncm_login_basic(const struct ncm_login *login);

struct ncm_logins; /* of a run: each program is asked once for each registry. One thread at a time */

struct ncm_logins *ncm_logins_new(void);
void ncm_logins_free(struct ncm_logins *logins);

/*
 * Looks for a sign-in to `host` ("host[:port]", lower case) and `repository` ("namespace/model") in
 * $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json (~/.config) and
 * $DOCKER_CONFIG/config.json (~/.docker), the first that has one. Returns 1 with *login (clear with ncm_login_clear), 0
 * if there is none, or -1: MANIFEST for a file that cannot be read, POLICY for a program that is not run because of
 * whose word it would be run on, AUTH for one that gives nothing, INTERRUPTED. May run a program for up to ten seconds.
 */
int ncm_login_find(struct ncm_logins *logins, const char *host, const char *repository, struct ncm_login *login,
		   struct ncm_error *err);

/*
 * The Authorization header with which Ollama asks for a token of its registry: "<public key>:<signature>" of a request
 * with that method and URL and no body, by ~/.ollama/id_ed25519. Returns 1 with *header (the caller frees it), 0 if
 * there is no key, or -1 with an error of class AUTH or IO. Source: ollama/ollama auth/auth.go, server/auth.go.
 */
int ncm_ollama_key_header(const char *method, const char *url, char **header, struct ncm_error *err);

#endif
