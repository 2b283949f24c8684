/* SPDX-License-Identifier: MIT */
/* The proxy of the environment (http_proxy, no_proxy), and one that wants a password: asked once. */
#include "transfer/proxy.h"

#include "base/mem.h"
#include "transfer/answer.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static const char *set_in_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Whether the first `bits` bits are the same. */
static bool same_network(const uint8_t *a, const uint8_t *b, unsigned long bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

/* "10.0.0.0/8" or "fd00::/8", as libcurl has read it since 7.86. */
static bool in_network(const char *host, const char *entry, size_t length)
{
	NCM_AUTO_FREE char *network = ncm_strndup(entry, length);
	char *slash = strchr(network, '/'), *end;
	uint8_t a[16], b[16];
	unsigned long bits;

	if (!slash)
		return false;
	*slash = '\0';
	bits = strtoul(slash + 1, &end, 10);
	if (end == slash + 1 || *end)
		return false;
	if (inet_pton(AF_INET, host, a) == 1 && inet_pton(AF_INET, network, b) == 1)
		return bits <= 32 && same_network(a, b, bits);
	return inet_pton(AF_INET6, host, a) == 1 && inet_pton(AF_INET6, network, b) == 1 && bits <= 128 &&
	       same_network(a, b, bits);
}

/* As libcurl reads no_proxy: names match themselves and what is below them; "*" is everything. */
static bool exempt(const char *host, const char *list)
{
	size_t host_length = strlen(host);

	if (strcmp(list, "*") == 0)
		return true;
	while (*list) {
		size_t length;

		list += strspn(list, ", .");
		length = strcspn(list, ", ");
		if (in_network(host, list, length))
			return true;
		if (length > 0 && length <= host_length &&
		    strncasecmp(host + host_length - length, list, length) == 0 &&
		    (length == host_length || host[host_length - length - 1] == '.'))
			return true;
		list += length;
	}
	return false;
}

static bool is_exempt(const char *origin)
{
	const char *lower = set_in_environment("no_proxy");
	const char *list = lower ? lower : set_in_environment("NO_PROXY");
	const char *start = strstr(origin, "://") + 3;
	NCM_AUTO_FREE char *host = NULL;

	if (*start == '[')
		host = ncm_strndup(start + 1, strcspn(start + 1, "]"));
	else
		host = ncm_strndup(start, strcspn(start, ":"));
	return list && exempt(host, list);
}

static const char *find_proxy(const char *origin, const char **address)
{
	/* HTTP_PROXY in capitals is not read: CGI programs get it from a request's Proxy header. */
	static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	const char *const *names = strncmp(origin, "https://", 8) == 0 ? secure : plain;

	if (!strstr(origin, "://"))
		return NULL;
	while (*names && !set_in_environment(*names))
		names++;
	if (!*names || is_exempt(origin))
		return NULL;
	if (address)
		*address = set_in_environment(*names);
	return *names;
}

void ncm_proxy_begin(struct ncm_http *http)
{
	pthread_mutex_init(&http->proxy.lock, NULL);
	pthread_cond_init(&http->proxy.known, NULL);
}

void ncm_proxy_end(struct ncm_http *http)
{
	pthread_mutex_destroy(&http->proxy.lock);
	pthread_cond_destroy(&http->proxy.known);
	ncm_error_clear(&http->proxy.of[0].refusal);
	ncm_error_clear(&http->proxy.of[1].refusal);
}

static struct ncm_proxy_state *state_of(struct ncm_http *http, const char *origin)
{
	return &http->proxy.of[strncmp(origin, "https:", 6) == 0];
}

const char *ncm_proxy_variable(const char *origin)
{
	return find_proxy(origin, NULL);
}

char *ncm_proxy_challenge(const char *headers)
{
	return ncm_header_get(headers, "Proxy-Authenticate", 0);
}

/* How the variable's value has to look, by the scheme that it has. The caller frees it. */
static char *form_of(const char *address)
{
	const char *end = address ? strstr(address, "://") : NULL;

	return ncm_asprintf("%.*s://USER:PASSWORD@HOST:PORT", end ? (int)(end - address) : 4, end ? address : "http");
}

static void want_password(const char *origin, const char *challenge, struct ncm_error *err)
{
	const char *address = NULL, *variable = find_proxy(origin, &address);
	const char *says = challenge ? ": " : "", *text = challenge ? challenge : "";
	NCM_AUTO_FREE char *form = form_of(address);

	if (!variable) {
		ncm_error_set(err, NCM_E_REFUSED,
			      "%s asks for a proxy's password, and no proxy is named for it%s%.256s", origin, says,
			      text);
		ncm_error_hint(err,
			       "something in between takes the connection, or the server is set up wrongly: ask "
			       "whoever runs it; a proxy is named in %s_proxy",
			       strncmp(origin, "https:", 6) == 0 ? "https" : "http");
	} else if (challenge && !strcasestr(challenge, "basic")) {
		ncm_error_set(err, NCM_E_REFUSED, "the proxy wants a user and password%s%.256s", says, text);
		ncm_error_hint(
		    err,
		    "Basic is the one way that is spoken here: let a proxy of your own speak the other (cntlm, "
		    "px), and name it in %s; or name the host in no_proxy",
		    variable);
	} else if (address && strchr(address, '@')) {
		ncm_error_set(err, NCM_E_REFUSED, "the proxy rejects the user and password that %s holds%s%.256s",
			      variable, says, text);
		ncm_error_hint(err,
			       "correct them there (%s, with %%40 for an @ in them); they were sent once, because some "
			       "proxies lock an account after a few wrong ones",
			       form);
	} else {
		ncm_error_set(err, NCM_E_REFUSED, "the proxy wants a user and password%s%.256s", says, text);
		ncm_error_hint(err, "put them into %s: %s, with %%40 for an @ in them; or name the host in no_proxy",
			       variable, form);
	}
}

static void keep_refusal(struct ncm_chain *chain, const struct ncm_error *err)
{
	struct ncm_http *http = chain->http;
	struct ncm_error *refusal = &state_of(http, chain->origin)->refusal;

	pthread_mutex_lock(&http->proxy.lock);
	ncm_error_set(refusal, err->code, "%s", err->message);
	ncm_error_hint(refusal, "%s", err->hint);
	pthread_mutex_unlock(&http->proxy.lock);
}

void ncm_proxy_refusal(struct ncm_chain *chain, long status, const char *challenge, struct ncm_error *err)
{
	if (status == 407) {
		want_password(chain->origin, challenge, err);
		keep_refusal(chain, err);
	} else if (ncm_status_is_transient(status)) {
		ncm_error_set(err, NCM_E_NETWORK, "%s: the proxy has no connection to it (%ld)", chain->origin, status);
		ncm_error_hint(err, "check the spelling of the host's name; run the same command again later, what is "
				    "here is kept");
	} else {
		ncm_error_set(err, NCM_E_REFUSED, "%s: the proxy refuses to connect to it (%ld)", chain->origin,
			      status);
		ncm_error_hint(err, "ask whoever runs the proxy to allow the host; if it can be reached without one, "
				    "name it in no_proxy");
	}
}

int ncm_proxy_check(const struct ncm_chain *chain, struct ncm_error *err)
{
	struct ncm_http *http = chain->http;
	const struct ncm_error *refusal = &state_of(http, chain->origin)->refusal;
	int result = 0;

	if (!ncm_proxy_variable(chain->origin))
		return 0;
	pthread_mutex_lock(&http->proxy.lock);
	if (refusal->code != NCM_OK) {
		ncm_error_set(err, refusal->code, "%s: %s", chain->what, refusal->message);
		result = ncm_error_hint(err, "%s", refusal->hint);
	}
	pthread_mutex_unlock(&http->proxy.lock);
	return result;
}

void ncm_proxy_note_open(struct ncm_http *http, const char *origin)
{
	if (!ncm_proxy_is_untried(http, origin))
		return;
	pthread_mutex_lock(&http->proxy.lock);
	state_of(http, origin)->open = true;
	pthread_cond_broadcast(&http->proxy.known);
	pthread_mutex_unlock(&http->proxy.lock);
}

static bool is_untried(const struct ncm_proxy_state *state)
{
	return !state->open && state->refusal.code == NCM_OK;
}

bool ncm_proxy_is_untried(struct ncm_http *http, const char *origin)
{
	bool untried;

	pthread_mutex_lock(&http->proxy.lock);
	untried = is_untried(state_of(http, origin));
	pthread_mutex_unlock(&http->proxy.lock);
	return untried && ncm_proxy_variable(origin);
}

bool ncm_proxy_enter(struct ncm_http *http, const char *origin)
{
	struct ncm_proxy_state *state = state_of(http, origin);
	bool mine;

	if (!ncm_proxy_is_untried(http, origin))
		return false;
	pthread_mutex_lock(&http->proxy.lock);
	while (is_untried(state) && state->asked)
		pthread_cond_wait(&http->proxy.known, &http->proxy.lock);
	mine = is_untried(state);
	state->asked = state->asked || mine;
	pthread_mutex_unlock(&http->proxy.lock);
	return mine;
}

void ncm_proxy_leave(struct ncm_http *http, const char *origin)
{
	pthread_mutex_lock(&http->proxy.lock);
	state_of(http, origin)->asked = false;
	pthread_cond_broadcast(&http->proxy.known);
	pthread_mutex_unlock(&http->proxy.lock);
}
