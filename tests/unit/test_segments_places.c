/* SPDX-License-Identifier: MIT */
/* One file from several places at once: who is asked, who is left, and what each may see. */
enum { SIZE = (24 << 20) + 4321 };
#include "segments_case.h"

static struct server second; /* the other place */
static struct ncm_replica mirror;

/* Both places are begun; returns an item that knows both. */
static struct ncm_transfer_item begin_places(void (*first)(struct server_request *request),
					     void (*other)(struct server_request *request))
{
	struct ncm_transfer_item item;

	begin_server(first);
	server_start(&second, other);
	mirror = (struct ncm_replica){.url = second.url};
	item = make_pinned(server.url);
	item.mirrors = &mirror;
	item.mirror_count = 1;
	return item;
}

/* All is right, wherever it came from. */
static void run_places(struct ncm_transfer_item *item)
{
	CHECK(run_with(item, 1, &options) == 0);
	server_stop(&server);
	server_stop(&second);
	CHECK(!late);
	check_checkpoints(item);
	ncm_checkpoints_clear(&item->checkpoints);
	check_done(item);
}

/* As answer_ranges, but for a server whose bytes nobody counts. */
static void give_uncounted(const struct server_request *request, const char *more)
{
	struct ncm_range range;
	bool ranged = range_of(request, &range);

	send_head(request, &range, ranged, more);
	send_bytes(request, &range, 128 * KIB, range.start == 0 ? 2000 : 0);
}

static void answer_as_second(struct server_request *request)
{
	CHECK(!server_header(request, "If-Range")); /* the first place's validator is not its own */
	give_uncounted(request, "ETag: \"of another kind\"\r\n");
}

static bool the_second_was_asked(void)
{
	bool asked;

	pthread_mutex_lock(&second.lock);
	asked = second.count > 0;
	pthread_mutex_unlock(&second.lock);
	return asked;
}

static void answer_when_the_second_helps(struct server_request *request)
{
	const struct ncm_range range = begin_range(request);

	if (range.start > 0)
		wait_until(the_second_was_asked);
	give_range(request, &range);
}

static void two_places_serve_a_file_together(void)
{
	struct ncm_transfer_item item = begin_places(answer_when_the_second_helps, answer_as_second);

	run_places(&item);
	CHECK(second.count > 0);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(retries_told, 0);
}

static void answer_404(struct server_request *request)
{
	refuse(request, "404 Not Found");
}

static void answer_page(struct server_request *request)
{
	server_print(request, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
}

static void a_place_without_the_file_is_left(void)
{
	struct ncm_transfer_item item = begin_places(answer_404, answer_as_second);

	run_places(&item);
	CHECK_U64(server.count, 1);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 1);

	item = begin_places(answer_page, answer_as_second);
	item.expect_binary = true;
	run_places(&item);
	CHECK_U64(item.served_by, 1);

	/* Nobody waits for the second one to have it. */
	item = begin_places(answer_when_the_second_helps, answer_404);
	run_places(&item);
	CHECK_U64(second.count, 1);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 0);
}

static void answer_the_beginning_and_no_more(struct server_request *request)
{
	struct ncm_range range;

	if (request->number > 0) {
		refuse(request, "410 Gone");
		return;
	}
	range = begin_range(request);
	range.end = range.start + 5 * MIB + 77;
	leave();
	send_bytes(request, &range, 128 * KIB, 0);
}

static void a_place_that_vanishes_is_gone_on_from(void)
{
	struct ncm_transfer_item item = begin_places(answer_the_beginning_and_no_more, answer_as_second);

	run_places(&item);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 1);
	for (unsigned i = 0; i < second.count; i++) {
		struct ncm_range range;

		CHECK(range_of(&second.requests[i], &range) && range.start >= 5 * MIB + 77);
	}
}

static void answer_403(struct server_request *request)
{
	refuse(request, "403 Forbidden");
}

static void without_any_place_the_first_ones_reason_is_told(void)
{
	struct ncm_transfer_item item = begin_places(answer_403, answer_404);

	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	server_stop(&second);
	check_failed(&item, NCM_E_AUTH, "403 Forbidden");
	check_nothing_left();
}

static void answer_wholly(struct server_request *request)
{
	const struct ncm_range all = {0, SIZE};

	send_head(request, &all, false, "");
	send_bytes(request, &all, 128 * KIB, 0);
}

static void a_second_place_without_ranges_disturbs_nobody(void)
{
	struct ncm_transfer_item item = begin_places(answer_when_the_second_helps, answer_wholly);

	run_places(&item);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 0);
	CHECK_U64(second.count, 1);
}

static struct ncm_transfer_item begin_preferred(void (*first)(struct server_request *request),
						void (*preferred)(struct server_request *request))
{
	struct ncm_transfer_item item = begin_places(first, preferred);

	mirror.preferred = true;
	return item;
}

static void a_preferred_place_serves_all(void)
{
	struct ncm_transfer_item item = begin_preferred(answer_ranges, answer_as_second);

	run_places(&item);
	CHECK_U64(server.count, 0);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 1);
}

static void answer_wrong_bytes(struct server_request *request)
{
	struct ncm_range range;
	bool ranged = range_of(request, &range);

	send_head(request, &range, ranged, "");
	range.start += range.start < SIZE / 2 && range.end > SIZE / 2 ? 1 : 0;
	send_bytes(request, &range, 128 * KIB, 0);
	if (range.start > 0)
		server_send(request, content, 1);
}

/* Without the file, in trouble, or with wrong bytes it leaves all to the others. */
static void a_preferred_place_is_not_waited_for(void)
{
	struct ncm_transfer_item item = begin_preferred(answer_ranges, answer_404);

	run_places(&item);
	CHECK_U64(second.count, 1);
	CHECK_U64(item.served_by, 0);

	item = begin_preferred(answer_ranges, answer_wrong_bytes);
	run_places(&item);
	CHECK(item.received > SIZE);
	CHECK_U64(item.served_by, 0);
}

static void answer_503(struct server_request *request)
{
	refuse(request, "503 Slow Down");
}

static void a_preferred_place_in_trouble_holds_nobody_up(void)
{
	struct ncm_transfer_item item = begin_preferred(answer_ranges, answer_503);

	run_places(&item);
	CHECK(server.count > 0);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 0);
}

/* Its own trouble is not what there is to act on. */
static void what_a_preferred_place_says_is_not_the_reason(void)
{
	struct ncm_transfer_item item = begin_preferred(answer_404, answer_page);

	item.expect_binary = true;
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	server_stop(&second);
	CHECK(!item.done && item.error.code == NCM_E_NOT_FOUND);
	ncm_error_clear(&item.error);
}

static void without_a_digest_there_is_one_place(void)
{
	struct ncm_transfer_item item = begin_places(answer_ranges, answer_as_second);

	item.has_sha256 = false;
	run_places(&item);
	CHECK_U64(second.count, 0);
}

static void each_place_sees_its_own_token(void)
{
	struct ncm_transfer_item item = begin_places(answer_when_the_second_helps, answer_as_second);
	struct ncm_credential ours = {.bearer = (char *)(uintptr_t) "first-canary", .origin = server.url};
	struct ncm_credential theirs = {.bearer = (char *)(uintptr_t) "second-canary", .origin = second.url};

	item.credential = &ours;
	mirror.credential = &theirs;
	run_places(&item);
	for (unsigned i = 0; i < server.count; i++)
		CHECK_STR(server_header(&server.requests[i], "Authorization"), "Bearer first-canary");
	for (unsigned i = 0; i < second.count; i++)
		CHECK_STR(server_header(&second.requests[i], "Authorization"), "Bearer second-canary");
	CHECK(second.count > 0);
}

int main(void)
{
	stall_seconds = 60;
	begin_case();
	RUN(two_places_serve_a_file_together);
	RUN(a_place_without_the_file_is_left);
	RUN(a_place_that_vanishes_is_gone_on_from);
	RUN(without_any_place_the_first_ones_reason_is_told);
	RUN(a_second_place_without_ranges_disturbs_nobody);
	RUN(a_preferred_place_serves_all);
	RUN(a_preferred_place_is_not_waited_for);
	RUN(a_preferred_place_in_trouble_holds_nobody_up);
	RUN(what_a_preferred_place_says_is_not_the_reason);
	RUN(without_a_digest_there_is_one_place);
	RUN(each_place_sees_its_own_token);
	end_case();
	return 0;
}
