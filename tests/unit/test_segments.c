/* SPDX-License-Identifier: MIT */
/* One file over several connections: who brings which bytes, from servers that answer well. */
enum { SIZE = (40 << 20) + 4321 };
#include "segments_case.h"

#include <sys/stat.h>

static bool two_are_open(void)
{
	return atomic_load(&open_most) >= 2;
}

static bool four_are_open(void)
{
	return atomic_load(&open_most) >= 4;
}

/* Nothing comes behind the first window until a second connection is there. */
static void answer_two(struct server_request *request)
{
	const struct ncm_range range = begin_range(request);

	if (range.start > 0)
		wait_until(two_are_open);
	give_range(request, &range);
}

static void several_connections_bring_each_byte_once(void)
{
	struct ncm_transfer_item item;

	for (int pinned = 0; pinned < 2; pinned++) {
		begin_server(answer_two);
		item = pinned ? make_pinned(server.url) : make_item(server.url);
		run_and_count(&item);
		CHECK(two_are_open());
		CHECK_U64(retries_told, 0);
		for (unsigned i = 1; i < server.count; i++)
			CHECK_STR(server_header(&server.requests[i], "If-Range"), "\"one\"");
	}
}

/* So slowly that this machine has nothing else to wait for. */
static void answer_slowly_until_there_are_four(struct server_request *request)
{
	struct ncm_range range = begin_range(request);

	while (range.end - range.start > 64 * KIB && !four_are_open()) {
		const struct ncm_range piece = {range.start, range.start + 64 * KIB};

		send_bytes(request, &piece, 64 * KIB, 10000);
		range.start = piece.end;
	}
	send_and_leave(request, &range, 128 * KIB, 0);
}

static void more_connections_come_while_they_bring_more(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_slowly_until_there_are_four);
	item = make_pinned(server.url);
	run_and_count(&item);
	CHECK(four_are_open());
}

static void the_users_bound_holds(void)
{
	for (unsigned connections = 1; connections <= 2; connections++) {
		struct ncm_transfer_item item;

		begin_server(connections == 1 ? answer_ranges : answer_two);
		options.connections = connections;
		item = make_pinned(server.url);
		run_and_count(&item);
		CHECK_U64(open_most, connections);
		CHECK(server.count > 1);
	}
}

/* The first request behind the first window: its answer is held. */
static atomic_bool is_held;
static struct ncm_range held; /* written before is_held is used by others */
static _Atomic uint64_t held_sent;

static bool the_rest_has_come(void)
{
	return atomic_load(&sent) - atomic_load(&held_sent) >= SIZE - (held.end - held.start);
}

static void answer_but_hold_one(struct server_request *request)
{
	struct ncm_range range = begin_range(request), piece;

	if (range.start > 0 && !atomic_exchange(&is_held, true)) {
		held = range;
		piece = (struct ncm_range){range.start, range.start + 64 * KIB};
		send_bytes(request, &piece, 64 * KIB, 0);
		atomic_store(&held_sent, 64 * KIB);
		wait_until(the_rest_has_come);
		range.start = piece.end;
	}
	give_range(request, &range);
}

/* What lies behind it is fetched, written, and hashed when its turn has come. */
static void a_connection_that_stands_still_does_not_stop_the_rest(void)
{
	struct ncm_transfer_item item;

	atomic_store(&is_held, false);
	begin_server(answer_but_hold_one);
	item = make_pinned(server.url);
	run_and_count(&item);
	CHECK(is_held);
}

static atomic_uint asked_inside; /* the start of a request behind the held one's, or 0 */

static bool its_rest_was_asked_for(void)
{
	return atomic_load(&asked_inside) > 0;
}

static void answer_but_hold_the_last(struct server_request *request)
{
	struct ncm_range range = begin_range(request), piece;

	if (range.start > 0 && range.end == SIZE && range.end - range.start > 4 * MIB &&
	    !atomic_exchange(&is_held, true)) {
		held = range;
		piece = (struct ncm_range){range.start, range.start + 256 * KIB};
		send_bytes(request, &piece, 256 * KIB, 0);
		wait_until(its_rest_was_asked_for);
		range.start = piece.end;
	} else if (range.end == SIZE) {
		atomic_store(&asked_inside, (unsigned)range.start);
	}
	give_range(request, &range);
}

static void half_of_what_the_slowest_has_left_is_taken_over(void)
{
	struct ncm_transfer_item item;
	uint64_t middle;

	atomic_store(&is_held, false);
	/* On a busy machine the last window may be too small to be shared. */
	for (int tries = 0; !is_held && tries < 10; tries++) {
		atomic_store(&asked_inside, 0);
		begin_server(answer_but_hold_the_last);
		options.connections = 2;
		item = make_pinned(server.url);
		run_and_count(&item);
	}
	CHECK(is_held);
	middle = (held.start + SIZE) / 2;
	CHECK(asked_inside > middle - 2 * MIB && asked_inside < middle + 2 * MIB);
	CHECK_U64(open_most, 2);
}

static void answer_whole(struct server_request *request)
{
	const struct ncm_range all = {0, SIZE};

	enter();
	undertake(request, &all);
	send_head(request, &all, false, etag_one);
	send_and_leave(request, &all, 128 * KIB, 0);
}

static void answer_chunked_whole(struct server_request *request)
{
	const struct ncm_range all = {0, SIZE};

	undertake(request, &all);
	server_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", SIZE);
	send_bytes(request, &all, 128 * KIB, 0);
	server_print(request, "\r\n0\r\n\r\n");
}

static void a_server_without_ranges_is_asked_once(void)
{
	struct ncm_transfer_item item;

	for (int kind = 0; kind < 4; kind++) {
		begin_server(kind < 2 ? answer_whole : answer_chunked_whole);
		item = kind % 2 ? make_pinned(server.url) : make_item(server.url);
		run_and_count(&item);
		CHECK_U64(server.count, 1);
	}
}

static void answer_without_validator(struct server_request *request)
{
	struct ncm_range range;
	bool ranged = range_of(request, &range);

	if (!ranged)
		undertake(request, &range); /* the head of a part is all that is read of it */
	send_head(request, &range, ranged, "ETag: W/\"weak\"\r\n");
	send_bytes(request, &range, 128 * KIB, 0);
}

/* Ranges of what may be two versions of a file are not joined: then it comes in one piece. */
static void without_digest_and_validator_it_comes_in_one_piece(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_without_validator);
	item = make_item(server.url);
	item.has_size = true;
	item.size = SIZE;
	run_and_count(&item);
	CHECK_U64(server.count, 2);
	CHECK(!server_header(&server.requests[1], "Range"));
}

static void check_holes(int fd, const struct ncm_ranges *wanted)
{
	NCM_AUTO_FREE unsigned char *bytes = ncm_malloc(SIZE);

	CHECK(pread(fd, bytes, SIZE, 0) == SIZE);
	for (size_t i = 0; i < wanted->count; i++) {
		const struct ncm_range *range = &wanted->ranges[i];

		CHECK(memcmp(bytes + range->start, content + range->start, range->end - range->start) == 0);
		memset(bytes + range->start, 0, range->end - range->start);
	}
	for (size_t i = 0; i < SIZE; i++)
		CHECK(bytes[i] == 0);
}

static void only_the_ranges_that_are_wanted_come(void)
{
	static const struct ncm_range ranges[] = {
	    {5, 6}, {MIB + 77, 3 * MIB}, {16 * MIB, 32 * MIB}, {SIZE - 4321, SIZE}};
	struct ncm_ranges wanted = {0};
	struct ncm_transfer_item item;
	NCM_AUTO_CLOSE int fd = -1;
	struct stat status;

	begin_server(answer_ranges);
	item = make_pinned(server.url);
	item.sha256.bytes[0] ^= 1; /* nobody looks at it */
	item.ranges = ranges;
	item.range_count = sizeof ranges / sizeof *ranges;
	for (size_t i = 0; i < item.range_count; i++)
		ncm_ranges_add(&wanted, ranges[i].start, ranges[i].end);
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	CHECK(item.done && item.error.code == NCM_OK);
	CHECK_U64(item.final_size, SIZE);
	CHECK_U64(item.received, ncm_ranges_sum(&wanted));
	CHECK_U64(item.checkpoints.count, 0);
	check_served(&wanted);
	fd = openat(folder_fd, item.partial, O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &status) == 0 && status.st_size == SIZE);
	check_holes(fd, &wanted);
	ncm_ranges_clear(&wanted);
	clear_folder();
}

/* They share connections and memory, and each has a journal and a hash of its own. */
static void several_files_at_once(void)
{
	enum { FILES = 3 };
	struct ncm_transfer_item items[FILES];
	char urls[FILES][96], partials[FILES][16];

	begin_server(answer_ranges);
	options.jobs = FILES;
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(urls[i], sizeof urls[i], "%s/%u", server.url, i);
		snprintf(partials[i], sizeof partials[i], "part-%u", i);
		items[i] = make_pinned(urls[i]);
		items[i].partial = partials[i];
	}
	CHECK(run_with(items, FILES, &options) == 0);
	server_stop(&server);
	for (unsigned i = 0; i < FILES; i++) {
		CHECK_U64(items[i].received, SIZE);
		check_checkpoints(&items[i]);
		ncm_checkpoints_clear(&items[i].checkpoints);
		check_done(&items[i]);
		ncm_transfer_discard(folder_fd, partials[i]);
	}
}

int main(void)
{
	stall_seconds = 60;
	begin_case();
	RUN(several_connections_bring_each_byte_once);
	RUN(more_connections_come_while_they_bring_more);
	RUN(the_users_bound_holds);
	RUN(a_connection_that_stands_still_does_not_stop_the_rest);
	RUN(half_of_what_the_slowest_has_left_is_taken_over);
	RUN(a_server_without_ranges_is_asked_once);
	RUN(without_digest_and_validator_it_comes_in_one_piece);
	RUN(only_the_ranges_that_are_wanted_come);
	RUN(several_files_at_once);
	end_case();
	return 0;
}
