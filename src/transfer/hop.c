/* SPDX-License-Identifier: MIT */
#include "transfer/hop.h"

#include "base/mem.h"
#include "base/secret_values.h"
#include "transfer/peer.h"
#include "transfer/retry.h"

#include <string.h>

static void set_url(struct ncm_chain *chain, char *url, char *origin)
{
	free(chain->url);
	free(chain->origin);
	chain->url = url;
	chain->origin = origin;
	/* Once it has left, it does not come back: the way led through a server that may have chosen where to. */
	if (chain->credential && chain->credential->origin && strcmp(origin, chain->credential->origin) != 0)
		chain->strayed = true;
}

int ncm_chain_start(struct ncm_chain *chain, struct ncm_http *http, const char *url, struct ncm_error *err)
{
	if (ncm_url_check(url, true, err) < 0)
		return -1;
	chain->http = http;
	chain->hops = 0;
	chain->strayed = false;
	chain->from_public = false;
	chain->renewed = false;
	set_url(chain, ncm_strdup(url), ncm_url_origin(url));
	free(chain->first_origin);
	chain->first_origin = ncm_strdup(chain->origin);
	return 0;
}

static void forget_bearer(struct ncm_chain *chain)
{
	ncm_wipe(chain->sent);
	chain->sent = NULL;
}

void ncm_chain_end(struct ncm_chain *chain)
{
	forget_bearer(chain);
	free(chain->url);
	free(chain->origin);
	free(chain->first_origin);
	chain->url = chain->origin = chain->first_origin = NULL;
}

void ncm_chain_copy(struct ncm_chain *to, const struct ncm_chain *from)
{
	ncm_chain_end(to);
	*to = *from;
	to->url = ncm_strdup(from->url);
	to->origin = ncm_strdup(from->origin);
	to->first_origin = ncm_strdup(from->first_origin);
	to->sent = NULL;
	to->renewed = false;
}

/* A name that ends in ".localhost" leads to this machine by RFC 6761, too. */
static bool stays_here(const char *origin)
{
	static const char ending[] = ".localhost";
	const char *host = strstr(origin, "://") + 3;
	const size_t size = strcspn(host, ":"), end = strlen(ending);

	return ncm_host_is_loopback(host) || (size > end && strncmp(host + size - end, ending, end) == 0);
}

/* Whoever is on the way reads what goes over plain http. */
static int refuse_clear(const struct ncm_chain *chain, struct ncm_error *err)
{
	if (strncmp(chain->origin, "http:", 5) != 0 || chain->http->allow_http_token || stays_here(chain->origin) ||
	    chain->sent_in_clear)
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s: the token would go to %s over plain http, where others can read it",
		      chain->what, chain->origin);
	return ncm_error_hint(err, "use https for that server, go without the token, or allow it with "
				   "--allow-http-token (\"allow_http_token\": true in the configuration)");
}

int ncm_chain_arm(struct ncm_chain *chain, struct ncm_error *err)
{
	forget_bearer(chain);
	if (!chain->credential || !chain->credential->origin || chain->strayed)
		return 0;
	pthread_mutex_lock(&chain->http->credentials_lock);
	chain->sent = ncm_strdup_null(chain->credential->bearer);
	chain->sent_apply = chain->credential->apply;
	chain->sent_in_clear = chain->credential->in_clear;
	pthread_mutex_unlock(&chain->http->credentials_lock);
	ncm_secret_note(chain->sent);
	if (chain->sent && refuse_clear(chain, err) < 0) {
		forget_bearer(chain);
		return -1;
	}
	for (const unsigned char *c = (const unsigned char *)chain->sent; c && *c; c++) {
		if (*c > ' ' && *c < 0x7f)
			continue;
		forget_bearer(chain);
		ncm_error_set(err, NCM_E_AUTH,
			      "%s: the token for %s holds a space, a line break or another character that no token has",
			      chain->what, chain->origin);
		return ncm_error_hint(err, "copy the token again, as one line");
	}
	return 0;
}

bool ncm_chain_accepts_peer(struct ncm_chain *chain, const char *address)
{
	bool is_private = ncm_peer_is_private(address);

	/* A proxy's address says nothing about the server behind it. */
	if (ncm_peer_is_proxied(chain->origin))
		return true;
	if (chain->hops == 0)
		chain->from_public = !is_private;
	return !is_private || !chain->from_public || chain->http->allow_private;
}

int ncm_chain_follow(struct ncm_chain *chain, const char *location, struct ncm_error *err)
{
	NCM_AUTO_FREE char *shown = ncm_url_display(location);
	struct ncm_error fault = NCM_ERROR_INIT;

	if (++chain->hops > NCM_LIMIT_REDIRECTS) {
		ncm_error_set(err, NCM_E_PROTOCOL, "%s: more than %u redirects, the last to %s", chain->what,
			      NCM_LIMIT_REDIRECTS, shown);
		return ncm_error_hint(err,
				      "open the address in a browser: the link is broken, or wants a log-in there");
	}
	if (ncm_url_check(location, true, &fault) < 0) {
		ncm_error_set(err, NCM_E_POLICY, "%s: refused a redirect: %s", chain->what, fault.message);
		ncm_error_clear(&fault);
		return -1;
	}
	if (strncmp(chain->origin, "https:", 6) == 0 && strncmp(location, "https:", 6) != 0) {
		ncm_error_set(err, NCM_E_POLICY, "%s: refused a redirect from https to plain http: %s", chain->what,
			      shown);
		return ncm_error_hint(err, "take another source, or tell whoever runs the server");
	}
	set_url(chain, ncm_strdup(location), ncm_url_origin(location));
	return 0;
}

bool ncm_reply_is_redirect(const struct ncm_reply *reply)
{
	switch (reply->status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return true;
	default:
		return false;
	}
}

bool ncm_chain_may_renew(const struct ncm_chain *chain)
{
	return chain->credential && chain->credential->renew && !chain->strayed && !chain->renewed;
}

/* A judge's word is final, except that a passing trouble which it puts in better words is still worth another try. */
static enum ncm_step judged(const struct ncm_reply *reply, const struct ncm_error *err)
{
	return ncm_status_is_transient(reply->status) && ncm_errc_retryable(err->code) ? NCM_STEP_RETRY : NCM_STEP_FAIL;
}

enum ncm_step ncm_chain_judge(struct ncm_chain *chain, const struct ncm_reply *reply, bool any_status, double *wait,
			      struct ncm_error *err)
{
	const struct ncm_service *service = chain->service;

	*wait = 0;
	if (reply->status == 200 || reply->status == 206)
		return NCM_STEP_DONE;
	if (reply->status == 401 && ncm_chain_may_renew(chain))
		return NCM_STEP_RENEW;
	*wait = ncm_retry_after(reply, time(NULL));
	if (!any_status && service && service->judge &&
	    service->judge(reply, chain->what, chain->sent != NULL, err) < 0)
		return judged(reply, err);
	if (ncm_reply_is_redirect(reply) && reply->location)
		return ncm_chain_follow(chain, reply->location, err) < 0 ? NCM_STEP_FAIL : NCM_STEP_NEXT;
	if (ncm_status_is_transient(reply->status)) {
		ncm_status_error(chain, reply, err);
		return NCM_STEP_RETRY;
	}
	if (any_status)
		return NCM_STEP_DONE;
	ncm_status_error(chain, reply, err);
	return NCM_STEP_FAIL;
}

/* A copy, with a bearer of its own. */
static struct ncm_credential copy_credential(struct ncm_http *http, const struct ncm_credential *credential)
{
	struct ncm_credential copy;

	pthread_mutex_lock(&http->credentials_lock);
	copy = *credential;
	copy.bearer = ncm_strdup_null(credential->bearer);
	pthread_mutex_unlock(&http->credentials_lock);
	return copy;
}

/* *a gets the bearer of *b and how it may be sent; *b what is to be freed. */
static void swap_bearers(struct ncm_http *http, struct ncm_credential *a, struct ncm_credential *b)
{
	char *bearer;

	pthread_mutex_lock(&http->credentials_lock);
	bearer = a->bearer;
	a->bearer = b->bearer;
	a->apply = b->apply;
	a->in_clear = b->in_clear;
	b->bearer = bearer;
	pthread_mutex_unlock(&http->credentials_lock);
}

int ncm_chain_renew(struct ncm_chain *chain, const char *challenge, struct ncm_error *err)
{
	struct ncm_credential fresh;
	int result = 0;

	chain->renewed = true;
	pthread_mutex_lock(&chain->http->renewal_lock);
	fresh = copy_credential(chain->http, chain->credential);
	if (!fresh.bearer || (chain->sent && strcmp(fresh.bearer, chain->sent) == 0)) {
		result = fresh.renew(&fresh, chain->http, challenge, err);
		if (result == 0)
			swap_bearers(chain->http, chain->credential, &fresh);
	}
	pthread_mutex_unlock(&chain->http->renewal_lock);
	ncm_wipe(fresh.bearer);
	return result;
}
