/* SPDX-License-Identifier: MIT */
/*
 * A file that other machines fetch at the same time: who is asked for which part, and that neither what they say nor
 * what they share is believed.
 */
enum { SIZE = (40 << 20) + 4321, PARTS = 3 };
#include "segments_case.h"

#include "digest/span.h"

static struct ncm_checkpoints known;
static struct server second; /* where they share */
static struct ncm_replica mirror;
static struct ncm_sharing sharing;

/* What the others do. */
static enum ncm_part_state states[PARTS];
static enum ncm_part_state after[PARTS]; /* … when it has been looked at a few times */
static unsigned looks[PARTS], had[PARTS], failures[PARTS], wrongs[PARTS], left;
static bool whole;     /* they have the file already */
static uint64_t flaw;  /* where a byte of theirs is wrong; SIZE: nowhere */
static const char *no; /* what the shared place says instead */

static enum ncm_part_state look(void *context, size_t part)
{
	CHECK(context == states && part < PARTS && left == 0);
	if (++looks[part] > 5)
		states[part] = after[part];
	return states[part];
}

static char *address(void *context, size_t part, bool *is_whole)
{
	CHECK(context == states && states[part] == NCM_PART_SHARED);
	*is_whole = whole;
	return whole ? ncm_asprintf("%s/whole", second.url) : ncm_asprintf("%s/%zu", second.url, part);
}

static void have(void *context, size_t part)
{
	CHECK(context == states && left == 0);
	had[part]++;
}

static void failed(void *context, size_t part, bool wrong)
{
	CHECK(context == states && states[part] == NCM_PART_SHARED);
	failures[part] += !wrong;
	wrongs[part] += wrong;
	states[part] = after[part] = NCM_PART_OURS;
}

static void leave_it(void *context)
{
	CHECK(context == states);
	left++;
}

static struct ncm_range part_at(const struct server_request *request)
{
	struct ncm_range all = {0, SIZE};
	size_t part;

	if (strcmp(request->path, "/whole") == 0)
		return all;
	CHECK(sscanf(request->path, "/%zu", &part) == 1 && part < PARTS);
	all.start = part * NCM_CHECKPOINT_SPAN;
	if (all.end > all.start + NCM_CHECKPOINT_SPAN)
		all.end = all.start + NCM_CHECKPOINT_SPAN;
	return all;
}

/* An object of its own, whose ranges are counted from its own first byte. */
static void answer_shared(struct server_request *request)
{
	const struct ncm_range object = part_at(request);
	const uint64_t size = object.end - object.start;
	uint64_t first = 0, last = size - 1;
	const char *text = server_header(request, "Range");

	if (no) {
		server_print(request, "%s", no);
		return;
	}
	CHECK(!text || sscanf(text, "bytes=%" SCNu64 "-%" SCNu64, &first, &last) == 2);
	CHECK(last < size);
	server_print(request, "HTTP/1.1 %s\r\nContent-Length: %" PRIu64 "\r\n", text ? "206 Partial Content" : "200 OK",
		     last + 1 - first);
	if (text)
		server_print(request, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first, last,
			     size);
	server_print(request, "\r\n");
	for (uint64_t at = object.start + first; at <= object.start + last; at += 4096) {
		const uint64_t end = object.start + last + 1, count = end - at < 4096 ? end - at : 4096;
		unsigned char bytes[4096];

		memcpy(bytes, content + at, count);
		if (flaw >= at && flaw < at + count)
			bytes[flaw - at] ^= 1;
		server_send(request, bytes, count);
	}
}

static void answer_gone(struct server_request *request)
{
	refuse(request, "404 Not Found");
}

static struct ncm_transfer_item begin(void (*answer)(struct server_request *request), enum ncm_part_state state)
{
	struct ncm_transfer_item item;

	for (size_t i = 0; i < PARTS; i++)
		states[i] = after[i] = state;
	memset(looks, 0, sizeof looks);
	memset(had, 0, sizeof had);
	memset(failures, 0, sizeof failures);
	memset(wrongs, 0, sizeof wrongs);
	left = 0;
	whole = false;
	flaw = SIZE;
	no = NULL;
	begin_server(answer);
	server_start(&second, answer_shared);
	sharing = (struct ncm_sharing){states, look, address, have, failed, leave_it};
	mirror = (struct ncm_replica){.url = second.url, .preferred = true, .sharing = &sharing};
	item = make_pinned(server.url);
	item.mirrors = &mirror;
	item.mirror_count = 1;
	return item;
}

static void run_shared(struct ncm_transfer_item *item)
{
	CHECK(run_with(item, 1, &options) == 0);
	server_stop(&server);
	server_stop(&second);
	CHECK(!late);
	if (item->done) {
		check_checkpoints(item);
		check_done(item);
	}
	ncm_checkpoints_clear(&item->checkpoints);
}

static void check_told(void)
{
	for (size_t i = 0; i < PARTS; i++)
		CHECK_U64(had[i], 1);
	CHECK_U64(left, 0);
}

/* That the source brought these parts, each byte once, and nothing else. */
static void check_from_source(bool (*is_ours)(size_t part))
{
	struct ncm_ranges wanted = {0};

	for (size_t i = 0; i < PARTS; i++) {
		const uint64_t start = i * NCM_CHECKPOINT_SPAN, end = start + NCM_CHECKPOINT_SPAN;

		if (is_ours(i))
			ncm_ranges_add(&wanted, start, end < SIZE ? end : SIZE);
	}
	check_served(&wanted);
	ncm_ranges_clear(&wanted);
}

static bool all(size_t part)
{
	(void)part;
	return true;
}

static bool none(size_t part)
{
	(void)part;
	return false;
}

static bool middle(size_t part)
{
	return part == 1;
}

static void what_is_ours_comes_from_its_source(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_OURS);

	run_shared(&item);
	check_from_source(all);
	check_told();
	CHECK_U64(second.count, 0);
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 0);
}

static void what_is_shared_comes_from_there(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_SHARED);

	run_shared(&item);
	check_from_source(none);
	check_told();
	CHECK_U64(item.received, SIZE);
	CHECK_U64(item.served_by, 1);
}

static void each_part_comes_from_where_it_is(void)
{
	for (int with = 0; with < 2; with++) {
		struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_SHARED);

		item.known = with ? &known : NULL;
		states[1] = after[1] = NCM_PART_OURS;
		run_shared(&item);
		check_from_source(middle);
		check_told();
		CHECK_U64(item.received, SIZE);
	}
}

static void what_others_bring_is_waited_for(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_AWAITED);

	after[0] = after[2] = NCM_PART_SHARED;
	after[1] = NCM_PART_OURS;
	run_shared(&item);
	check_from_source(middle);
	check_told();
	CHECK_U64(item.received, SIZE);
}

static void the_whole_may_be_there_already(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_SHARED);

	whole = true;
	run_shared(&item);
	check_from_source(none);
	check_told();
	CHECK_U64(item.received, SIZE);
}

/* Whatever its server says instead, the part comes from the source. */
static void what_cannot_be_had_is_told(void)
{
	static const char *const answers[] = {
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
	    "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot a lot",
	    "HTTP/1.1 206 Partial Content\r\nContent-Length: 9\r\nContent-Range: bytes 0-8/9\r\n\r\nnot a lot",
	    "HTTP/1.1 206 Partial Content\r\nContent-Length: 9\r\nContent-Range: bytes 5-13/16777216\r\n\r\nnot a lot",
	    "HTTP/1.1 416 No\r\nContent-Range: bytes */3\r\nContent-Length: 0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\ncut",
	    "",
	};

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_OURS);

		states[1] = after[1] = NCM_PART_SHARED;
		no = answers[i];
		run_shared(&item);
		if (failures[1] != 1)
			fprintf(stderr, "%s", no);
		CHECK_U64(failures[1], 1);
		check_told();
	}
}

static void a_wrong_part_alone_comes_again(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_SHARED);

	item.known = &known;
	flaw = NCM_CHECKPOINT_SPAN + 5;
	run_shared(&item);
	CHECK_U64(wrongs[1], 1);
	check_from_source(middle);
	check_told();
}

static void without_checkpoints_all_of_it_comes_again(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_SHARED);

	flaw = NCM_CHECKPOINT_SPAN + 5;
	run_shared(&item);
	CHECK_U64(left, 1);
	CHECK_U64(item.received, 2 * (uint64_t)SIZE);
}

static void who_has_no_source_takes_what_is_there(void)
{
	struct ncm_transfer_item item = begin(answer_gone, NCM_PART_SHARED);

	run_shared(&item);
	check_told();
	CHECK_U64(item.received, SIZE);
}

static void who_has_no_source_does_not_wait_for_ever(void)
{
	struct ncm_transfer_item item = begin(answer_gone, NCM_PART_SHARED);

	states[1] = NCM_PART_OURS;
	after[1] = NCM_PART_AWAITED;
	run_shared(&item);
	check_failed(&item, NCM_E_NOT_FOUND, "404");
	CHECK_U64(left, 1);
	clear_folder();
}

static void what_an_earlier_run_left_is_told(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_OURS);

	lay_partial(&item, content, NCM_CHECKPOINT_SPAN + MIB, NULL);
	run_shared(&item);
	check_told();
	CHECK_U64(item.received, SIZE - NCM_CHECKPOINT_SPAN - MIB);
}

static void without_a_size_nothing_is_shared(void)
{
	struct ncm_transfer_item item = begin(answer_ranges, NCM_PART_SHARED);

	item.has_size = false;
	run_shared(&item);
	check_from_source(all);
	CHECK_U64(second.count, 0);
}

int main(void)
{
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_sha256 digest;

	begin_case();
	ncm_tally_update(tally, content, SIZE);
	ncm_tally_end(tally, &digest, &known);
	RUN(what_is_ours_comes_from_its_source);
	RUN(what_is_shared_comes_from_there);
	RUN(each_part_comes_from_where_it_is);
	RUN(what_others_bring_is_waited_for);
	RUN(the_whole_may_be_there_already);
	RUN(what_cannot_be_had_is_told);
	RUN(a_wrong_part_alone_comes_again);
	RUN(without_checkpoints_all_of_it_comes_again);
	RUN(who_has_no_source_takes_what_is_there);
	RUN(who_has_no_source_does_not_wait_for_ever);
	RUN(what_an_earlier_run_left_is_told);
	RUN(without_a_size_nothing_is_shared);
	ncm_checkpoints_clear(&known);
	end_case();
	return 0;
}
