/* SPDX-License-Identifier: MIT */
/* What a status means, in words for people. */
#include "transfer/hop.h"

#include "base/address.h"
#include "base/mem.h"
#include "transfer/proxy.h"

#include <string.h>

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

void ncm_status_error(struct ncm_chain *chain, const struct ncm_reply *reply, struct ncm_error *err)
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
