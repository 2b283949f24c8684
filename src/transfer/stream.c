/* SPDX-License-Identifier: MIT */
#include "transfer/stream.h"

#include "base/mem.h"
#include "transfer/answer.h"

#include <inttypes.h>
#include <string.h>

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

static bool has_digest(const struct ncm_transfer_item *item)
{
	return item->has_sha256 || item->has_git_sha1;
}

/* The answer is the file: make the partial ready for its first byte. */
static int begin_file(struct ncm_stream *stream, const struct ncm_answer *answer)
{
	const struct ncm_transfer_item *item = stream->item;
	struct ncm_partial *partial = stream->partial;
	struct ncm_error *err = &stream->exchange.error;
	bool has_size = item->has_size || answer->has_total;
	const char *etag = answer->etag || answer->offset == 0 ? answer->etag : partial->journal.etag;

	if (answer->offset == 0 && partial->length > 0 && ncm_partial_restart(partial, err) < 0)
		return -1;
	if (answer->has_total && answer->total > NCM_LIMIT_FILE_BYTES)
		return ncm_error_set(err, NCM_E_POLICY,
				     "the server says that it has %" PRIu64 " bytes: more than one file may have",
				     answer->total);
	stream->body = NCM_BODY_FILE;
	return ncm_partial_begin(partial, etag, has_size, item->has_size ? item->size : answer->total, err);
}

static int judge_file(struct ncm_stream *stream)
{
	struct ncm_exchange *exchange = &stream->exchange;
	const struct ncm_transfer_item *item = stream->item;
	const struct ncm_journal *known = &stream->partial->journal;
	bool ranged = exchange->status == 206;
	const struct ncm_question question = {
	    .offset = stream->offset,
	    /* A size that a server told before binds its ranges, but not a new answer with the whole. */
	    .has_size = ranged ? known->has_size : item->has_size,
	    .size = ranged ? known->size : item->size,
	    .etag = known->etag,
	    .expect_binary = item->expect_binary,
	    .provable = item->has_size || has_digest(item),
	};
	struct ncm_answer answer = {0};
	int result = -1;

	switch (ncm_answer_judge(exchange->status, exchange->http_major, exchange->head.data, &question, &answer,
				 &exchange->error)) {
	case NCM_ANSWER_TAKE:
		result = begin_file(stream, &answer);
		break;
	case NCM_ANSWER_RESTART:
		stream->restart = true;
		exchange->stopped = true;
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
		return judge_file(stream);
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

static int on_body(struct ncm_exchange *exchange, const char *data, size_t size)
{
	struct ncm_stream *stream = exchange->owner;
	struct ncm_partial *partial = stream->partial;
	uint64_t limit = partial->journal.has_size ? partial->journal.size : NCM_LIMIT_FILE_BYTES;

	if (stream->body == NCM_BODY_COLLECT)
		return collect(exchange, data, size, ERROR_BODY_BYTES);
	if (stream->body == NCM_BODY_EXPLAIN)
		return collect(exchange, data, size, EXPLAIN_BODY_BYTES);
	if (size > limit - partial->length)
		return refuse_excess(stream);
	stream->paused = !ncm_rate_take(stream->rate, size);
	if (stream->paused)
		return 1;
	if (ncm_partial_add(partial, data, size, &exchange->error) < 0)
		return -1;
	stream->item->received += size;
	stream->on_bytes(stream->context);
	return 0;
}

int ncm_stream_request(struct ncm_stream *stream, struct ncm_error *err)
{
	struct ncm_exchange *exchange = &stream->exchange;
	const struct ncm_exchange_options options = {
	    .offset = stream->whole ? 0 : stream->partial->length,
	    .if_range = stream->partial->journal.etag,
	    .limited = stream->rate->limit > 0,
	    .http1 = true,
	};

	stream->offset = options.offset;
	stream->body = NCM_BODY_COLLECT;
	stream->restart = false;
	stream->paused = false;
	exchange->chain = &stream->chain;
	exchange->owner = stream;
	exchange->on_head = on_head;
	exchange->on_body = on_body;
	if (!exchange->easy)
		exchange->easy = ncm_easy_new(stream->chain.http);
	if (ncm_exchange_begin(exchange, &options, err) < 0)
		return -1;
	if (curl_multi_add_handle(stream->multi, exchange->easy) != CURLM_OK)
		return ncm_error_set(err, NCM_E_OTHER, "libcurl takes no further transfer");
	stream->attached = true;
	return 0;
}

void ncm_stream_detach(struct ncm_stream *stream)
{
	if (stream->attached)
		curl_multi_remove_handle(stream->multi, stream->exchange.easy);
	stream->attached = false;
}

void ncm_stream_end(struct ncm_stream *stream)
{
	ncm_stream_detach(stream);
	ncm_exchange_end(&stream->exchange);
	curl_easy_cleanup(stream->exchange.easy);
	stream->exchange.easy = NULL;
	ncm_chain_end(&stream->chain);
}
