/* SPDX-License-Identifier: MIT */
/* Rare meetings: answers, places, tokens and syncs that come at the worst moment. */
enum { SIZE = (24 << 20) + 4321 };
#include "segments_case.h"

#include "transfer/partial.h"

#include <sys/stat.h>
#include <sys/syscall.h>

static struct server second, door;
static struct ncm_replica mirror;
static unsigned char second_version[SIZE];
static struct ncm_sha256 second_sha256;
static void (*after_sync)(void); /* once */

/* The next sync of this program goes through here. */
int fdatasync(int fd)
{
	int result = (int)syscall(SYS_fdatasync, fd);
	void (*hook)(void) = after_sync;

	after_sync = NULL;
	if (hook)
		hook();
	return result;
}

static atomic_bool is_held;
static struct ncm_range held;
static _Atomic uint64_t held_sent;

static bool the_rest_has_come(void)
{
	return atomic_load(&sent) - atomic_load(&held_sent) >= SIZE - (held.end - held.start);
}

static void answer_but_hold_the_first(struct server_request *request)
{
	struct ncm_range range = begin_range(request), piece;

	if (!atomic_exchange(&is_held, true)) {
		held = range;
		piece = (struct ncm_range){range.start, range.start + 64 * KIB};
		send_bytes(request, &piece, 64 * KIB, 0);
		atomic_store(&held_sent, 64 * KIB);
		wait_until(the_rest_has_come);
		range.start = piece.end;
	}
	send_and_leave(request, &range, 128 * KIB, 0);
}

/* Its first bytes show that there are ranges. */
static void a_slow_first_connection_does_not_stop_the_rest(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_but_hold_the_first);
	item = make_pinned(server.url);
	run_and_count(&item);
	CHECK_U64(retries_told, 0);
}

static const struct ncm_range wanted_range = {MIB, 2 * MIB};

static void run_for_a_range(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_ranges);
	item = make_pinned(server.url);
	item.ranges = &wanted_range;
	item.range_count = 1;
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	CHECK(item.done);
}

/* Mending a part of a large file needs no room for all of it. */
static void holes_take_no_room(void)
{
	struct stat status;

	run_for_a_range();
	CHECK(fstatat(folder_fd, "file.part", &status, 0) == 0 && status.st_size == SIZE);
	CHECK(status.st_blocks * 512 <= 3 * MIB);
	clear_folder();
}

/* As long as the file, without a journal: where no digest is looked at, its bytes are worth nothing. */
static void ranges_are_not_taken_from_an_unknown_file(void)
{
	static unsigned char bytes[MIB];
	int fd = openat(folder_fd, "file.part", O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0 && close(fd) == 0);
	run_for_a_range();
	fd = openat(folder_fd, "file.part", O_RDONLY);
	CHECK(pread(fd, bytes, MIB, MIB) == MIB && memcmp(bytes, content + MIB, MIB) == 0);
	close(fd);
	clear_folder();
}

static void answer_second_version(struct server_request *request)
{
	server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: \"two\"\r\n\r\n", SIZE);
	for (size_t at = 0; at < SIZE; at += 256 * KIB) {
		usleep(2000); /* so that the hash could run ahead */
		server_send(request, second_version + at, SIZE - at < 256 * KIB ? SIZE - at : 256 * KIB);
	}
}

/* An earlier run's bytes lie behind a gap; there is a new version now, which comes whole. */
static void old_bytes_are_not_hashed_with_new_ones(void)
{
	const struct ncm_range old = {4 * MIB, 20 * MIB};
	struct ncm_identity identity = {.etag = (char *)(uintptr_t) "\"one\"", .has_size = true, .size = SIZE};
	NCM_AUTO_CLOSE int fd = openat(folder_fd, "file.part", O_RDWR | O_CREAT, 0600);
	struct ncm_transfer_item item;
	struct ncm_ranges there = {0};
	int journal;

	begin_server(answer_second_version);
	item = make_item(server.url);
	identity.url = ncm_url_display(item.url);
	CHECK(ncm_pwrite_all(fd, content + old.start, old.end - old.start, old.start) == 0);
	ncm_ranges_add(&there, old.start, old.end);
	journal = ncm_journal_begin(folder_fd, "file.part", &identity, &there, false, NULL);
	CHECK(journal >= 0 && close(journal) == 0);
	ncm_ranges_clear(&there);
	free(identity.url);
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	CHECK(item.done && ncm_sha256_equal(&item.final_sha256, &second_sha256));
	ncm_checkpoints_clear(&item.checkpoints);
	clear_folder();
}

static void answer_changing_silently(struct server_request *request)
{
	struct ncm_range range;
	bool ranged = range_of(request, &range);

	send_head(request, &range, ranged, "");
	server_send(request, (request->number == 0 ? content : second_version) + range.start, range.end - range.start);
}

/* No validator tells that the first range was of another version; the digest does. */
static void a_mixture_is_fetched_once_in_one_piece(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_changing_silently);
	item = make_pinned(server.url);
	item.sha256 = second_sha256;
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	CHECK(item.done && ncm_sha256_equal(&item.final_sha256, &second_sha256));
	CHECK(!server_header(&server.requests[server.count - 1], "Range"));
	ncm_checkpoints_clear(&item.checkpoints);
	clear_folder();
}

/* Two places serve the file; the second as it likes. */
static void run_two_places(struct ncm_transfer_item *item, void (*other)(struct server_request *request))
{
	server_start(&second, other);
	mirror.url = second.url;
	item->mirrors = &mirror;
	item->mirror_count = 1;
	CHECK(run_with(item, 1, &options) == 0);
	server_stop(&server);
	server_stop(&second);
	CHECK(!late);
	check_checkpoints(item);
	ncm_checkpoints_clear(&item->checkpoints);
	check_done(item);
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

static void answer_other_bytes(struct server_request *request)
{
	struct ncm_range range;
	bool ranged = range_of(request, &range);

	send_head(request, &range, ranged, "");
	server_send(request, second_version + range.start, range.end - range.start);
}

static void a_wrong_mirror_does_not_spoil_the_file(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_when_the_second_helps);
	item = make_pinned(server.url);
	run_two_places(&item, answer_other_bytes);
}

static void answer_one_416(struct server_request *request)
{
	if (request->number == 2)
		server_print(request, "HTTP/1.1 416 R\r\nContent-Length: 0\r\nContent-Range: bytes */%d\r\n\r\n", SIZE);
	else
		give(request);
}

static void a_416_among_ranges_costs_one_request(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_one_416);
	item = make_pinned(server.url);
	run_and_count(&item);
}

static void answer_at_the_door(struct server_request *request)
{
	server_print(request, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s/signed?sig=x\r\n\r\n",
		     server.url);
}

static void who_knows_the_way_does_not_ask_at_the_door(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_ranges);
	server_start(&door, answer_at_the_door);
	item = make_pinned(door.url);
	run_and_count(&item);
	server_stop(&door);
	CHECK_U64(door.count, 1);
}

static struct ncm_partial partial;

static void write_at(uint64_t at)
{
	CHECK(ncm_partial_write(&partial, at, content + at, MIB, NULL) == 0);
}

static void begin_a_new_journal(void)
{
	CHECK(ncm_partial_begin(&partial, "\"two\"", true, SIZE, NULL) == 0);
	write_at(8 * MIB);
	write_at(16 * MIB);
}

static void pretend_reboot(void)
{
	NCM_AUTO_CLOSE int fd = openat(folder_fd, "file.part.journal", O_RDWR);
	NCM_AUTO_FREE char *text = NULL;
	size_t size;
	char *id;

	text = ncm_read_fd(fd, 1 << 20, &size);
	id = strstr(text, "\"boot_id\":\"");
	CHECK(id);
	id += strlen("\"boot_id\":\"");
	*id = *id == '0' ? '1' : '0';
	CHECK(pwrite(fd, text, size, 0) == (ssize_t)size);
}

/* An answer brings a validator while the crew syncs: the new journal has other lines. */
static void a_sync_vouches_for_its_own_journal_alone(void)
{
	struct ncm_transfer_item item = make_pinned("https://h.example/x");

	CHECK(ncm_partial_open(&partial, &item, NULL) == 0);
	CHECK(ncm_partial_begin(&partial, NULL, true, SIZE, NULL) == 0);
	write_at(0);
	write_at(MIB);
	after_sync = begin_a_new_journal;
	CHECK(ncm_partial_sync(&partial, NULL) == 0);
	CHECK(ncm_partial_unsynced(&partial) > 0);
	ncm_partial_close(&partial, false);
	pretend_reboot();
	CHECK(ncm_transfer_present(&item) <= 2 * MIB);
	clear_folder();
}

static int fail_to_renew(struct ncm_credential *self, struct ncm_http *http, const char *challenge,
			 struct ncm_error *err)
{
	(void)self;
	(void)http;
	(void)challenge;
	return ncm_error_set(err, NCM_E_AUTH, "no new token");
}

static void answer_401(struct server_request *request)
{
	server_print(request, "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer x\r\nContent-Length: 0\r\n\r\n");
}

static void a_token_that_cannot_be_renewed_costs_one_place(void)
{
	struct ncm_credential credential = {.bearer = (char *)(uintptr_t) "x", .renew = fail_to_renew};
	struct ncm_transfer_item item;

	begin_server(answer_401);
	credential.origin = server.url;
	item = make_pinned(server.url);
	item.credential = &credential;
	run_two_places(&item, answer_ranges);
	CHECK_U64(item.served_by, 1);
}

static atomic_uint given_while_renewing;
static atomic_bool renewing;

static bool two_more_were_given(void)
{
	return atomic_load(&given_while_renewing) >= 2;
}

static int renew_slowly(struct ncm_credential *self, struct ncm_http *http, const char *challenge,
			struct ncm_error *err)
{
	(void)http;
	(void)challenge;
	(void)err;
	atomic_store(&renewing, true);
	wait_until(two_more_were_given);
	free(self->bearer);
	self->bearer = ncm_strdup("fresh");
	return 0;
}

static bool a_renewal_is_under_way(void)
{
	return atomic_load(&renewing);
}

/* The second request finds its token spent; the third is cut again and again. */
static void answer_401_and_cuts(struct server_request *request)
{
	struct ncm_range range;

	if (request->number == 1) {
		answer_401(request);
		return;
	}
	range = begin_range(request);
	if (request->number == 0) {
		give_range(request, &range);
		return;
	}
	wait_until(a_renewal_is_under_way);
	atomic_fetch_add(&given_while_renewing, 1);
	if (range.end - range.start > MIB && request->number < 5)
		range.end = range.start + MIB;
	undertake(request, &range);
	leave();
	send_bytes(request, &range, 128 * KIB, 0);
}

/* The loop, and with it every other file, does not wait for a token. */
static void asking_goes_on_while_a_token_is_renewed(void)
{
	struct ncm_credential credential = {.renew = renew_slowly, .bearer = ncm_strdup("old")};
	struct ncm_transfer_item item;

	begin_server(answer_401_and_cuts);
	credential.origin = server.url;
	options.connections = 2;
	item = make_pinned(server.url);
	item.credential = &credential;
	run_and_count(&item);
	CHECK_STR(credential.bearer, "fresh");
	free(credential.bearer);
}

int main(void)
{
	stall_seconds = 60;
	begin_case();
	for (size_t i = 0; i < SIZE; i++)
		second_version[i] = content[i] ^ 0x55;
	ncm_sha256_of(second_version, SIZE, &second_sha256);
	RUN(a_slow_first_connection_does_not_stop_the_rest);
	RUN(holes_take_no_room);
	RUN(ranges_are_not_taken_from_an_unknown_file);
	RUN(old_bytes_are_not_hashed_with_new_ones);
	RUN(a_mixture_is_fetched_once_in_one_piece);
	RUN(a_wrong_mirror_does_not_spoil_the_file);
	RUN(a_416_among_ranges_costs_one_request);
	RUN(who_knows_the_way_does_not_ask_at_the_door);
	RUN(a_sync_vouches_for_its_own_journal_alone);
	RUN(a_token_that_cannot_be_renewed_costs_one_place);
	RUN(asking_goes_on_while_a_token_is_renewed);
	end_case();
	return 0;
}
