/* SPDX-License-Identifier: MIT */
/*
 * Anonymous pull tokens: a registry that wants one answers 401 with WWW-Authenticate: Bearer realm=…,service=…,scope=…,
 * and the realm hands one out as JSON ("token" or "access_token"). The realm is believed only where it belongs to the
 * registry: any other would let one registry direct us to another host (CVE-2025-51471).
 */
#include "source/ollama.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ncmodel/limits.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

enum { LARGEST_TOKEN_ANSWER = 1 << 20 };

/* What a credential's renewal needs to know; lies behind the credential. */
struct repository {
	struct ncm_credential credential; /* first: it is the repository's address, too */
	struct ncm_sources *sources;
	char *name; /* "library/llama3.2" */
};

struct challenge {
	char *realm, *service, *scope;
};

static void clear_challenge(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
}
#define AUTO_CHALLENGE __attribute__((cleanup(clear_challenge)))

/* Reads a token or a quoted string (RFC 9110, 5.6). NULL if it is neither. *at moves behind it. */
static char *read_value(const char **at)
{
	struct ncm_buffer value = {0};
	const char *c = *at;

	if (*c != '"') {
		size_t length = strcspn(c, ", \t");

		*at = c + length;
		return ncm_strndup(c, length);
	}
	for (c++; *c && *c != '"'; c++) {
		if (*c == '\\' && c[1])
			c++;
		ncm_buffer_add(&value, c, 1);
	}
	*at = *c ? c + 1 : c;
	return ncm_buffer_take(&value);
}

static void take_parameter(struct challenge *challenge, const char *name, size_t length, char *value)
{
	char **field = NULL;

	if (length == 5 && strncasecmp(name, "realm", length) == 0)
		field = &challenge->realm;
	else if (length == 7 && strncasecmp(name, "service", length) == 0)
		field = &challenge->service;
	else if (length == 5 && strncasecmp(name, "scope", length) == 0)
		field = &challenge->scope;
	if (field && !*field)
		*field = value;
	else
		free(value);
}

/* Reads the first Bearer challenge. Returns 0, or -1 if there is none with a realm. */
static int parse_challenge(const char *text, struct challenge *challenge)
{
	const char *c = text;
	bool ours = false;

	while (*c) {
		const char *word;
		size_t length;

		c += strspn(c, ", \t");
		word = c;
		length = strcspn(c, "=, \t");
		c += length;
		if (*c == '=') {
			char *value;

			c++;
			value = read_value(&c);
			if (ours)
				take_parameter(challenge, word, length, value);
			else
				free(value);
		} else if (length > 0) { /* the name of a scheme */
			if (ours)
				break;
			ours = length == 6 && strncasecmp(word, "Bearer", length) == 0;
		}
	}
	return challenge->realm ? 0 : -1;
}

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

static int check_realm(const struct repository *repository, const char *realm, struct ncm_error *err)
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

/* The caller frees it. */
static char *token_url(const struct repository *repository, const struct challenge *challenge)
{
	NCM_AUTO_FREE char *scopes =
	    challenge->scope ? ncm_strdup(challenge->scope) : ncm_asprintf("repository:%s:pull", repository->name);
	struct ncm_buffer url = {0};
	char *rest = scopes, *scope;
	const char *separator = strchr(challenge->realm, '?') ? "&" : "?";

	ncm_buffer_puts(&url, challenge->realm);
	if (challenge->service) {
		NCM_AUTO_FREE char *service = ncm_url_encode(challenge->service, false);

		ncm_buffer_printf(&url, "%sservice=%s", separator, service);
		separator = "&";
	}
	while ((scope = strsep(&rest, " ")) != NULL) {
		NCM_AUTO_FREE char *encoded = ncm_url_encode(scope, false);

		if (!*scope)
			continue;
		ncm_buffer_printf(&url, "%sscope=%s", separator, encoded);
		separator = "&";
	}
	return ncm_buffer_take(&url);
}

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

static int refuse_anonymous(const struct repository *repository, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "%s: %s gives no token to somebody who is not signed in", repository->name,
		      repository->credential.origin);
	return ncm_error_hint(err, "private models need Ollama's own key: use `ollama pull`; else check the name");
}

/* Called with the transfer room's lock on credentials held, which guards `bearer` against its readers. */
static int renew(struct ncm_credential *self, struct ncm_http *http, const char *challenge_text, struct ncm_error *err)
{
	const struct repository *repository = self->context;
	AUTO_CHALLENGE struct challenge challenge = {0};
	NCM_AUTO_FREE char *url = NULL;
	NCM_AUTO_FREE char *what = ncm_asprintf("token for %s", repository->name);
	NCM_AUTO_JSON json_t *answer = NULL;
	const char *token;

	(void)http;
	if (!challenge_text || parse_challenge(challenge_text, &challenge) < 0)
		return refuse_anonymous(repository, err);
	if (check_realm(repository, challenge.realm, err) < 0)
		return -1;
	url = token_url(repository, &challenge);
	answer = ncm_source_json(repository->sources,
				 &(const struct ncm_request){.url = url, .what = what, .limit = LARGEST_TOKEN_ANSWER},
				 NULL, err);
	if (!answer)
		return -1;
	token = ncm_json_string(answer, "token");
	if (!token)
		token = ncm_json_string(answer, "access_token");
	if (!token || !is_token(token))
		return refuse_anonymous(repository, err);
	if (self->bearer)
		explicit_bzero(self->bearer, strlen(self->bearer));
	free(self->bearer);
	self->bearer = ncm_strdup(token);
	return 0;
}

static struct ncm_credential *find(const struct ncm_sources *sources, const char *origin, const char *name)
{
	for (size_t i = 0; i < sources->ollama_count; i++) {
		const struct repository *repository = sources->ollama[i]->context;

		if (strcmp(repository->name, name) == 0 && strcmp(repository->credential.origin, origin) == 0)
			return sources->ollama[i];
	}
	return NULL;
}

struct ncm_credential *ollama_credential(struct ncm_sources *sources, const char *base, const char *repository_name)
{
	NCM_AUTO_FREE char *origin = ncm_url_origin(base);
	struct ncm_credential *found;
	struct repository *repository;

	if (!origin)
		return NULL;
	pthread_mutex_lock(sources->mutex);
	found = find(sources, origin, repository_name);
	if (!found) {
		repository = ncm_calloc(1, sizeof *repository);
		repository->sources = sources;
		repository->name = ncm_strdup(repository_name);
		found = &repository->credential;
		found->origin = origin;
		found->renew = renew;
		found->context = repository;
		origin = NULL;
		*NCM_PUSH(sources->ollama, sources->ollama_count) = found;
	}
	pthread_mutex_unlock(sources->mutex);
	return found;
}

void ollama_credential_free(struct ncm_credential *credential)
{
	struct repository *repository = credential->context;

	free(repository->name);
	free(repository);
}
