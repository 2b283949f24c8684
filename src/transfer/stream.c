/* SPDX-License-Identifier: MIT */
/* One connection of a segmented download: its request, its answer validated, its bytes handed to the intake. */
#include "transfer/stream.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/answer.h"

#include <inttypes.h>
#include <string.h>

static const long WATCH_SECONDS = 2;
static const size_t ERROR_BODY_BYTES = 64 << 10;
static const size_t EXPLAIN_BODY_BYTES = 1 << 10;

static void note_name(struct ncm_stream *stream)
{
	NCM_AUTO_FREE char *value = ncm_header_get(stream->exchange.head.data, "Content-Disposition", 0);
	char *name = value ? ncm_disposition_name(value) : NULL;

	if (!name)
		return;
	free(stream->item->server_name);
	stream->item->server_name = name;
}

bool ncm_item_has_digest(const struct ncm_transfer_item *item)
{
	return item->has_sha256 || item->has_git_sha1;
}

static int give_back(struct ncm_stream *stream, enum ncm_refusal refusal)
{
	stream->refusal = refusal;
	stream->exchange.stopped = true;
	return -1;
}

/* Several answers make one file only if something tells that they are of the same. */
static bool can_join(const struct ncm_stream *stream, const struct ncm_answer *answer)
{
	bool is_all = answer->offset == 0 && answer->has_total && answer->end == answer->total;

	return ncm_item_has_digest(stream->item) || is_all || stream->exchange.status == 200 || answer->etag ||
	       stream->partial->identity.etag;
}

/* The answer is the file's: make ready for its first byte. */
static int begin_file(struct ncm_stream *stream, const struct ncm_answer *answer)
{
	const struct ncm_transfer_item *item = stream->item;
	struct ncm_partial *partial = stream->partial;
	struct ncm_error *err = &stream->exchange.error;
	bool has_size = item->has_size || answer->has_total;
	uint64_t size = item->has_size ? item->size : answer->total;
	const char *etag = stream->is_mirror                ? partial->identity.etag
			   : answer->etag                   ? answer->etag
			   : stream->exchange.status == 206 ? partial->identity.etag
							    : NULL;

	if (answer->offset != stream->offset || (stream->exchange.status == 200 && stream->ranged && !stream->alone))
		return give_back(stream, NCM_REFUSAL_RANGE);
	if (answer->has_total && answer->total > NCM_LIMIT_FILE_BYTES)
		return ncm_error_set(err, NCM_E_POLICY,
				     "the server says that it has %" PRIu64 " bytes: more than one file may have",
				     answer->total);
	if (!can_join(stream, answer))
		return give_back(stream, NCM_REFUSAL_JOIN);
	stream->body = NCM_BODY_FILE;
	stream->latency = ncm_monotonic() - stream->asked_at;
	stream->answer_end = answer->end ? answer->end : has_size ? size : NCM_LIMIT_FILE_BYTES;
	/* A range may be shorter than asked for; the whole file came if none was, or none is served. */
	if (stream->exchange.status == 200 || stream->end > stream->answer_end)
		stream->end = stream->answer_end;
	return ncm_partial_begin(partial, etag, has_size, size, err);
}

/* What is said of an object that is a part is so of the file from there on. */
static void place_in_file(const struct ncm_stream *stream, struct ncm_answer *answer)
{
	if (stream->object_size == 0)
		return;
	answer->offset += stream->object_begins;
	answer->end = stream->object_begins + (answer->end > 0 ? answer->end : stream->object_size);
	answer->has_total = false;
}

static int validate(struct ncm_stream *stream)
{
	struct ncm_exchange *exchange = &stream->exchange;
	const struct ncm_transfer_item *item = stream->item;
	const struct ncm_identity *known = &stream->partial->identity;
	bool ranged = exchange->status == 206;
	const struct ncm_question question = {
	    .ranged = stream->ranged,
	    .offset = stream->offset - stream->object_begins,
	    .end = stream->end == UINT64_MAX ? 0 : stream->end - stream->object_begins,
	    /* A size that a server told before binds its ranges, but not a new answer with the whole. */
	    .has_size = ranged ? known->has_size : item->has_size,
	    .size = stream->object_size > 0 ? stream->object_size
		    : ranged                ? known->size
					    : item->size,
	    .etag = stream->is_mirror ? NULL : known->etag,
	    .expect_binary = item->expect_binary,
	    .has_digest = ncm_item_has_digest(item),
	    .provable = item->has_size || ncm_item_has_digest(item),
	};
	struct ncm_answer answer = {0};
	int result = -1;

	switch (ncm_answer_validate(exchange->status, exchange->http_major, exchange->head.data, &question, &answer,
				    &exchange->error)) {
	case NCM_ANSWER_TAKE:
		place_in_file(stream, &answer);
		result = begin_file(stream, &answer);
		break;
	case NCM_ANSWER_RESTART:
		result = give_back(stream, NCM_REFUSAL_RANGE);
		break;
	case NCM_ANSWER_EXPLAIN:
		stream->body = NCM_BODY_EXPLAIN;
		result = 0;
		break;
	case NCM_ANSWER_REFUSE:
		break;
	}
	free(answer.etag);
	return result;
}

static int on_head(struct ncm_exchange *exchange)
{
	struct ncm_stream *stream = exchange->owner;

	note_name(stream);
	if (exchange->status == 200 || exchange->status == 206)
		return validate(stream);
	return ncm_answer_check_framing(exchange->head.data, &exchange->error);
}

static int collect(struct ncm_exchange *exchange, const char *data, size_t size, size_t limit)
{
	size_t room = limit - exchange->body.size;

	ncm_buffer_add(&exchange->body, data, size < room ? size : room);
	if (size <= room)
		return 0;
	exchange->stopped = true;
	return -1;
}

static int refuse_excess(struct ncm_stream *stream)
{
	const struct ncm_transfer_item *item = stream->item;
	struct ncm_error *err = &stream->exchange.error;

	if (item->has_size)
		return ncm_error_set(err, NCM_E_CHECKSUM,
				     "size differs: expected %" PRIu64 " bytes, the server sends more", item->size);
	return ncm_error_set(err, NCM_E_PROTOCOL,
			     "the server sends more bytes than it said, or than one file may have");
}

/* Bytes of the file, as far as they are wanted: another stream may have taken over what lies behind `end`. */
static int receive(struct ncm_stream *stream, const char *data, size_t size)
{
	bool surplus = size > stream->end - stream->at;

	if (surplus && stream->at + size > stream->answer_end)
		return refuse_excess(stream);
	if (surplus)
		size = (size_t)(stream->end - stream->at);
	stream->paused = size > 0 && (!ncm_intake_has_room(stream->intake, stream->filling, stream->at, size) ||
				      !ncm_rate_take(stream->rate, size));
	stream->brought_at = ncm_monotonic();
	if (stream->paused)
		return 1;
	ncm_intake_put(stream->intake, &stream->filling, stream->at, data, size);
	stream->at += size;
	stream->item->received += size;
	stream->on_bytes(stream, size);
	stream->exchange.stopped = surplus;
	return surplus ? -1 : 0;
}

static int on_body(struct ncm_exchange *exchange, const char *data, size_t size)
{
	struct ncm_stream *stream = exchange->owner;

	if (stream->body == NCM_BODY_COLLECT)
		return collect(exchange, data, size, ERROR_BODY_BYTES);
	if (stream->body == NCM_BODY_EXPLAIN)
		return collect(exchange, data, size, EXPLAIN_BODY_BYTES);
	return receive(stream, data, size);
}

int ncm_stream_request(struct ncm_stream *stream, struct ncm_error *err)
{
	struct ncm_exchange *exchange = &stream->exchange;
	const struct ncm_exchange_options options = {
	    .ranged = stream->ranged,
	    .offset = stream->offset - stream->object_begins,
	    .end = stream->end == UINT64_MAX ? 0 : stream->end - stream->object_begins,
	    .if_range = stream->is_mirror ? NULL : stream->partial->identity.etag,
	    .limited = stream->rate->limit > 0,
	    .http1 = true,
	};

	stream->at = stream->offset;
	stream->body = NCM_BODY_COLLECT;
	stream->refusal = NCM_REFUSAL_NONE;
	stream->paused = false;
	stream->asked_at = ncm_monotonic();
	exchange->chain = &stream->chain;
	exchange->owner = stream;
	exchange->on_head = on_head;
	exchange->on_body = on_body;
	if (!exchange->easy)
		exchange->easy = ncm_easy_new(stream->chain.http);
	if (ncm_exchange_begin(exchange, &options, err) < 0)
		return -1;
	/* What is slow, and not silent, is fetch.c's to tell: it is to be the first. */
	if (stream->chain.http->speed_limit > 0)
		curl_easy_setopt(exchange->easy, CURLOPT_LOW_SPEED_TIME,
				 (long)stream->chain.http->stall_seconds + WATCH_SECONDS);
	if (curl_multi_add_handle(stream->multi, exchange->easy) != CURLM_OK)
		return ncm_error_set(err, NCM_E_OTHER, "libcurl takes no further transfer");
	stream->attached = true;
	return 0;
}

void ncm_stream_detach(struct ncm_stream *stream)
{
	double now = ncm_monotonic();

	if (stream->attached)
		curl_multi_remove_handle(stream->multi, stream->exchange.easy);
	if (stream->attached && stream->at > stream->offset && now > stream->asked_at)
		stream->speed = (double)(stream->at - stream->offset) / (now - stream->asked_at);
	stream->attached = false;
}

void ncm_stream_end(struct ncm_stream *stream)
{
	ncm_stream_detach(stream);
	ncm_exchange_end(&stream->exchange);
	curl_easy_cleanup(stream->exchange.easy);
	stream->exchange.easy = NULL;
	ncm_chain_end(&stream->chain);
	free(stream->url);
	stream->url = NULL;
}
