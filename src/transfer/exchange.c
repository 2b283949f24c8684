/* SPDX-License-Identifier: MIT */
#include "transfer/exchange.h"

#include "base/mem.h"
#include "transfer/answer.h"
#include "transfer/proxy.h"

#include <string.h>

static const long LIMITED_BUFFER_BYTES = 16 << 10;

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

static int take_header(struct ncm_exchange *exchange, const char *line, size_t size)
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
	return take_header(context, data, size * count) < 0 ? 0 : size * count;
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

static void add_header(struct ncm_exchange *exchange, char *line)
{
	struct curl_slist *longer = curl_slist_append(exchange->headers, line);

	explicit_bzero(line, strlen(line));
	free(line);
	if (longer)
		exchange->headers = longer;
}

static int add_credential(struct ncm_exchange *exchange, const struct ncm_exchange_options *options, const char *range,
			  struct ncm_error *err)
{
	const struct ncm_outgoing outgoing = {.method = options->form   ? "POST"
							: options->head ? "HEAD"
									: "GET",
					      .url = exchange->chain->url,
					      .range = range,
					      .body = options->form};
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

static int build_headers(struct ncm_exchange *exchange, const struct ncm_exchange_options *options,
			 struct ncm_error *err)
{
	NCM_AUTO_FREE char *range = range_of(options);

	if (ncm_chain_arm(exchange->chain, err) < 0)
		return -1;
	add_header(exchange, ncm_strdup("Accept-Encoding: identity"));
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
	ncm_easy_prepare(easy, exchange->chain->http);
	curl_easy_setopt(easy, CURLOPT_URL, exchange->chain->url);
	if (strncmp(exchange->chain->origin, "https:", 6) == 0)
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	if (options->form)
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
		explicit_bzero(line->data, strlen(line->data));
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
