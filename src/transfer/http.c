/* SPDX-License-Identifier: MIT */
/* Small requests: the whole answer in memory, retried where that is worth it. */
#include "transfer/http.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "transfer/answer.h"
#include "transfer/exchange.h"
#include "transfer/proxy.h"

#include <limits.h>
#include <string.h>

static const size_t ERROR_BODY_BYTES = 64 << 10; /* of an answer that is no success: enough for its message */
static const double SILENT_WAIT_SECONDS = 3;

char *ncm_reply_header(const struct ncm_reply *reply, const char *name)
{
	return ncm_header_get(reply->headers, name, 0);
}

enum ncm_errc ncm_reply_class(long status)
{
	if (status == 401 || status == 403)
		return NCM_E_AUTH;
	if (status == 404)
		return NCM_E_NOT_FOUND;
	if (status == 429)
		return NCM_E_RATE_LIMIT;
	return status == 408 || status == 425 || status >= 500 ? NCM_E_NETWORK : NCM_E_REFUSED;
}

bool ncm_reply_time(const struct ncm_reply *reply, const char *name, int64_t *seconds)
{
	NCM_AUTO_FREE char *text = ncm_reply_header(reply, name);
	const time_t time = text ? curl_getdate(text, NULL) : -1;

	*seconds = (int64_t)time;
	return time != -1;
}

char *ncm_reply_challenge(const struct ncm_reply *reply)
{
	struct ncm_buffer all = {0};
	char *one;

	for (size_t i = 0; (one = ncm_header_get(reply->headers, "WWW-Authenticate", i)); i++) {
		ncm_buffer_printf(&all, "%s%s", i > 0 ? ", " : "", one);
		free(one);
	}
	return all.data;
}

void ncm_reply_clear(struct ncm_reply *reply)
{
	free(reply->url);
	free(reply->location);
	free(reply->headers);
	free(reply->body);
	*reply = (struct ncm_reply){0};
}

/* One call of ncm_http_get. */
struct small {
	const struct ncm_request *request;
	size_t limit;
	struct ncm_chain chain;
	struct ncm_exchange exchange;
	struct ncm_backoff backoff;
	bool first_byte; /* HEAD was no answer */
	bool has_total;  /* of a ranged request */
	uint64_t total;
};

/* Whether what comes is the range. */
static int check_range(struct small *small, struct ncm_exchange *exchange)
{
	const struct ncm_question question = {
	    .ranged = true, .offset = small->request->from, .end = small->request->to, .provable = true};
	struct ncm_answer answer;
	const enum ncm_answer_use use = ncm_answer_validate(exchange->status, exchange->http_major, exchange->head.data,
							    &question, &answer, &exchange->error);

	free(answer.etag);
	small->has_total = answer.has_total;
	small->total = answer.total;
	if (use == NCM_ANSWER_REFUSE)
		return -1;
	if (use == NCM_ANSWER_TAKE && answer.offset == question.offset)
		return 0;
	ncm_error_set(&exchange->error, NCM_E_POLICY, "%s: its server hands out no parts of files",
		      small->request->what);
	return ncm_error_hint(&exchange->error, "a pull fetches the whole");
}

static int check_head(struct ncm_exchange *exchange)
{
	struct small *small = exchange->owner;

	if (small->request->ranged && (exchange->status == 200 || exchange->status == 206))
		return check_range(small, exchange);
	return ncm_answer_check_framing(exchange->head.data, &exchange->error);
}

/* Of a first byte the head is what is wanted, and the whole file may come. */
static bool wants_no_body(const struct small *small, bool success, size_t size)
{
	return success && small->first_byte && size > 1;
}

/* Hands over the lines that are whole, and keeps the rest. */
static int hand_over(struct ncm_exchange *exchange, const struct small *small)
{
	struct ncm_buffer *body = &exchange->body;
	size_t done = 0;
	char *end;

	while (body->size > done && (end = memchr(body->data + done, '\n', body->size - done))) {
		*end = '\0';
		if (small->request->on_line(small->request->context, body->data + done, &exchange->error) < 0)
			return -1;
		done = (size_t)(end - body->data) + 1;
	}
	body->size -= done;
	memmove(body->data, body->data + done, body->size);
	if (body->size > small->limit)
		return ncm_error_set(&exchange->error, NCM_E_PROTOCOL, "a line of the answer is larger than %zu bytes",
				     small->limit);
	return 0;
}

static int collect_body(struct ncm_exchange *exchange, const char *data, size_t size)
{
	const struct small *small = exchange->owner;
	bool success = exchange->status == 200 || exchange->status == 206;
	size_t limit = success || small->limit < ERROR_BODY_BYTES ? small->limit : ERROR_BODY_BYTES;

	if (success && small->request->ranged && size > limit - exchange->body.size) {
		ncm_buffer_add(&exchange->body, data, limit - exchange->body.size);
		exchange->stopped = true;
		return -1;
	}
	if (success && small->request->on_line) {
		ncm_buffer_add(&exchange->body, data, size);
		return hand_over(exchange, small);
	}
	if (!wants_no_body(small, success, size) && size <= limit - exchange->body.size) {
		ncm_buffer_add(&exchange->body, data, size);
		return 0;
	}
	if (success && !small->first_byte)
		return ncm_error_set(&exchange->error, NCM_E_PROTOCOL, "the answer is larger than %zu bytes", limit);
	exchange->stopped = true;
	return -1;
}

static int wait_for_next(const struct small *small, double seconds)
{
	if (seconds > SILENT_WAIT_SECONDS) {
		NCM_AUTO_FREE char *text = ncm_asprintf("%s: the next try is in %.0f s", small->request->what, seconds);

		ncm_http_tell(small->chain.http, NCM_EVENT_WAITING, text);
	}
	return ncm_wait(seconds);
}

static bool is_foreign_redirect(const struct small *small, const struct ncm_reply *reply)
{
	NCM_AUTO_FREE char *origin = NULL;

	if (!ncm_reply_is_redirect(reply) || !reply->location)
		return false;
	origin = ncm_url_origin(reply->location);
	return origin && strcmp(origin, small->chain.first_origin) != 0;
}

static enum ncm_hop decide(struct small *small, const struct ncm_reply *reply, double *wait, struct ncm_error *err)
{
	const struct ncm_request *request = small->request;

	if ((request->form || request->json || request->upload) && ncm_reply_is_redirect(reply)) {
		ncm_error_set(err, NCM_E_POLICY, "%s: refused to send %s on to where %s redirects", request->what,
			      request->upload ? "it" : "a form", small->chain.origin);
		return NCM_HOP_FAIL;
	}
	if (request->stop_at_foreign_redirect && is_foreign_redirect(small, reply)) {
		const struct ncm_service *service = request->any_status ? NULL : request->service;

		if (service && service->judge &&
		    service->judge(reply, request->what, small->chain.sent != NULL, err) < 0)
			return NCM_HOP_FAIL;
		return NCM_HOP_DONE;
	}
	return ncm_chain_decide(&small->chain, reply, request->any_status, wait, err);
}

static bool is_head(const struct small *small)
{
	return small->request->method && strcmp(small->request->method, "HEAD") == 0 && !small->first_byte;
}

static bool is_no_answer(const struct small *small, const struct ncm_reply *reply)
{
	const long status = reply->status;

	if (status == 401 && ncm_chain_may_renew(&small->chain))
		return false;
	return is_head(small) && small->request->head_or_first_byte &&
	       (status == 400 || status == 401 || status == 403 || status == 404 || status == 405 || status == 501) &&
	       !ncm_reply_is_proxys(&small->chain, reply);
}

/* Of a file all its connections count (fetch.c); an answer has one. */
static long speed_limit(const struct ncm_http *http)
{
	return http->speed_limit < LONG_MAX ? (long)http->speed_limit : LONG_MAX;
}

/* How long this request may take, where it says so. */
static void set_patience(CURL *easy, const struct ncm_request *request)
{
	if (request->most_seconds > 0) {
		curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)request->most_seconds);
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 0L);
	} else if (request->silent_seconds > 0) {
		curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)request->silent_seconds);
	}
}

/* Makes the request of one hop. */
static enum ncm_hop make_hop(struct small *small, struct ncm_reply *reply, double *wait, struct ncm_error *err)
{
	const struct ncm_request *request = small->request;
	const struct ncm_exchange_options options = {
	    .head = is_head(small),
	    .form = request->json ? request->json : request->form,
	    .json = request->json != NULL,
	    .upload = request->upload,
	    .accept = request->accept,
	    .ranged = small->first_byte || request->ranged,
	    .offset = small->first_byte ? 0 : request->from,
	    .end = small->first_byte ? 1 : request->to,
	};
	enum ncm_hop step;

	*wait = 0;
	if (ncm_exchange_begin(&small->exchange, &options, err) < 0)
		return NCM_HOP_FAIL;
	if (small->chain.http->speed_limit > 0)
		curl_easy_setopt(small->exchange.easy, CURLOPT_LOW_SPEED_LIMIT, speed_limit(small->chain.http));
	set_patience(small->exchange.easy, request);
	switch (ncm_exchange_result(&small->exchange, curl_easy_perform(small->exchange.easy), err)) {
	case NCM_EXCHANGE_TRANSIENT:
		return NCM_HOP_RETRY;
	case NCM_EXCHANGE_FAILED:
		return NCM_HOP_FAIL;
	case NCM_EXCHANGE_ANSWERED:
		break;
	}
	ncm_exchange_reply(&small->exchange, reply);
	if (is_no_answer(small, reply)) {
		small->first_byte = true;
		return ncm_chain_start(&small->chain, small->chain.http, request->url, err) < 0 ? NCM_HOP_FAIL
												: NCM_HOP_NEXT;
	}
	step = decide(small, reply, wait, err);
	if (step == NCM_HOP_RENEW) {
		NCM_AUTO_FREE char *challenge = ncm_reply_challenge(reply);

		if (ncm_chain_renew(&small->chain, challenge, err) < 0)
			return NCM_HOP_FAIL;
	}
	return step;
}

/* One at a time, as long as nobody knows whether the proxy takes our password. */
static enum ncm_hop make_hop_in_turn(struct small *small, struct ncm_reply *reply, double *wait, struct ncm_error *err)
{
	NCM_AUTO_FREE char *origin = ncm_strdup(small->chain.origin); /* a redirect changes it */
	const bool alone = ncm_proxy_enter(small->chain.http, origin);
	enum ncm_hop step = make_hop(small, reply, wait, err);

	if (alone)
		ncm_proxy_leave(small->chain.http, origin);
	return step;
}

/* One try: from the first URL over its redirects to an answer. */
static enum ncm_hop make_try(struct small *small, struct ncm_reply *reply, double *wait, struct ncm_error *err)
{
	enum ncm_hop step;

	if (ncm_chain_start(&small->chain, small->chain.http, small->request->url, err) < 0)
		return NCM_HOP_FAIL;
	do {
		ncm_reply_clear(reply);
		step = make_hop_in_turn(small, reply, wait, err);
	} while (step == NCM_HOP_NEXT || step == NCM_HOP_RENEW);
	return step;
}

/* The last answer of a request that any status satisfies is an answer too. */
static bool is_answer_after_all(const struct small *small, const struct ncm_reply *reply)
{
	return small->request->any_status && reply->status != 0;
}

static int make_tries(struct small *small, struct ncm_reply *reply, struct ncm_error *err)
{
	for (;;) {
		double wait = 0;
		enum ncm_hop step = make_try(small, reply, &wait, err);

		if (step == NCM_HOP_DONE)
			return 0;
		if (step == NCM_HOP_FAIL)
			return -1;
		wait = ncm_backoff_next(&small->backoff, wait);
		if (wait < 0 || ncm_http_is_cut_off(small->chain.http, wait))
			return is_answer_after_all(small, reply) ? 0 : -1;
		if (wait_for_next(small, wait) < 0)
			return ncm_error_set(err, NCM_E_INTERRUPTED, "%s: interrupted", small->request->what);
	}
}

int ncm_http_get(struct ncm_http *http, const struct ncm_request *request, struct ncm_reply *reply,
		 struct ncm_error *err)
{
	struct ncm_request named = *request;
	struct ncm_error last = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *shown = ncm_url_display(request->url);
	struct small small = {.request = &named, .limit = request->limit ? request->limit : NCM_LIMIT_API_BYTES};
	int result;

	if (request->ranged)
		small.limit = (size_t)(request->to - request->from);
	if (!named.what)
		named.what = shown;
	small.backoff = (struct ncm_backoff){.limit = request->once || request->json ? 1 : http->retries,
					     .first = http->first_backoff};
	small.chain = (struct ncm_chain){
	    .http = http, .what = named.what, .credential = request->credential, .service = request->service};
	small.exchange = (struct ncm_exchange){.easy = ncm_easy_take(http),
					       .chain = &small.chain,
					       .owner = &small,
					       .on_head = check_head,
					       .on_body = collect_body};
	*reply = (struct ncm_reply){0};
	result = make_tries(&small, reply, &last);
	ncm_exchange_end(&small.exchange);
	ncm_easy_give(http, small.exchange.easy);
	ncm_chain_end(&small.chain);
	if (result < 0) {
		ncm_reply_clear(reply);
		return ncm_error_move(err, &last);
	}
	ncm_error_clear(&last);
	reply->has_total = small.has_total;
	reply->total = small.total;
	return 0;
}
