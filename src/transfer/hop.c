/* SPDX-License-Identifier: MIT */
/* Redirects and credentials by origin, retry with exponential back-off and Retry-After, and what a status means. */
#include "transfer/hop.h"

#include "base/address.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "transfer/proxy.h"

#include <ctype.h>
#include <curl/curl.h>
#include <ncmodel/limits.h>
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
	bool is_private = ncm_address_is_private(address);

	/* A proxy's address says nothing about the server behind it. */
	if (ncm_proxy_variable(chain->origin))
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

struct meaning {
	long status;
	const char *phrase; /* of RFC 9110, not the server's */
	enum ncm_errc code;
	const char *hint;
};

static const char spelling[] = "check the spelling of the name, the revision and the file";
static const char trouble[] = "the service has trouble; run the same command again later, what is here is kept";

static const struct meaning meanings[] = {
    {400, "Bad Request", NCM_E_REFUSED, NULL},
    {401, "Unauthorized", NCM_E_AUTH, NULL},
    {402, "Payment Required", NCM_E_AUTH, NULL},
    {403, "Forbidden", NCM_E_AUTH, NULL},
    {404, "Not Found", NCM_E_NOT_FOUND, spelling},
    {405, "Method Not Allowed", NCM_E_REFUSED, NULL},
    {408, "Request Timeout", NCM_E_NETWORK, trouble},
    {410, "Gone", NCM_E_NOT_FOUND, "its owner has removed it"},
    {412, "Precondition Failed", NCM_E_REFUSED, NULL},
    {416, "Range Not Satisfiable", NCM_E_PROTOCOL, NULL},
    {425, "Too Early", NCM_E_NETWORK, trouble},
    {429, "Too Many Requests", NCM_E_RATE_LIMIT, "wait a while; with a token the limits are higher"},
    {451, "Unavailable For Legal Reasons", NCM_E_NOT_FOUND, "it was taken down, or is not offered where you are"},
    {500, "Internal Server Error", NCM_E_NETWORK, trouble},
    {501, "Not Implemented", NCM_E_REFUSED, NULL},
    {502, "Bad Gateway", NCM_E_NETWORK, trouble},
    {503, "Service Unavailable", NCM_E_NETWORK, trouble},
    {504, "Gateway Timeout", NCM_E_NETWORK, trouble},
    {505, "HTTP Version Not Supported", NCM_E_REFUSED, NULL},
    {511, "Network Authentication Required", NCM_E_REFUSED, "log in to this network first: open any page in a browser"},
};

static struct meaning meaning_of(long status)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
		if (meanings[i].status == status)
			return meanings[i];
	}
	if (status >= 500 && status <= 599)
		return (struct meaning){status, "", NCM_E_NETWORK, trouble};
	return (struct meaning){status, "", status >= 400 && status <= 499 ? NCM_E_REFUSED : NCM_E_PROTOCOL, NULL};
}

static void hint_about_token(const struct ncm_chain *chain, struct ncm_error *err)
{
	if (strcmp(chain->origin, chain->first_origin) != 0)
		ncm_error_hint(
		    err, "%s handed out a link that does not work: if it does so tomorrow, too, take another source",
		    chain->first_origin);
	else if (chain->sent)
		ncm_error_hint(err, "a token was sent: check that it is valid and that its account may read this");
	else if (strchr(chain->url, '?'))
		ncm_error_hint(err,
			       "if the link is signed it may have expired: get a new one; else it may need a token, "
			       "and none was sent");
	else
		ncm_error_hint(err, "it may need a token, and none was sent");
}

/* Squid says so by a header. */
bool ncm_reply_is_proxys(const struct ncm_chain *chain, const struct ncm_reply *reply)
{
	NCM_AUTO_FREE char *squid = ncm_reply_header(reply, "X-Squid-Error");

	return reply->status == 407 || (squid && ncm_proxy_variable(chain->origin));
}

static void proxy_error(struct ncm_chain *chain, const struct ncm_reply *reply, struct ncm_error *err)
{
	NCM_AUTO_FREE char *challenge = ncm_proxy_challenge(reply->headers);

	ncm_proxy_refusal(chain, reply->status, challenge, err);
	ncm_error_wrap(err, "%s", chain->what);
}

/* The general rule for an answer that is no success: sets *err. */
static void status_error(struct ncm_chain *chain, const struct ncm_reply *reply, struct ncm_error *err)
{
	NCM_AUTO_FREE char *words = NULL;
	struct meaning meaning = meaning_of(reply->status);
	bool elsewhere = strcmp(chain->origin, chain->first_origin) != 0;
	const char *who = elsewhere ? chain->origin : chain->service ? chain->service->name : "the server";

	if (ncm_reply_is_redirect(reply)) {
		ncm_error_set(err, NCM_E_PROTOCOL, "%s: %s redirects (%ld) to no address that can be followed",
			      chain->what, who, reply->status);
		return;
	}
	if (ncm_reply_is_proxys(chain, reply)) {
		proxy_error(chain, reply, err);
		return;
	}
	words = meaning.code == NCM_E_NOT_FOUND ? NULL : ncm_reply_words(reply); /* they say no more than that */
	ncm_error_set(err, meaning.code, "%s: %s says %ld%s%s%s%s%s", chain->what, who, reply->status,
		      *meaning.phrase ? " " : "", meaning.phrase, words ? ": \"" : "", words ? words : "",
		      words ? "\"" : "");
	if (meaning.hint)
		ncm_error_hint(err, "%s", meaning.hint);
	else if (meaning.code == NCM_E_AUTH && !elsewhere && ncm_text_has_secret(chain->url))
		ncm_error_hint(err, "its address is signed or has a key, which may have expired: get a new address, "
				    "and give it: ncmodel pull URL");
	else if (meaning.code == NCM_E_AUTH)
		hint_about_token(chain, err);
}

bool ncm_chain_may_renew(const struct ncm_chain *chain)
{
	return chain->credential && chain->credential->renew && !chain->strayed && !chain->renewed;
}

/* A judge's word is final, except that a passing trouble which it puts in better words is still worth another try. */
static enum ncm_hop judged(const struct ncm_reply *reply, const struct ncm_error *err)
{
	return ncm_status_is_transient(reply->status) && ncm_errc_retryable(err->code) ? NCM_HOP_RETRY : NCM_HOP_FAIL;
}

enum ncm_hop ncm_chain_decide(struct ncm_chain *chain, const struct ncm_reply *reply, bool any_status, double *wait,
			      struct ncm_error *err)
{
	const struct ncm_service *service = chain->service;

	*wait = 0;
	if (reply->status == 200 || reply->status == 206)
		return NCM_HOP_DONE;
	if (reply->status == 401 && ncm_chain_may_renew(chain))
		return NCM_HOP_RENEW;
	*wait = ncm_retry_after(reply, time(NULL));
	if (!any_status && service && service->judge &&
	    service->judge(reply, chain->what, chain->sent != NULL, err) < 0)
		return judged(reply, err);
	if (ncm_reply_is_redirect(reply) && reply->location)
		return ncm_chain_follow(chain, reply->location, err) < 0 ? NCM_HOP_FAIL : NCM_HOP_NEXT;
	if (ncm_status_is_transient(reply->status)) {
		status_error(chain, reply, err);
		return NCM_HOP_RETRY;
	}
	if (any_status)
		return NCM_HOP_DONE;
	status_error(chain, reply, err);
	return NCM_HOP_FAIL;
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

static const double LONGEST_BACKOFF = 30;

/* Between 0.5 and 1: many clients that failed together do not come back together. */
static double jitter(void)
{
	char hex[5];

	ncm_random_hex(hex, sizeof hex);
	return 0.5 + 0.5 * (double)strtoul(hex, NULL, 16) / 65535;
}

double ncm_backoff_next(struct ncm_backoff *backoff, double asked)
{
	double wait = backoff->first;

	if (!backoff->progressed && ++backoff->failures >= backoff->limit)
		return -1;
	backoff->progressed = false;
	for (unsigned i = 1; i < backoff->failures && wait < LONGEST_BACKOFF; i++)
		wait *= 2;
	if (wait > LONGEST_BACKOFF)
		wait = LONGEST_BACKOFF;
	wait *= jitter();
	return wait < asked ? asked : wait;
}

void ncm_backoff_progress(struct ncm_backoff *backoff)
{
	backoff->failures = 0;
	backoff->progressed = true;
}

bool ncm_status_is_transient(long status)
{
	/* What a server does not implement it will not in a minute; 511 is a network's log-in page. */
	if (status == 501 || status == 505 || status == 511)
		return false;
	return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

/* Digits alone; -1 for anything else. Numbers too large for us are as good as the cap. */
static double seconds_of(const char *text)
{
	size_t length = strspn(text, "0123456789");

	if (length == 0 || text[length + strspn(text + length, " \t")] != '\0')
		return -1;
	return length > 9 ? 1e9 : (double)strtoul(text, NULL, 10);
}

static double from_retry_after(const char *value, time_t now)
{
	double seconds = seconds_of(value);
	time_t date;

	if (seconds >= 0)
		return seconds;
	date = curl_getdate(value, NULL);
	return date == (time_t)-1 || date <= now ? 0 : (double)(date - now);
}

/* "\"resolvers\";r=0;t=55": nothing remains until 55 seconds from now. */
static double from_rate_limit(const char *value)
{
	const char *remaining = strstr(value, ";r=");
	const char *reset = strstr(value, ";t=");

	if (!remaining || !reset || remaining[3] != '0' || isdigit((unsigned char)remaining[4]) ||
	    !isdigit((unsigned char)reset[3]))
		return 0;
	return strspn(reset + 3, "0123456789") > 9 ? 1e9 : (double)strtoul(reset + 3, NULL, 10) + 1;
}

double ncm_retry_after(const struct ncm_reply *reply, time_t now)
{
	NCM_AUTO_FREE char *limit = ncm_reply_header(reply, "RateLimit");
	NCM_AUTO_FREE char *after = ncm_reply_header(reply, "Retry-After");
	double wait = limit && reply->status == 429 ? from_rate_limit(limit) : 0;

	if (wait <= 0 && after)
		wait = from_retry_after(after, now);
	return wait > NCM_LIMIT_RETRY_AFTER_SECONDS ? NCM_LIMIT_RETRY_AFTER_SECONDS : wait;
}
