/* SPDX-License-Identifier: MIT */
/* What libcurl's end of a transfer means, in words for people, and whether another try may help. */
#include "transfer/exchange.h"

#include "base/mem.h"
#include "transfer/answer.h"
#include "transfer/proxy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static enum ncm_exchange_result transient(struct ncm_exchange *exchange, const char *trouble, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_NETWORK, "%s: %s%s%s%s", exchange->chain->origin, trouble,
		      *exchange->detail ? " (" : "", exchange->detail, *exchange->detail ? ")" : "");
	ncm_error_hint(err, "check the network; run the same command again, what is here is kept");
	return NCM_EXCHANGE_TRANSIENT;
}

static enum ncm_exchange_result refused(struct ncm_exchange *exchange, enum ncm_errc class, const char *trouble,
					const char *hint, struct ncm_error *err)
{
	ncm_error_set(err, class, "%s: %s%s%s%s", exchange->chain->origin, trouble, *exchange->detail ? " (" : "",
		      exchange->detail, *exchange->detail ? ")" : "");
	if (hint)
		ncm_error_hint(err, "%s", hint);
	return NCM_EXCHANGE_FAILED;
}

/* A name that is misspelt and a name server that is away look alike. */
static enum ncm_exchange_result unknown_host(struct ncm_exchange *exchange, struct ncm_error *err)
{
	(void)transient(exchange, "the host's address cannot be found", err);
	ncm_error_hint(err, "check the spelling of the host's name, then the network; run the same command again, what "
			    "is here is kept");
	return NCM_EXCHANGE_TRANSIENT;
}

/* A proxy is where the connection goes to then. libcurl's words may quote its URL, with the password. */
static enum ncm_exchange_result no_proxy(struct ncm_exchange *exchange, struct ncm_error *err)
{
	const char *variable = ncm_proxy_variable(exchange->chain->origin);
	bool may_quote = strstr(exchange->detail, "roxy") != NULL;

	ncm_error_set(err, NCM_E_NETWORK, "%s: no connection to the proxy that %s names%s%s%s", exchange->chain->origin,
		      variable ? variable : "the environment", may_quote ? "" : " (", may_quote ? "" : exchange->detail,
		      may_quote ? "" : ")");
	ncm_error_hint(err, "correct the variable, or name this host in no_proxy");
	return NCM_EXCHANGE_TRANSIENT;
}

/* The proxy answered CONNECT, and not with a tunnel. */
static enum ncm_exchange_result no_tunnel(struct ncm_exchange *exchange, long status, struct ncm_error *err)
{
	NCM_AUTO_FREE char *challenge = exchange->head.data ? ncm_proxy_challenge(exchange->head.data) : NULL;

	ncm_proxy_refusal(exchange->chain, status, challenge, err);
	return ncm_errc_retryable(err->code) ? NCM_EXCHANGE_TRANSIENT : NCM_EXCHANGE_FAILED;
}

/* What a SOCKS proxy says is no status. */
static enum ncm_exchange_result no_socks(struct ncm_exchange *exchange, struct ncm_error *err)
{
	long reason = CURLPX_OK;

	curl_easy_getinfo(exchange->easy, CURLINFO_PROXY_ERROR, &reason);
	if (reason == CURLPX_USER_REJECTED || reason == CURLPX_NO_AUTH)
		return no_tunnel(exchange, 407, err);
	if (reason == CURLPX_REPLY_NOT_ALLOWED)
		return no_tunnel(exchange, 403, err);
	return no_tunnel(exchange, 502, err);
}

static enum ncm_exchange_result too_slow(struct ncm_exchange *exchange, struct ncm_error *err)
{
	const struct ncm_http *http = exchange->chain->http;
	curl_off_t size = 0;

	if (curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_DOWNLOAD_T, &size) != CURLE_OK || size == 0 ||
	    http->speed_limit == 0)
		return transient(exchange, "nothing came for too long", err);
	ncm_slow_error(http, exchange->chain->origin, err);
	return NCM_EXCHANGE_TRANSIENT;
}

/*
 * Without a CA bundle nothing can be trusted. The network has no part in it, so it is no class that is worth another
 * try: a bundle that was named is USAGE, as a configuration file that was named and is not there; the system's is IO.
 */
static enum ncm_exchange_result untrusting(struct ncm_exchange *exchange, struct ncm_error *err)
{
	const char *named = exchange->chain->http->cacert;
	const char *bundle = named ? named : curl_version_info(CURLVERSION_NOW)->cainfo;
	const char *why = access(bundle ? bundle : "", R_OK) < 0 ? strerrordesc_np(errno) : "no certificate in it";

	ncm_error_set(err, named ? NCM_E_USAGE : NCM_E_IO,
		      "%s: certificates cannot be checked without the CA bundle %s: %s", exchange->chain->origin,
		      bundle ? bundle : "of the system", why);
	ncm_error_hint(err, "%sname a bundle with --cacert FILE, the configuration's \"cacert\" or SSL_CERT_FILE",
		       named ? "" : "install the package ca-certificates, or ");
	return NCM_EXCHANGE_FAILED;
}

/* Whether a handshake failed over what both sides can, by OpenSSL's words: all else may be the connection's end. */
static bool has_no_common_tls(const char *detail)
{
	static const char *const reasons[] = {
	    "unsupported protocol", "wrong version number", "alert protocol version", "alert handshake failure",
	    "no shared cipher",     "http request",         "packet length too long"};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		if (strstr(detail, reasons[i]))
			return true;
	}
	return false;
}

static enum ncm_exchange_result no_handshake(struct ncm_exchange *exchange, struct ncm_error *err)
{
	const struct ncm_service *service = exchange->chain->service;

	if (!has_no_common_tls(exchange->detail))
		return transient(exchange, "the connection failed", err);
	(void)refused(exchange, NCM_E_UNTRUSTED, "it does not speak TLS 1.2 or newer",
		      "check scheme and port of the address; older TLS is not spoken, because it keeps nothing secret",
		      err);
	if (service && service->is_registry)
		ncm_error_hint(err,
			       "if it serves plain http, and you trust the network between: --insecure-registry %s",
			       exchange->chain->origin + strlen("https://"));
	return NCM_EXCHANGE_FAILED;
}

static enum ncm_exchange_result explain(struct ncm_exchange *exchange, CURLcode code, struct ncm_error *err)
{
	switch (code) {
	case CURLE_ABORTED_BY_CALLBACK:
		ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
		return NCM_EXCHANGE_FAILED;
	case CURLE_COULDNT_RESOLVE_HOST:
		return unknown_host(exchange, err);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return no_proxy(exchange, err);
	case CURLE_COULDNT_CONNECT:
		if (ncm_proxy_variable(exchange->chain->origin))
			return no_proxy(exchange, err);
		return transient(exchange, "no connection", err);
	case CURLE_PROXY:
		return no_socks(exchange, err);
	case CURLE_OPERATION_TIMEDOUT:
		return too_slow(exchange, err);
	case CURLE_PARTIAL_FILE:
		return transient(exchange, "the connection was cut before the end", err);
	case CURLE_SSL_CONNECT_ERROR:
		return no_handshake(exchange, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return refused(
		    exchange, NCM_E_UNTRUSTED, "its certificate is not trusted",
		    "if a proxy of your organisation is in between, name its CA bundle with --cacert or SSL_CERT_FILE; "
		    "check this machine's clock, too",
		    err);
	case CURLE_SSL_CACERT_BADFILE:
		return untrusting(exchange, err);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_OUT_OF_MEMORY: /* a header line longer than libcurl takes */
		return refused(exchange, NCM_E_PROTOCOL, "the server's answer is not HTTP as it should be", NULL, err);
	case CURLE_URL_MALFORMAT:
		return refused(exchange, NCM_E_PROTOCOL, "the URL cannot be used", NULL, err);
	default:
		return transient(exchange, "the connection failed", err);
	}
}

static bool never_connected(const struct ncm_exchange *exchange, CURLcode code)
{
	curl_off_t connected = 0;

	if (code == CURLE_OPERATION_TIMEDOUT)
		return curl_easy_getinfo(exchange->easy, CURLINFO_CONNECT_TIME_T, &connected) == CURLE_OK && !connected;
	return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
	       code == CURLE_COULDNT_CONNECT;
}

enum ncm_exchange_result ncm_exchange_result(struct ncm_exchange *exchange, CURLcode code, struct ncm_error *err)
{
	const char *what = exchange->chain->what;
	enum ncm_exchange_result result;
	long tunnel = 0;

	if (exchange->error.code != NCM_OK) {
		ncm_error_move(err, &exchange->error);
		ncm_error_wrap(err, "%s", what);
		return NCM_EXCHANGE_FAILED;
	}
	if (exchange->stopped || code == CURLE_OK)
		return NCM_EXCHANGE_ANSWERED;
	if (!*exchange->detail)
		snprintf(exchange->detail, sizeof exchange->detail, "%s", curl_easy_strerror(code));
	if (!exchange->asked && curl_easy_getinfo(exchange->easy, CURLINFO_HTTP_CONNECTCODE, &tunnel) == CURLE_OK &&
	    tunnel >= 300)
		result = no_tunnel(exchange, tunnel, err);
	else
		result = explain(exchange, code, err);
	if (result == NCM_EXCHANGE_TRANSIENT)
		ncm_proxy_note_open(exchange->chain->http, exchange->chain->origin);
	if (result == NCM_EXCHANGE_TRANSIENT && never_connected(exchange, code))
		ncm_http_note_unreached(exchange->chain->http, err->message);
	ncm_error_wrap(err, "%s", what);
	return result;
}
