/* SPDX-License-Identifier: MIT */
/*
 * A file whose checkpoints are known beforehand: a span that is wrong is fetched again at once; whoever forges them
 * lets no wrong byte in, and keeps no right one out.
 */
enum { SIZE = (56 << 20) + 4321, SPANS = 4 };
#include "segments_case.h"

#include "digest/span.h"
#include "transfer/intake.h"

static struct ncm_checkpoints known; /* the right ones */
static struct server second;
static struct ncm_replica mirror;
static unsigned char wrong[SPANS];      /* how often a span is served with a bit flipped; 255: always */
static atomic_uint served_spans[SPANS]; /* how often it was served by `server` */

static bool flips(uint64_t span)
{
	return atomic_fetch_add(&served_spans[span], 1) < wrong[span] || wrong[span] == 255;
}

/* The bit of a byte in the middle of each span. */
static uint64_t flipped_byte(uint64_t span)
{
	return span * NCM_CHECKPOINT_SPAN + 5 * MIB + 17;
}

static void send_range(const struct server_request *request, struct ncm_range range)
{
	for (uint64_t span = 0; span < SPANS; span++) {
		const uint64_t at = flipped_byte(span);
		const struct ncm_range before = {range.start, at};
		unsigned char byte;

		if (at < range.start || at >= range.end)
			continue;
		byte = content[at] ^ (flips(span) ? 4 : 0);
		send_bytes(request, &before, 128 * KIB, 0);
		server_send(request, &byte, 1);
		range.start = at + 1;
	}
	send_bytes(request, &range, 128 * KIB, 0);
}

static void answer_some_wrong(struct server_request *request)
{
	struct ncm_range range;
	const bool ranged = range_of(request, &range);

	send_head(request, &range, ranged, etag_one);
	send_range(request, range);
}

/* One that knows no ranges. */
static void answer_the_whole(struct server_request *request)
{
	const struct ncm_range all = {0, SIZE};

	send_head(request, &all, false, etag_one);
	send_range(request, all);
}

static void answer_right(struct server_request *request)
{
	struct ncm_range range;
	const bool ranged = range_of(request, &range);

	send_head(request, &range, ranged, "");
	send_bytes(request, &range, 128 * KIB, 0);
}

static struct ncm_transfer_item begin(void (*answer)(struct server_request *request), const struct ncm_checkpoints *as)
{
	struct ncm_transfer_item item;

	for (size_t i = 0; i < SPANS; i++)
		atomic_store(&served_spans[i], 0);
	begin_server(answer);
	item = make_pinned(server.url);
	item.known = as;
	return item;
}

static uint64_t span_size(size_t span)
{
	return ncm_span_end(&known, span) - ncm_span_start(span);
}

static void what_is_right_comes_once(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, &known);

	run_and_count(&item);
	CHECK_U64(retries_told, 0);
}

static void a_wrong_span_alone_comes_again(void)
{
	for (size_t span = 0; span < SPANS; span++) {
		struct ncm_transfer_item item = begin(answer_some_wrong, &known);

		memset(wrong, 0, sizeof wrong);
		wrong[span] = 1;
		run_to_the_end(&item);
		CHECK_U64(item.received, SIZE + span_size(span));
	}
}

static void wrong_spans_come_from_another_place(void)
{
	struct ncm_transfer_item item = begin(answer_some_wrong, &known);

	memset(wrong, 255, sizeof wrong);
	server_start(&second, answer_right);
	mirror = (struct ncm_replica){.url = second.url};
	item.mirrors = &mirror;
	item.mirror_count = 1;
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	server_stop(&second);
	check_checkpoints(&item);
	ncm_checkpoints_clear(&item.checkpoints);
	/* Three connections may have brought all four spans before the first is known to be wrong. */
	CHECK(item.received <= 2 * (uint64_t)SIZE);
	check_done(&item);
}

static void answer_all_right(struct server_request *request)
{
	const struct ncm_range all = {0, SIZE};

	send_head(request, &all, false, etag_one);
	send_bytes(request, &all, 128 * KIB, 0);
}

static void answer_404(struct server_request *request)
{
	refuse(request, "404 Not Found");
}

/* As a cache: it is asked first, and always has one span wrong. */
static struct ncm_transfer_item run_behind(void (*cache)(struct server_request *request),
					   void (*answer)(struct server_request *request))
{
	struct ncm_transfer_item item = begin(answer, &known);

	memset(wrong, 0, sizeof wrong);
	wrong[1] = 255;
	server_start(&second, cache);
	mirror = (struct ncm_replica){.url = second.url, .preferred = true};
	item.mirrors = &mirror;
	item.mirror_count = 1;
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	server_stop(&second);
	return item;
}

/* The source, which gives no ranges, is asked for all of it in the end. */
static void check_whole_behind(void (*cache)(struct server_request *request))
{
	struct ncm_transfer_item item = run_behind(cache, answer_all_right);

	check_checkpoints(&item);
	ncm_checkpoints_clear(&item.checkpoints);
	check_done(&item);
	CHECK_U64(server.count, 2);
	CHECK_U64(item.served_by, 0);
}

static void a_source_without_ranges_gives_the_whole_after_all(void)
{
	check_whole_behind(answer_some_wrong);
}

/* It has begun before it is known that the source gives no ranges, and vanishes then. */
static void answer_wrong_and_vanish(struct server_request *request)
{
	if (request->number > 3)
		refuse(request, "410 Gone");
	else
		answer_some_wrong(request);
}

static void so_it_does_when_the_cache_vanishes(void)
{
	check_whole_behind(answer_wrong_and_vanish);
}

static void where_nobody_has_the_right_bytes_it_ends(void)
{
	struct ncm_transfer_item item = run_behind(answer_some_wrong, answer_404);

	check_failed(&item, NCM_E_NOT_FOUND, "404");
	check_nothing_left();
	CHECK_U64(server.count, 1);
}

/* The last span is judged when its connection has ended, each other before. */
static void what_stays_wrong_never_passes(void)
{
	static void (*const answers[])(struct server_request * request) = {answer_some_wrong, answer_the_whole};

	for (size_t i = 0; i < 2 * SPANS; i++) {
		struct ncm_transfer_item item = begin(answers[i % 2], &known);

		memset(wrong, 0, sizeof wrong);
		wrong[i / 2] = 255;
		CHECK(run_with(&item, 1, &options) == 0);
		server_stop(&server);
		check_failed(&item, NCM_E_CHECKSUM, "digest differs");
		ncm_checkpoints_clear(&item.checkpoints);
		check_nothing_left();
	}
}

/* A chain that fits the wrong bytes step by step, up to the digest, which is pinned. */
static void checkpoints_of_wrong_bytes_let_none_in(void)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_checkpoints forged;
	struct ncm_transfer_item item;
	struct ncm_sha256 digest;

	content[flipped_byte(1)] ^= 4;
	ncm_tally_update(tally, content, SIZE);
	content[flipped_byte(1)] ^= 4;
	ncm_tally_end(tally, &digest, &forged);
	forged.sha256 = content_sha256;
	memset(wrong, 0, sizeof wrong);
	wrong[1] = 255;
	item = begin(answer_some_wrong, &forged);
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	check_failed(&item, NCM_E_CHECKSUM, "digest differs");
	ncm_checkpoints_clear(&item.checkpoints);
	check_nothing_left();

	/* The same, and the right bytes come. */
	memset(wrong, 0, sizeof wrong);
	item = begin(answer_some_wrong, &forged);
	run_to_the_end(&item);
	ncm_checkpoints_clear(&forged);
}

static void forged_checkpoints_keep_none_out(void)
{
	static void (*const answers[])(struct server_request * request) = {answer_some_wrong, answer_the_whole};

	memset(wrong, 0, sizeof wrong);
	for (size_t i = 0; i < 2 * (SPANS - 1); i++) {
		struct ncm_transfer_item item;
		struct ncm_checkpoints forged;

		ncm_checkpoints_copy(&forged, &known);
		forged.states[i / 2].bytes[i] ^= 1;
		item = begin(answers[i % 2], &forged);
		run_to_the_end(&item);
		ncm_checkpoints_clear(&forged);
	}
}

static void those_of_another_file_are_not_used(void)
{
	for (int what = 0; what < 3; what++) {
		struct ncm_checkpoints others;
		struct ncm_transfer_item item;

		ncm_checkpoints_copy(&others, &known);
		others.states[0].bytes[0] ^= 1;
		others.size -= what == 0;
		others.count -= what == 1;
		others.sha256.bytes[3] ^= what == 2;
		item = begin(answer_ranges, &others);
		run_and_count(&item);
		CHECK_U64(retries_told, 0);
		ncm_checkpoints_clear(&others);
	}
}

/* What an earlier run left is proved by its spans, and only what is wrong of it comes again. */
static void damage_of_an_earlier_run_is_mended(void)
{
	for (int damaged = 0; damaged < 2; damaged++) {
		struct ncm_transfer_item item = begin(answer_ranges, &known);
		const size_t there = 2 * NCM_CHECKPOINT_SPAN + 3 * MIB + 100;

		content[flipped_byte(1)] ^= (unsigned char)damaged;
		lay_partial(&item, content, there, NULL);
		content[flipped_byte(1)] ^= (unsigned char)damaged;
		run_to_the_end(&item);
		CHECK_U64(item.received, SIZE - there + (damaged ? span_size(1) : 0));
	}
}

/* Any forgery, any damage: it passes if and only if the right bytes can be had. */
static void whatever_is_forged_the_digest_decides(void)
{
	unsigned seed = getenv("NCM_TEST_SEED") ? (unsigned)atoi(getenv("NCM_TEST_SEED")) : (unsigned)getpid();

	printf("seed %u (NCM_TEST_SEED)\n", seed);
	srand(seed);
	for (int round = 0; round < 12; round++) {
		struct ncm_checkpoints forged;
		struct ncm_transfer_item item;
		bool good = true;

		ncm_checkpoints_copy(&forged, &known);
		for (size_t i = 0; i < SPANS; i++) {
			wrong[i] = rand() % 4 > 0 ? 0 : rand() % 2 ? 1 : 255;
			good = good && wrong[i] != 255;
			if (i < known.count && rand() % 3 == 0)
				forged.states[i].bytes[rand() % 32] ^= (uint8_t)(1 << rand() % 8);
		}
		item = begin(rand() % 4 ? answer_some_wrong : answer_the_whole, &forged);
		CHECK(run_with(&item, 1, &options) == 0);
		server_stop(&server);
		ncm_checkpoints_clear(&forged);
		/* Of what is wrong once, the one fetch from the start that a wrong digest is worth brings the right. */
		CHECK(!item.done || good);
		if (item.done) {
			check_checkpoints(&item);
			ncm_checkpoints_clear(&item.checkpoints);
			check_done(&item);
		} else {
			CHECK(!good || server.count == 1); /* one answer with all: not worth a second */
			check_failed(&item, NCM_E_CHECKSUM, "digest differs");
			ncm_checkpoints_clear(&item.checkpoints);
			check_nothing_left();
		}
	}
}

/* All but the last byte of one block, which completes nothing. */
static struct ncm_block *give_most(struct ncm_intake *intake, uint64_t at)
{
	struct ncm_block *filling = NULL;

	ncm_intake_put(intake, &filling, at, (const char *)content + at, NCM_BLOCK_BYTES - 1);
	return filling;
}

/* Of three spans the first is hashed alone, then two together. */
static void hash_three_spans(struct ncm_intake *intake)
{
	struct ncm_block *blocks[3];

	for (size_t i = 0; i < 3; i++)
		blocks[i] = give_most(intake, i * NCM_CHECKPOINT_SPAN);
	ncm_intake_flush(intake, &blocks[0]);
	ncm_intake_tick(intake);
	ncm_intake_flush(intake, &blocks[1]);
	ncm_intake_flush(intake, &blocks[2]);
	ncm_intake_tick(intake);
	usleep(50000); /* none waits so long for others to go with */
	ncm_intake_tick(intake);
	for (size_t i = 0; i < 3; i++)
		CHECK(intake->strands[i].running);
}

/* When the two have ended there are no such strands any more. */
static void checkpoints_may_be_given_up_meanwhile(void)
{
	struct ncm_transfer_item item = make_pinned("https://h.example/x");
	CURLM *multi = curl_multi_init();
	struct ncm_crew *crew = ncm_crew_start(multi);
	struct ncm_partial partial;
	struct ncm_pool pool = {0};
	struct ncm_intake intake;

	CHECK(ncm_partial_open(&partial, &item, NULL) == 0);
	CHECK(ncm_partial_begin(&partial, NULL, true, SIZE, NULL) == 0);
	ncm_intake_begin(&intake, &partial, &pool, crew, true, &known);
	hash_three_spans(&intake);
	ncm_strands_forget_known(&intake);
	while (ncm_intake_busy(&intake) || intake.known || intake.strands[0].hashed < NCM_BLOCK_BYTES - 1) {
		ncm_crew_collect(crew);
		ncm_intake_tick(&intake);
		usleep(100);
	}
	CHECK_U64(intake.strands[0].hashed, NCM_BLOCK_BYTES - 1);
	ncm_partial_close(&partial, true);
	ncm_intake_end(&intake);
	ncm_crew_stop(crew);
	ncm_pool_end(&pool);
	curl_multi_cleanup(multi);
}

int main(void)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_sha256 digest;

	begin_case();
	ncm_tally_update(tally, content, SIZE);
	ncm_tally_end(tally, &digest, &known);
	RUN(what_is_right_comes_once);
	RUN(a_wrong_span_alone_comes_again);
	RUN(wrong_spans_come_from_another_place);
	RUN(a_source_without_ranges_gives_the_whole_after_all);
	RUN(so_it_does_when_the_cache_vanishes);
	RUN(where_nobody_has_the_right_bytes_it_ends);
	RUN(what_stays_wrong_never_passes);
	RUN(checkpoints_of_wrong_bytes_let_none_in);
	RUN(forged_checkpoints_keep_none_out);
	RUN(those_of_another_file_are_not_used);
	RUN(damage_of_an_earlier_run_is_mended);
	RUN(checkpoints_may_be_given_up_meanwhile);
	RUN(whatever_is_forged_the_digest_decides);
	ncm_checkpoints_clear(&known);
	end_case();
	return 0;
}
