/* SPDX-License-Identifier: MIT */
/* One file over several connections, some of which bring something else than was asked for. */
enum { SIZE = (24 << 20) + 4321 };
#include "segments_case.h"

static struct server door; /* redirects to `server` */
static unsigned char second_version[SIZE];
static struct ncm_sha256 second_sha256;
static atomic_uint refused; /* answers that said no */

/* Gives the beginning of what was asked for, then closes. */
static void give_and_cut(const struct server_request *request, uint64_t size)
{
	struct ncm_range range = begin_range(request);

	if (range.end - range.start > size)
		range.end = range.start + size;
	undertake(request, &range);
	leave();
	send_bytes(request, &range, 128 * KIB, 0);
}

static void answer_cut_some(struct server_request *request)
{
	static const uint64_t cuts[] = {3 * MIB + 77, 0, 1, 2 * MIB, MIB - 1, 4097};

	if (request->number < 6 && request->number != 1)
		give_and_cut(request, cuts[request->number]);
	else
		give(request);
}

static void connections_that_close_are_gone_on_from_where_they_were(void)
{
	struct ncm_transfer_item item;

	for (int pinned = 0; pinned < 2; pinned++) {
		begin_server(answer_cut_some);
		item = pinned ? make_pinned(server.url) : make_item(server.url);
		run_and_count(&item);
		CHECK(retries_told >= 1 && retries_told <= 5);
	}
}

/* The head is all that anybody reads of it. */
static void answer_wholly(const struct server_request *request)
{
	const struct ncm_range all = {0, SIZE};

	atomic_fetch_add(&refused, 1);
	send_head(request, &all, false, etag_one);
	send_bytes(request, &all, 128 * KIB, 0);
}

static void answer_some_wholly(struct server_request *request)
{
	if (request->number == 1 || request->number == 2)
		answer_wholly(request);
	else
		give(request);
}

static void the_whole_instead_of_a_range_is_not_taken(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_some_wholly);
	item = make_pinned(server.url);
	run_and_count(&item);
	CHECK(retries_told >= 1);
}

/* Only the first range is one. */
static void answer_rest_wholly(struct server_request *request)
{
	struct ncm_range range;
	bool ranged = range_of(request, &range);

	if (ranged && request->number > 0)
		answer_wholly(request);
	else
		give(request);
}

static void a_server_that_has_no_ranges_any_more_is_asked_for_all(void)
{
	struct ncm_transfer_item item;

	atomic_store(&refused, 0);
	begin_server(answer_rest_wholly);
	item = make_pinned(server.url);
	run_to_the_end(&item);
	CHECK(!server_header(&server.requests[server.count - 1], "Range"));
	/* What the first range had brought was of no use. */
	CHECK(item.received > SIZE && item.received <= SIZE + served[0].end);
	CHECK(refused > 1); /* more than one chance */
}

static void answer_some_with_other_validator(struct server_request *request)
{
	struct ncm_range range;

	if (request->number != 1 && request->number != 2) {
		give(request);
		return;
	}
	range_of(request, &range);
	send_head(request, &range, true, "ETag: \"two\"\r\n");
	send_bytes(request, &range, 128 * KIB, 0);
}

static void a_pinned_file_survives_a_passing_other_validator(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_some_with_other_validator);
	item = make_pinned(server.url);
	run_and_count(&item);
}

/* From the second request on there is another version; the honest server says so, the other gives its ranges. */
static void answer_changed(struct server_request *request, bool honest)
{
	struct ncm_range range;
	const char *condition = server_header(request, "If-Range");
	bool same = !condition || strcmp(condition, "\"two\"") == 0;
	bool ranged = range_of(request, &range);

	if (request->number == 0) {
		give(request);
		return;
	}
	if (honest && !same) {
		range = (struct ncm_range){0, SIZE};
		ranged = false;
	}
	send_head(request, &range, ranged, "ETag: \"two\"\r\n");
	server_send(request, second_version + range.start, range.end - range.start);
}

static void answer_changed_honestly(struct server_request *request)
{
	answer_changed(request, true);
}

static void answer_changed_carelessly(struct server_request *request)
{
	answer_changed(request, false);
}

static void check_second_version(struct ncm_transfer_item *item)
{
	NCM_AUTO_CLOSE int fd = openat(folder_fd, item->partial, O_RDONLY);
	NCM_AUTO_FREE char *bytes = NULL;
	size_t size = 0;

	if (!item->done)
		fprintf(stderr, "not done: %s\n", item->error.message);
	CHECK(item->done);
	CHECK(ncm_sha256_equal(&item->final_sha256, &second_sha256));
	bytes = ncm_read_fd(fd, SIZE + 1, &size);
	CHECK_U64(size, SIZE);
	CHECK(memcmp(bytes, second_version, SIZE) == 0);
	ncm_checkpoints_clear(&item->checkpoints);
	clear_folder();
}

static void two_versions_are_never_mixed(void)
{
	for (int honest = 0; honest < 2; honest++) {
		struct ncm_transfer_item item;

		/* Nobody knows which is meant: the one that is there now. */
		begin_server(honest ? answer_changed_honestly : answer_changed_carelessly);
		item = make_item(server.url);
		CHECK(run_with(&item, 1, &options) == 0);
		server_stop(&server);
		check_second_version(&item);

		/* The first is meant, and is not there any more. */
		begin_server(honest ? answer_changed_honestly : answer_changed_carelessly);
		item = make_pinned(server.url);
		CHECK(run_with(&item, 1, &options) == 0);
		server_stop(&server);
		check_failed(&item, NCM_E_CHECKSUM, "digest differs");
		CHECK(ncm_sha256_equal(&item.bad_sha256, &second_sha256));
		ncm_checkpoints_clear(&item.checkpoints);
		check_nothing_left();

		/* The second is meant. */
		begin_server(honest ? answer_changed_honestly : answer_changed_carelessly);
		item = make_pinned(server.url);
		item.sha256 = second_sha256;
		CHECK(run_with(&item, 1, &options) == 0);
		server_stop(&server);
		check_second_version(&item);
	}
}

static void answer_one_bit_wrong(struct server_request *request)
{
	struct ncm_range range = begin_range(request), before = range;
	const uint64_t at = 10 * MIB + 1;
	char wrong = (char)(content[at] ^ 4);

	if (at < range.start || at >= range.end) {
		give_range(request, &range);
		return;
	}
	before.end = at;
	send_bytes(request, &before, 128 * KIB, 0);
	server_send(request, &wrong, 1);
	range.start = at + 1;
	send_and_leave(request, &range, 128 * KIB, 0);
}

static void one_wrong_bit_is_found(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_one_bit_wrong);
	item = make_pinned(server.url);
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	check_failed(&item, NCM_E_CHECKSUM, "digest differs");
	ncm_checkpoints_clear(&item.checkpoints);
	check_nothing_left();
}

/* As some hosts: one connection at a time. */
static void answer_one_at_a_time(struct server_request *request)
{
	static const char *const words[] = {"429 Slow down\r\nRetry-After: 0", "503 Busy"};
	struct ncm_range range;
	unsigned none = 0;
	bool ranged = range_of(request, &range);

	if (!atomic_compare_exchange_strong(&open_now, &none, 1)) {
		refuse(request, words[atomic_fetch_add(&refused, 1) % 2]);
		return;
	}
	undertake(request, &range);
	send_head(request, &range, ranged, etag_one);
	send_and_leave(request, &range, 128 * KIB, 2000); /* time enough to try again and again */
}

static void check_refusals(unsigned first)
{
	struct ncm_transfer_item item;

	atomic_store(&refused, first);
	begin_server(answer_one_at_a_time);
	item = make_pinned(server.url);
	run_and_count(&item);
	CHECK(refused <= first + 2);
}

static void a_host_that_refuses_connections_gets_fewer(void)
{
	for (unsigned first = 0; first < 2; first++) { /* 429 or 503 */
		/* On a busy machine a second connection may come too late to be refused. */
		for (int tries = 0; tries < 10; tries++) {
			check_refusals(first);
			if (refused > first)
				break;
		}
		CHECK(refused > first);
	}
}

/* Each signature is good for so many requests. */
static unsigned uses_of_each;
static atomic_uint uses[SERVER_REQUESTS];

static void answer_at_the_door(struct server_request *request)
{
	server_print(request, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s/signed/%u?sig=x\r\n\r\n",
		     server.url, request->number);
}

static void answer_signed(struct server_request *request)
{
	unsigned signature;

	CHECK(sscanf(request->path, "/signed/%u?sig=x", &signature) == 1 && signature < SERVER_REQUESTS);
	if (atomic_fetch_add(&uses[signature], 1) < uses_of_each) {
		give(request);
		return;
	}
	atomic_fetch_add(&refused, 1);
	refuse(request, "403 Forbidden");
}

static void check_signatures(unsigned connections)
{
	struct ncm_transfer_item item;

	uses_of_each = connections == 1 ? 2 : 1;
	atomic_store(&refused, 0);
	for (unsigned i = 0; i < SERVER_REQUESTS; i++)
		atomic_store(&uses[i], 0);
	begin_server(answer_signed);
	server_start(&door, answer_at_the_door);
	options.connections = connections;
	item = make_pinned(door.url);
	run_and_count(&item);
	server_stop(&door);
	CHECK_U64(retries_told, 0);
	/* A further connection may find no other that knows the way yet. */
	CHECK(door.count >= 1 + refused && door.count <= connections + refused);
}

static void an_expired_signature_is_resolved_anew_and_only_then(void)
{
	for (unsigned connections = 1; connections <= 4; connections++) {
		/* On a busy machine two requests may be enough. */
		for (int tries = 0; tries < 10; tries++) {
			check_signatures(connections);
			if (refused > 0)
				break;
		}
		CHECK(refused > 0);
	}
}

/* Tokens are good for so many requests; "0" is the first. */
static unsigned good_for;
static atomic_uint used, renewals, renewing;
static bool (*renewed_after)(void); /* what renewing waits for */

static int renew(struct ncm_credential *self, struct ncm_http *http, const char *challenge, struct ncm_error *err)
{
	(void)http;
	(void)err;
	CHECK_STR(challenge, "Bearer realm=\"x\"");
	atomic_store(&renewing, 1);
	if (renewed_after)
		wait_until(renewed_after);
	free(self->bearer);
	self->bearer = ncm_asprintf("%u", atomic_fetch_add(&renewals, 1) + 1);
	atomic_store(&used, 0);
	return 0;
}

static bool token_is_good(const struct server_request *request)
{
	const char *token = server_header(request, "Authorization");
	unsigned number;

	CHECK(token && sscanf(token, "Bearer %u", &number) == 1);
	return number == atomic_load(&renewals) && atomic_fetch_add(&used, 1) < good_for;
}

static void refuse_token(const struct server_request *request)
{
	atomic_fetch_add(&refused, 1);
	server_print(request, "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
}

static void answer_to_token(struct server_request *request)
{
	if (token_is_good(request))
		give(request);
	else
		refuse_token(request);
}

static struct ncm_credential begin_tokens(void (*answer)(struct server_request *request), unsigned requests)
{
	good_for = requests;
	atomic_store(&used, 0);
	atomic_store(&renewals, 0);
	atomic_store(&renewing, 0);
	atomic_store(&refused, 0);
	renewed_after = NULL;
	begin_server(answer);
	return (struct ncm_credential){.renew = renew, .origin = server.url, .bearer = ncm_strdup("0")};
}

static bool two_ranges_have_come(void)
{
	return atomic_load(&sent) >= served[0].end + 2 * MIB;
}

static void a_token_is_renewed_while_other_connections_run(void)
{
	struct ncm_credential credential = begin_tokens(answer_to_token, 2);
	struct ncm_transfer_item item = make_pinned(server.url);

	renewed_after = two_ranges_have_come;
	options.connections = 2;
	item.credential = &credential;
	run_and_count(&item);
	CHECK(renewals >= 1 && renewals <= refused);
	free(credential.bearer);
}

/* Again and again: each range but the first finds its token spent. */
static void a_token_is_renewed_as_often_as_it_ends(void)
{
	struct ncm_credential credential = begin_tokens(answer_to_token, 1);
	struct ncm_transfer_item item = make_pinned(server.url);

	options.connections = 1; /* several would take the only request from one another */
	item.credential = &credential;
	run_and_count(&item);
	CHECK(renewals >= 1);
	CHECK_U64(server.count, 1 + refused + renewals);
	free(credential.bearer);
}

static bool a_renewal_is_under_way(void)
{
	return atomic_load(&renewing) > 0;
}

static bool the_file_has_vanished(void)
{
	if (atomic_load(&refused) < 2) /* the token, then the file */
		return false;
	usleep(100000); /* most likely the engine has noticed when the renewal ends */
	return true;
}

/* The file vanishes while a token is being renewed. */
static void answer_token_then_nothing(struct server_request *request)
{
	if (request->number == 0) {
		give(request);
	} else if (request->number == 1) {
		refuse_token(request);
	} else {
		wait_until(a_renewal_is_under_way);
		atomic_fetch_add(&refused, 1);
		refuse(request, "404 Not Found");
	}
}

static void a_failure_during_a_renewal_waits_for_it(void)
{
	struct ncm_credential credential = begin_tokens(answer_token_then_nothing, 1);
	struct ncm_transfer_item item = make_pinned(server.url);

	renewed_after = the_file_has_vanished;
	item.credential = &credential;
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	CHECK(!late);
	check_failed(&item, NCM_E_NOT_FOUND, "404 Not Found");
	CHECK_U64(renewals, 1);
	CHECK_U64(ncm_transfer_present(&item), item.received); /* for the next place */
	clear_folder();
	free(credential.bearer);
}

static void answer_one_416(struct server_request *request)
{
	if (request->number == 2)
		server_print(request, "HTTP/1.1 416 R\r\nContent-Length: 0\r\nContent-Range: bytes */%d\r\n\r\n", SIZE);
	else
		give(request);
}

static void a_range_that_cannot_be_does_no_harm(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_one_416);
	item = make_pinned(server.url);
	run_to_the_end(&item);
}

int main(void)
{
	stall_seconds = 60;
	begin_case();
	for (size_t i = 0; i < SIZE; i++)
		second_version[i] = content[i] ^ 0x55;
	ncm_sha256_of(second_version, SIZE, &second_sha256);
	RUN(connections_that_close_are_gone_on_from_where_they_were);
	RUN(the_whole_instead_of_a_range_is_not_taken);
	RUN(a_server_that_has_no_ranges_any_more_is_asked_for_all);
	RUN(a_pinned_file_survives_a_passing_other_validator);
	RUN(two_versions_are_never_mixed);
	RUN(one_wrong_bit_is_found);
	RUN(a_host_that_refuses_connections_gets_fewer);
	RUN(an_expired_signature_is_resolved_anew_and_only_then);
	RUN(a_token_is_renewed_while_other_connections_run);
	RUN(a_token_is_renewed_as_often_as_it_ends);
	RUN(a_failure_during_a_renewal_waits_for_it);
	RUN(a_range_that_cannot_be_does_no_harm);
	end_case();
	return 0;
}
