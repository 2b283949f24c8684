/* SPDX-License-Identifier: MIT */
/* One request and its answer over libcurl: headers built, callbacks bounded; and what libcurl's errors mean. */
#include "transfer/exchange.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"
#include "transfer/answer.h"
#include "transfer/proxy.h"

#include <errno.h>
#include <string.h>

static const long LIMITED_BUFFER_BYTES = 16 << 10;
static const long UPLOAD_BUFFER_BYTES = 512 << 10;
/* Of an upload whose rate is to be held: */
static const uint64_t PIECES_A_SECOND = 20, LEAST_PIECE = 1024;
static const double RATE_PAUSE_SECONDS = 0.02;

/* "HTTP/1.1 206 …" or "HTTP/2 206". */
static void begin_answer(struct ncm_exchange *exchange, const char *line, size_t size)
{
	NCM_AUTO_FREE char *text = ncm_strndup(line, size);
	const char *space = strchr(text, ' ');

	exchange->status = space ? strtol(space, NULL, 10) : 0;
	exchange->http_major = text[5] - '0';
	ncm_buffer_free(&exchange->head);
	if (!exchange->asked) /* it is the proxy that answers, to CONNECT */
		return;
	ncm_http_note_reached(exchange->chain->http);
	if (exchange->status != 407)
		ncm_proxy_note_open(exchange->chain->http, exchange->chain->origin);
}

static int end_of_head(struct ncm_exchange *exchange)
{
	if (exchange->status < 200 || !exchange->asked) /* an interim answer, or the proxy's: the real one follows */
		return 0;
	exchange->head_complete = true;
	if (!exchange->head.data)
		ncm_buffer_puts(&exchange->head, "");
	return exchange->on_head(exchange);
}

static int read_header(struct ncm_exchange *exchange, const char *line, size_t size)
{
	/* Counted over interim answers and trailers too: they are sent without an end as well as a long head is. */
	exchange->head_bytes += size;
	if (exchange->head_bytes > NCM_LIMIT_HEADER_BYTES)
		return ncm_error_set(&exchange->error, NCM_E_PROTOCOL, "the server sends more than %u bytes of headers",
				     NCM_LIMIT_HEADER_BYTES);
	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	if (exchange->head_complete) /* trailers are not believed */
		return 0;
	if (size >= 5 && strncmp(line, "HTTP/", 5) == 0) {
		begin_answer(exchange, line, size);
		return 0;
	}
	if (size == 0)
		return end_of_head(exchange);
	if (*line == ' ' || *line == '\t')
		return ncm_error_set(&exchange->error, NCM_E_PROTOCOL, "the server folds a header over two lines");
	ncm_buffer_add(&exchange->head, line, size);
	ncm_buffer_puts(&exchange->head, "\n");
	return 0;
}

static size_t header_callback(char *data, size_t size, size_t count, void *context)
{
	return read_header(context, data, size * count) < 0 ? 0 : size * count;
}

static size_t body_callback(char *data, size_t size, size_t count, void *context)
{
	struct ncm_exchange *exchange = context;

	int result = size * count > 0 ? exchange->on_body(exchange, data, size * count) : 0;

	return result < 0 ? CURL_WRITEFUNC_ERROR : result > 0 ? CURL_WRITEFUNC_PAUSE : size * count;
}

static int interrupt_callback(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
	(void)context;
	(void)total;
	(void)now;
	(void)up_total;
	(void)up_now;
	return ncm_interrupted();
}

static int peer_callback(void *context, char *peer, char *local, int peer_port, int local_port)
{
	struct ncm_exchange *exchange = context;

	(void)local;
	(void)peer_port;
	(void)local_port;
	exchange->asked = true;
	if (strncmp(exchange->chain->origin, "https:", 6) == 0)
		ncm_proxy_note_open(exchange->chain->http, exchange->chain->origin);
	if (ncm_chain_accepts_peer(exchange->chain, peer))
		return CURL_PREREQFUNC_OK;
	ncm_error_set(&exchange->error, NCM_E_POLICY,
		      "refused a redirect from a public server to %s, whose address %s is private",
		      exchange->chain->origin, peer);
	ncm_error_hint(&exchange->error, "if this is meant, set \"allow_private\" in the configuration");
	return CURL_PREREQFUNC_ABORT;
}

/* Each upload has a thread of its own, which may wait. Returns 0, or -1 when the user interrupts. */
static int wait_to_send(struct ncm_http *http, size_t size)
{
	for (;;) {
		bool taken;

		pthread_mutex_lock(&http->lock);
		ncm_rate_refill(&http->sending, ncm_monotonic());
		taken = ncm_rate_take(&http->sending, size);
		pthread_mutex_unlock(&http->lock);
		if (taken)
			return 0;
		if (ncm_wait(RATE_PAUSE_SECONDS) < 0)
			return -1;
	}
}

/* How much of an upload goes out at once. */
static size_t piece_of(const struct ncm_exchange *exchange, size_t most)
{
	const uint64_t limit = exchange->chain->http->sending.limit;
	const uint64_t piece = limit / PIECES_A_SECOND > LEAST_PIECE ? limit / PIECES_A_SECOND : LEAST_PIECE;

	/* libcurl sends what it gets, beyond the length that it has told, too. */
	if (most > exchange->unsent)
		most = (size_t)exchange->unsent;
	return limit > 0 && most > piece ? (size_t)piece : most;
}

static size_t read_callback(char *data, size_t size, size_t count, void *context)
{
	struct ncm_exchange *exchange = context;
	const struct ncm_upload *upload = exchange->upload;
	const size_t most = piece_of(exchange, size * count);
	ssize_t got = 0;

	if (upload->read && most > 0)
		got = upload->read(upload->context, data, most, &exchange->error);
	if (got < 0)
		return CURL_READFUNC_ABORT;
	if (got > 0 && wait_to_send(exchange->chain->http, (size_t)got) < 0) {
		ncm_error_set(&exchange->error, NCM_E_INTERRUPTED, "interrupted");
		return CURL_READFUNC_ABORT;
	}
	exchange->unsent -= (uint64_t)got;
	return (size_t)got;
}

/* libcurl begins anew where a connection of the pool turned out to be dead. */
static int seek_callback(void *context, curl_off_t offset, int origin)
{
	struct ncm_exchange *exchange = context;
	const struct ncm_upload *upload = exchange->upload;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	if (upload->restart && upload->restart(upload->context, &exchange->error) < 0)
		return CURL_SEEKFUNC_FAIL;
	exchange->unsent = upload->size;
	return CURL_SEEKFUNC_OK;
}

static void prepare_upload(struct ncm_exchange *exchange, const struct ncm_upload *upload)
{
	CURL *easy = exchange->easy;

	exchange->upload = upload;
	exchange->unsent = upload->size;
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, upload->method);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->size);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_callback);
	curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_callback);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
}

static void add_header(struct ncm_exchange *exchange, char *line)
{
	struct curl_slist *longer = curl_slist_append(exchange->headers, line);

	os_wipe(line, strlen(line));
	free(line);
	if (longer)
		exchange->headers = longer;
}

static const char *method_of(const struct ncm_exchange_options *options)
{
	if (options->upload)
		return options->upload->method;
	return options->form ? "POST" : options->head ? "HEAD" : "GET";
}

static int add_credential(struct ncm_exchange *exchange, const struct ncm_exchange_options *options, const char *range,
			  struct ncm_error *err)
{
	const struct ncm_outgoing outgoing = {.method = method_of(options),
					      .url = exchange->chain->url,
					      .range = range,
					      .body = options->form,
					      .upload = options->upload};
	struct ncm_strings headers = {0};
	const int failed = ncm_chain_apply(exchange->chain, &outgoing, &headers, err);

	for (size_t i = 0; i < headers.count; i++) {
		if (failed)
			ncm_wipe(headers.items[i]);
		else
			add_header(exchange, headers.items[i]);
	}
	free(headers.items);
	return failed;
}

/* "bytes=0-", or NULL. The caller frees it. */
static char *range_of(const struct ncm_exchange_options *options)
{
	if (!options->ranged)
		return NULL;
	if (options->end > 0)
		return ncm_asprintf("bytes=%llu-%llu", (unsigned long long)options->offset,
				    (unsigned long long)options->end - 1);
	return ncm_asprintf("bytes=%llu-", (unsigned long long)options->offset);
}

static void add_headers_of_upload(struct ncm_exchange *exchange, const struct ncm_upload *upload)
{
	if (upload->type)
		add_header(exchange, ncm_asprintf("Content-Type: %s", upload->type));
	if (upload->range)
		add_header(exchange, ncm_asprintf("Content-Range: %s", upload->range));
	for (size_t i = 0; upload->headers && i < upload->headers->count; i++)
		add_header(exchange, ncm_strdup(upload->headers->items[i]));
}

static int build_headers(struct ncm_exchange *exchange, const struct ncm_exchange_options *options,
			 struct ncm_error *err)
{
	NCM_AUTO_FREE char *range = range_of(options);

	if (ncm_chain_arm(exchange->chain, err) < 0)
		return -1;
	add_header(exchange, ncm_strdup("Accept-Encoding: identity"));
	if (options->json)
		add_header(exchange, ncm_strdup("Content-Type: application/json"));
	if (options->upload)
		add_headers_of_upload(exchange, options->upload);
	if (options->accept)
		add_header(exchange, ncm_asprintf("Accept: %s", options->accept));
	if (range)
		add_header(exchange, ncm_asprintf("Range: %s", range));
	if (range && options->if_range)
		add_header(exchange, ncm_asprintf("If-Range: %s", options->if_range));
	return add_credential(exchange, options, range, err);
}

int ncm_exchange_begin(struct ncm_exchange *exchange, const struct ncm_exchange_options *options, struct ncm_error *err)
{
	CURL *easy = exchange->easy;

	if (!easy)
		return ncm_error_set(err, NCM_E_OTHER, "libcurl cannot make a handle");
	ncm_exchange_end(exchange);
	if (ncm_proxy_check(exchange->chain, err) < 0)
		return -1;
	if (build_headers(exchange, options, err) < 0)
		return -1;
	if (options->upload && options->upload->restart && options->upload->restart(options->upload->context, err) < 0)
		return -1;
	ncm_easy_prepare(easy, exchange->chain->http);
	curl_easy_setopt(easy, CURLOPT_URL, exchange->chain->url);
	if (strncmp(exchange->chain->origin, "https:", 6) == 0)
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	if (options->upload)
		prepare_upload(exchange, options->upload);
	else if (options->form)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, options->form); /* not copied */
	else if (options->head)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	if (options->limited)
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, LIMITED_BUFFER_BYTES);
	if (options->http1)
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_callback);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_callback);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, interrupt_callback);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, peer_callback);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->detail);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange->owner);
	return 0;
}

void ncm_exchange_end(struct ncm_exchange *exchange)
{
	/* libcurl copies neither the header list nor the error buffer. */
	if (exchange->easy) {
		curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(exchange->easy, CURLOPT_ERRORBUFFER, NULL);
	}
	for (struct curl_slist *line = exchange->headers; line; line = line->next)
		os_wipe(line->data, strlen(line->data));
	curl_slist_free_all(exchange->headers);
	exchange->headers = NULL;
	ncm_buffer_free(&exchange->head);
	ncm_buffer_free(&exchange->body);
	ncm_error_clear(&exchange->error);
	exchange->status = 0;
	exchange->http_major = 0;
	exchange->stopped = false;
	exchange->asked = false;
	exchange->head_complete = false;
	exchange->head_bytes = 0;
	exchange->detail[0] = '\0';
}

void ncm_exchange_reply(struct ncm_exchange *exchange, struct ncm_reply *reply)
{
	NCM_AUTO_FREE char *location = NULL;

	reply->status = exchange->status;
	reply->url = ncm_url_display(exchange->chain->url);
	reply->headers = ncm_buffer_take(&exchange->head);
	reply->body_size = exchange->body.size;
	reply->body = ncm_buffer_take(&exchange->body);
	location = ncm_header_get(reply->headers, "Location", 0);
	reply->location = ncm_reply_is_redirect(reply) && location && *location
			      ? ncm_url_resolve(exchange->chain->url, location)
			      : NULL;
}

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
	const char *why =
	    os_access(OS_HERE, bundle ? bundle : "", OS_MAY_READ) < 0 ? os_error_text(errno) : "no certificate in it";

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
