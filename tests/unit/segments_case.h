/* SPDX-License-Identifier: MIT */
/*
 * A large file that comes over several connections: a server that gives ranges as the test steers it, and notes which
 * bytes it has undertaken to bring.
 */
#ifndef NCM_TEST_SEGMENTS_CASE_H
#define NCM_TEST_SEGMENTS_CASE_H

#include "transfer_case.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

static const char etag_one[] = "ETag: \"one\"\r\n";
static atomic_uint open_now, open_most;          /* answers that are being given */
static _Atomic uint64_t sent;                    /* bytes of bodies */
static atomic_bool late;                         /* something was waited for in vain */
static struct ncm_range served[SERVER_REQUESTS]; /* by the number of the request; empty: refused */
static struct ncm_transfer_options options;

static inline void begin_server(void (*answer)(struct server_request *request))
{
	atomic_store(&open_now, 0);
	atomic_store(&open_most, 0);
	atomic_store(&sent, 0);
	atomic_store(&late, false);
	memset(served, 0, sizeof served);
	options = (struct ncm_transfer_options){.jobs = 1, .retries = 3};
	server_start(&server, answer);
}

/* Waits until something is so. */
static inline void wait_until(bool (*is_so)(void))
{
	for (int i = 0; i < 20000; i++) {
		if (is_so())
			return;
		usleep(1000);
	}
	atomic_store(&late, true);
}

/* The bytes that a request asks for. Returns whether it names a range. */
static inline bool range_of(const struct server_request *request, struct ncm_range *range)
{
	const char *text = server_header(request, "Range");
	uint64_t last = SIZE - 1;

	*range = (struct ncm_range){0, SIZE};
	if (!text)
		return false;
	CHECK(sscanf(text, "bytes=%" SCNu64 "-%" SCNu64, &range->start, &last) >= 1);
	range->end = last < SIZE ? last + 1 : SIZE;
	return true;
}

static inline void send_head(const struct server_request *request, const struct ncm_range *range, bool ranged,
			     const char *more)
{
	uint64_t size = range->end - range->start;

	if (ranged)
		server_print(request,
			     "HTTP/1.1 206 Partial Content\r\nContent-Length: %" PRIu64
			     "\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64 "/%d\r\n%s\r\n",
			     size, range->start, range->end - 1, SIZE, more);
	else
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %" PRIu64 "\r\n%s\r\n", size, more);
}

/* Sends bytes of the content in pieces, with that many microseconds before each. */
static inline void send_bytes(const struct server_request *request, const struct ncm_range *range, size_t piece,
			      useconds_t pause)
{
	for (uint64_t at = range->start; at < range->end; at += piece) {
		size_t size = range->end - at < piece ? (size_t)(range->end - at) : piece;

		if (pause > 0)
			usleep(pause);
		server_send(request, content + at, size);
		atomic_fetch_add(&sent, size);
	}
}

/* From here to leave() the connection counts as open. */
static inline void enter(void)
{
	unsigned now = atomic_fetch_add(&open_now, 1) + 1, most = atomic_load(&open_most);

	while (most < now && !atomic_compare_exchange_weak(&open_most, &most, now))
		;
}

static inline void leave(void)
{
	atomic_fetch_sub(&open_now, 1);
}

static inline void undertake(const struct server_request *request, const struct ncm_range *range)
{
	served[request->number] = *range;
}

/* Sends all but the last byte, then leaves, then the last: who has all can be sure that it is no longer counted. */
static inline void send_and_leave(const struct server_request *request, const struct ncm_range *range, size_t piece,
				  useconds_t pause)
{
	const struct ncm_range most = {range->start, range->end - 1}, last = {range->end - 1, range->end};

	send_bytes(request, &most, piece, pause);
	leave();
	send_bytes(request, &last, 1, 0);
}

/* The head of what was asked for; enters. Returns the range. */
static inline struct ncm_range begin_range(const struct server_request *request)
{
	struct ncm_range range;
	bool ranged = range_of(request, &range);

	enter();
	undertake(request, &range);
	send_head(request, &range, ranged, etag_one);
	return range;
}

/*
 * The first range comes slower than it could: where asking takes long in comparison, windows are made larger, and soon
 * there are none for others.
 */
static inline void give_range(const struct server_request *request, const struct ncm_range *range)
{
	send_and_leave(request, range, 128 * KIB, range->start == 0 ? 2000 : 0);
}

/* Gives what was asked for. */
static inline void give(const struct server_request *request)
{
	const struct ncm_range range = begin_range(request);

	give_range(request, &range);
}

static inline void answer_ranges(struct server_request *request)
{
	give(request);
}

/* Says no in a line. */
static inline void refuse(const struct server_request *request, const char *status)
{
	server_print(request, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);
}

static inline bool begins_at(uint64_t at)
{
	for (unsigned i = 0; i < server.count; i++) {
		if (served[i].end > served[i].start && served[i].start == at)
			return true;
	}
	return false;
}

/* Two answers have bytes in common: the later must have taken over what the other had left, to its end. */
static inline void check_taken_over(const struct ncm_range *a, const struct ncm_range *b)
{
	const struct ncm_range *outer = a->start < b->start ? a : b, *inner = outer == a ? b : a;
	bool right = outer->start < inner->start && inner->end <= outer->end &&
		     (inner->end == outer->end || begins_at(inner->end));

	if (!right)
		fprintf(stderr, "%" PRIu64 "-%" PRIu64 " and %" PRIu64 "-%" PRIu64 "\n", outer->start, outer->end,
			inner->start, inner->end);
	CHECK(right);
}

/*
 * Checks, when the server has stopped, that each byte of `wanted` was brought by one answer alone, and no other byte.
 * Requests are numbered as they arrive, which need not be the order in which they were made.
 */
static inline void check_served(const struct ncm_ranges *wanted)
{
	struct ncm_ranges all = {0};

	for (unsigned i = 0; i < server.count; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (served[k].end > served[i].start && served[i].end > served[k].start)
				check_taken_over(&served[i], &served[k]);
		}
		ncm_ranges_add(&all, served[i].start, served[i].end);
	}
	CHECK_U64(all.count, wanted->count);
	for (size_t i = 0; i < all.count; i++) {
		CHECK_U64(all.ranges[i].start, wanted->ranges[i].start);
		CHECK_U64(all.ranges[i].end, wanted->ranges[i].end);
	}
	ncm_ranges_clear(&all);
}

static inline void check_whole_served_once(void)
{
	struct ncm_ranges all = {0};

	ncm_ranges_add(&all, 0, SIZE);
	check_served(&all);
	ncm_ranges_clear(&all);
}

static inline void check_checkpoints(const struct ncm_transfer_item *item)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_checkpoints expected;
	struct ncm_sha256 digest;

	ncm_tally_update(tally, content, SIZE);
	ncm_tally_end(tally, &digest, &expected);
	CHECK_U64(item->checkpoints.size, SIZE);
	CHECK_U64(item->checkpoints.count, expected.count);
	CHECK_U64(expected.count, (SIZE - 1) / NCM_CHECKPOINT_SPAN);
	CHECK(ncm_sha256_equal(&item->checkpoints.sha256, &digest));
	for (size_t i = 0; i < expected.count; i++)
		CHECK(ncm_sha256_state_equal(&item->checkpoints.states[i], &expected.states[i]));
	ncm_checkpoints_clear(&expected);
}

/* Runs the item and ends the server: all is right. */
static inline void run_to_the_end(struct ncm_transfer_item *item)
{
	CHECK(run_with(item, 1, &options) == 0);
	server_stop(&server);
	CHECK(!late);
	check_checkpoints(item);
	ncm_checkpoints_clear(&item->checkpoints);
	check_done(item);
}

/* … and each byte came once. */
static inline void run_and_count(struct ncm_transfer_item *item)
{
	run_to_the_end(item);
	CHECK_U64(item->received, SIZE);
	check_whole_served_once();
}

/*
 * Runs the pinned file again from a new server: what the journal has is not asked for, all else is, and only once.
 */
static inline void check_the_rest_alone_comes(void)
{
	struct ncm_ranges there = {0}, begun = {0}, missing = {0};
	struct ncm_transfer_item item;
	struct ncm_identity identity;
	uint64_t here;

	CHECK(ncm_journal_read(folder_fd, "file.part", &identity, &there, &begun) == 0);
	ncm_identity_clear(&identity);
	here = ncm_ranges_sum(&there);
	ncm_ranges_add(&missing, 0, SIZE);
	for (size_t i = 0; i < there.count; i++)
		ncm_ranges_remove(&missing, there.ranges[i].start, there.ranges[i].end);
	begin_server(answer_ranges);
	item = make_pinned(server.url);
	CHECK_U64(ncm_transfer_present(&item), here);
	run_to_the_end(&item);
	CHECK_U64(item.received, SIZE - here);
	check_served(&missing);
	ncm_ranges_clear(&there);
	ncm_ranges_clear(&begun);
	ncm_ranges_clear(&missing);
}

#endif
