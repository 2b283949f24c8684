/* SPDX-License-Identifier: MIT */
/*
 * What a registry that answers 401 gets: with WWW-Authenticate: Bearer realm=…,service=…,scope=… a token, which the
 * realm hands out as JSON ("token" or "access_token") to anybody, to who signed in, or to who signs with a service's
 * key; with Basic, user and password. The realm is believed only where it belongs to the registry: any other would let
 * one registry direct us to another host (CVE-2025-51471). Passwords and keys go over TLS, to this machine, or to where
 * the user lets plain http be spoken.
 */
#include "oci/credential.h"

#include "base/mem.h"
#include "oci/realm.h"

#include <ncmodel/limits.h>
#include <pthread.h>
#include <string.h>

enum { LARGEST_TOKEN_ANSWER = 1 << 20 };

static void cleanup_challenge(struct oci_challenge *challenge)
{
	oci_challenge_clear(challenge);
}
#define AUTO_CHALLENGE __attribute__((cleanup(cleanup_challenge)))

static void cleanup_login(struct ncm_login *login)
{
	ncm_login_clear(login);
}
#define AUTO_LOGIN __attribute__((cleanup(cleanup_login)))

static void cleanup_secret(char **secret)
{
	ncm_wipe(*secret);
}
#define AUTO_SECRET __attribute__((cleanup(cleanup_secret)))

/* A token goes into a header: one line of visible characters. */
static bool is_token(const char *text)
{
	size_t length = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c; c++, length++) {
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	}
	return length > 0 && length <= NCM_LIMIT_TOKEN_BYTES;
}

static const char *host_and_port(const char *origin)
{
	return strstr(origin, "://") + 3;
}

/* Whether a secret may be sent there. */
static bool is_private_way(const struct oci_repository *repository, const char *origin)
{
	return strncmp(origin, "https:", 6) == 0 || ncm_host_is_loopback(host_and_port(origin)) ||
	       ncm_config_is_insecure_registry(repository->registries->config, host_and_port(origin));
}

/* What to do about a refusal. */
static int hint_at_signing_in(const struct oci_repository *repository, struct ncm_error *err)
{
	const char *origin = repository->credential.origin;

	if (!is_private_way(repository, origin))
		return ncm_error_hint(err,
				      "check the name; a sign-in goes over https alone, or, if you trust the network "
				      "between, with --insecure-registry %s",
				      host_and_port(origin));
	if (repository->signer)
		return ncm_error_hint(err, "%s", repository->signer->hint);
	return ncm_error_hint(err,
			      "check the name; if it is private, sign in with `docker login %s` or `podman login %s`: "
			      "their files are read",
			      host_and_port(origin), host_and_port(origin));
}

static int refuse_anonymous(const struct oci_repository *repository, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "%s: %s gives no token to somebody who is not signed in", repository->name,
		      repository->credential.origin);
	return hint_at_signing_in(repository, err);
}

static int refused_login(const struct oci_repository *repository, const struct ncm_login *login, struct ncm_error *err)
{
	const char *host = host_and_port(repository->credential.origin);

	ncm_error_set(err, NCM_E_AUTH, "%s: %s refuses the %s of %s", repository->name, repository->credential.origin,
		      login->user ? "user and password" : "token", login->from);
	return ncm_error_hint(err, "sign in again with `docker login %s` or `podman login %s`", host, host);
}

static int refuse_clear(const struct oci_repository *repository, struct ncm_error *err)
{
	const char *host = host_and_port(repository->credential.origin);

	ncm_error_set(err, NCM_E_POLICY, "%s: refused to send a password to %s in clear", repository->name,
		      repository->credential.origin);
	return ncm_error_hint(err, "if you trust the network between: --insecure-registry %s", host);
}

/* Who spells out the port that https has anyhow has signed in to it with that. */
static int find_login(const struct oci_repository *repository, struct ncm_login *login, struct ncm_error *err)
{
	const char *origin = repository->credential.origin, *host = host_and_port(origin);
	const char *port = strchr(*host == '[' ? strcspn(host, "]") + host : host, ':');
	NCM_AUTO_FREE char *usual = strncmp(origin, "https:", 6) == 0 && !port ? ncm_asprintf("%s:443", host) : NULL;
	int found = ncm_login_find(repository->registries->logins, host, repository->name, login, err);

	if (found == 0 && usual)
		found = ncm_login_find(repository->registries->logins, usual, repository->name, login, err);
	return found;
}

static void set_bearer(struct ncm_credential *self, ncm_credential_apply *apply, const char *bearer, bool in_clear)
{
	ncm_wipe(self->bearer);
	self->bearer = ncm_strdup(bearer);
	self->apply = apply;
	self->in_clear = in_clear;
}

static int renew_basic(struct ncm_credential *self, const struct oci_repository *repository, struct ncm_error *err)
{
	AUTO_LOGIN struct ncm_login login = {0};
	AUTO_SECRET char *basic = NULL;
	int found;

	if (!is_private_way(repository, repository->credential.origin))
		return refuse_clear(repository, err);
	found = find_login(repository, &login, err);
	if (found < 0)
		return ncm_error_wrap(err, "%s", repository->name);
	if (found == 0 || !login.user) {
		ncm_error_set(err, NCM_E_AUTH, "%s: %s wants a user and a password%s%s", repository->name,
			      repository->credential.origin, found ? ", and not the token of " : "",
			      found ? login.from : "");
		return hint_at_signing_in(repository, err);
	}
	basic = ncm_login_basic(&login);
	if (self->bearer && strcmp(self->bearer, basic) == 0) /* asked again, it would lock the account */
		return refused_login(repository, &login, err);
	set_bearer(self, ncm_apply_basic, basic, true);
	return 0;
}

/* One request to a realm: what it asks with. */
struct token_request {
	char *url;
	char *form;                       /* or NULL */
	struct ncm_credential credential; /* without a bearer: none */
};

static void clear_request(struct token_request *request)
{
	free(request->url);
	ncm_wipe(request->form);
	ncm_wipe(request->credential.bearer);
	free(request->credential.origin);
}
#define AUTO_REQUEST __attribute__((cleanup(clear_request)))

static void sign_with_login(const struct oci_repository *repository, const struct oci_challenge *challenge,
			    const struct ncm_login *login, struct token_request *request)
{
	AUTO_SECRET char *secret = NULL;
	NCM_AUTO_FREE char *wish = NULL;

	if (login->user) {
		request->credential.apply = ncm_apply_basic;
		request->credential.bearer = ncm_login_basic(login);
		return;
	}
	secret = ncm_url_encode(login->secret, false);
	wish = oci_realm_wish(repository, challenge);
	request->form = ncm_asprintf("grant_type=refresh_token&client_id=ncmodel&refresh_token=%s&%s", secret, wish);
	free(request->url);
	request->url = ncm_strdup(challenge->realm);
}

/* Returns 1 if it is signed, 0 if there is no key for it, or -1. */
static int sign_with_key(const struct oci_repository *repository, const struct oci_challenge *challenge,
			 struct token_request *request, struct ncm_error *err)
{
	NCM_AUTO_FREE char *wish = NULL;
	char *url = NULL;
	int found;

	if (!repository->signer)
		return 0;
	wish = oci_realm_wish(repository, challenge);
	found = repository->signer->sign(repository, challenge->realm, wish, &url, &request->credential.bearer, err);
	if (found <= 0)
		return found;
	request->credential.apply = ncm_apply_whole;
	free(request->url);
	request->url = url;
	return 1;
}

/*
 * Fills in the request with what there is to sign it. What cannot be used is told, and no end: most models are
 * everybody's.
 */
static void sign_request(const struct oci_repository *repository, const struct oci_challenge *challenge,
			 struct token_request *request, struct ncm_login *login)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *wish = oci_realm_wish(repository, challenge);
	int found = 0;

	request->url = ncm_asprintf("%s%s%s", challenge->realm, oci_realm_mark(challenge->realm), wish);
	request->credential.origin = ncm_url_origin(challenge->realm);
	if (!is_private_way(repository, repository->credential.origin) ||
	    !is_private_way(repository, request->credential.origin))
		return;
	request->credential.in_clear = true;
	found = sign_with_key(repository, challenge, request, &err);
	if (found == 0)
		found = find_login(repository, login, &err);
	if (found > 0 && login->secret)
		sign_with_login(repository, challenge, login, request);
	if (found < 0)
		ncm_emit_text(repository->registries->sink, NCM_EVENT_WARNING, "%s: %s%s%s", repository->name,
			      err.message, err.hint ? "; " : "", err.hint ? err.hint : "");
	ncm_error_clear(&err);
}

/* The realm's answer; new reference, or NULL. */
static json_t *ask_realm(const struct oci_repository *repository, struct token_request *request,
			 const struct ncm_login *login, struct ncm_error *err)
{
	NCM_AUTO_FREE char *what = ncm_asprintf("token for %s", repository->name);
	struct ncm_error fault = NCM_ERROR_INIT;
	json_t *answer = repository->registries->ask(
	    repository->registries->context,
	    &(const struct ncm_request){.url = request->url,
					.what = what,
					.form = request->form,
					.credential = request->credential.bearer ? &request->credential : NULL,
					.limit = LARGEST_TOKEN_ANSWER},
	    &fault);

	if (!answer && fault.code == NCM_E_AUTH && login->secret)
		refused_login(repository, login, err);
	else if (!answer && fault.code == NCM_E_AUTH)
		refuse_anonymous(repository, err);
	else if (!answer)
		return ncm_error_move(err, &fault), NULL;
	ncm_error_clear(&fault);
	return answer;
}

static int renew_bearer(struct ncm_credential *self, const struct oci_repository *repository,
			const struct oci_challenge *challenge, struct ncm_error *err)
{
	AUTO_LOGIN struct ncm_login login = {0};
	AUTO_REQUEST struct token_request request = {0};
	NCM_AUTO_JSON json_t *answer = NULL;
	const char *token;

	if (oci_realm_check(repository, challenge->realm, err) < 0)
		return -1;
	sign_request(repository, challenge, &request, &login);
	answer = ask_realm(repository, &request, &login, err);
	if (!answer)
		return -1;
	token = ncm_json_string(answer, "token");
	if (!token)
		token = ncm_json_string(answer, "access_token");
	if (!token || !is_token(token))
		return refuse_anonymous(repository, err);
	set_bearer(self, ncm_apply_bearer, token,
		   (!request.credential.bearer && !request.form) || is_private_way(repository, self->origin));
	return 0;
}

/* Called with the transfer room's lock on renewals held, which the logins need, too. */
static int renew(struct ncm_credential *self, struct ncm_http *http, const char *challenge_text, struct ncm_error *err)
{
	const struct oci_repository *repository = self->context;
	AUTO_CHALLENGE struct oci_challenge challenge = {0};

	(void)http;
	oci_challenge_parse(challenge_text ? challenge_text : "", &challenge);
	if (challenge.realm)
		return renew_bearer(self, repository, &challenge, err);
	return challenge.basic ? renew_basic(self, repository, err) : refuse_anonymous(repository, err);
}

static struct oci_repository *find(const struct oci_registries *registries, const char *origin, const char *name,
				   const struct oci_signer *signer)
{
	for (size_t i = 0; i < registries->count; i++) {
		struct oci_repository *repository = registries->repositories[i];

		if (strcmp(repository->name, name) == 0 && strcmp(repository->credential.origin, origin) == 0 &&
		    repository->signer == signer)
			return repository;
	}
	return NULL;
}

static struct oci_repository *add(struct oci_registries *registries, const char *origin, const char *name,
				  const struct oci_signer *signer)
{
	struct oci_repository *repository = ncm_calloc(1, sizeof *repository);

	repository->registries = registries;
	repository->name = ncm_strdup(name);
	repository->signer = signer;
	repository->credential.origin = ncm_strdup(origin);
	repository->credential.renew = renew;
	repository->credential.context = repository;
	*NCM_PUSH(registries->repositories, registries->count) = repository;
	return repository;
}

struct ncm_credential *oci_credential(struct oci_registries *registries, const char *base, const char *name,
				      const struct oci_signer *signer)
{
	NCM_AUTO_FREE char *origin = ncm_url_origin(base);
	struct oci_repository *found;

	if (!origin)
		return NULL;
	pthread_mutex_lock(registries->mutex);
	found = find(registries, origin, name, signer);
	if (!found)
		found = add(registries, origin, name, signer);
	pthread_mutex_unlock(registries->mutex);
	return &found->credential;
}

void oci_registries_init(struct oci_registries *registries)
{
	registries->logins = ncm_logins_new();
	registries->mutex = ncm_malloc(sizeof(pthread_mutex_t));
	pthread_mutex_init(registries->mutex, NULL);
}

void oci_registries_clear(struct oci_registries *registries)
{
	for (size_t i = 0; i < registries->count; i++) {
		struct oci_repository *repository = registries->repositories[i];

		ncm_wipe(repository->credential.bearer);
		free(repository->credential.origin);
		free(repository->name);
		free(repository);
	}
	free(registries->repositories);
	ncm_logins_free(registries->logins);
	pthread_mutex_destroy(registries->mutex);
	free(registries->mutex);
}

const char *oci_scheme_of(const struct ncm_config *config, const char *host)
{
	return ncm_host_is_loopback(host) || ncm_config_is_insecure_registry(config, host) ? "http" : "https";
}
