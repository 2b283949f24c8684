/* SPDX-License-Identifier: MIT */
/* Passing trouble, tokens, many files, signals, stalls, failing writes, two at once. */
enum { SIZE = 300000 };
#include "transfer_case.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct server other;

static void answer_after_trouble(struct server_request *request)
{
	static const char *const heads[] = {"429 Slow down\r\nRetry-After: 0", "503 Busy"};

	if (request->number < 2)
		server_print(request, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", heads[request->number]);
	else
		answer_well(request);
}

static void answer_503(struct server_request *request)
{
	server_print(request, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
}

static void passing_trouble_is_retried(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_after_trouble);
	item = make_pinned(server.url);
	run_one(&item);
	free(item.server_name);
	CHECK_U64(retries_told, 2);
	check_done(&item);
	server_stop(&server);

	server_start(&server, answer_503);
	item = make_pinned(server.url);
	run_one(&item);
	check_failed(&item, NCM_E_NETWORK, "503 Service Unavailable (tried 3 times)");
	CHECK_U64(server.count, 3);
	check_nothing_left();
	server_stop(&server);
}

static void answer_redirect_or_file(struct server_request *request)
{
	if (request->server == &server) {
		server_print(request, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s/signed?sig=%u\r\n\r\n",
			     other.url, request->number);
		return;
	}
	answer_cut_twice(request);
}

static void each_try_begins_at_the_first_url(void)
{
	struct ncm_credential credential = {.bearer = (char *)"canary"};
	struct ncm_transfer_item item;

	server_start(&server, answer_redirect_or_file);
	server_start(&other, answer_redirect_or_file);
	credential.origin = server.url;
	item = make_pinned(server.url);
	item.credential = &credential;
	run_one(&item);
	check_done(&item);
	CHECK_U64(server.count, 3);
	CHECK_U64(other.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		char signature[32];

		snprintf(signature, sizeof signature, "/signed?sig=%u", i);
		CHECK_STR(other.requests[i].path, signature);
		CHECK(!strstr(other.requests[i].head, "canary"));
		CHECK_STR(server_header(&server.requests[i], "Authorization"), "Bearer canary");
	}
	server_stop(&server);
	server_stop(&other);
}

static int renew(struct ncm_credential *self, struct ncm_http *http, const char *challenge, struct ncm_error *err)
{
	(void)http;
	(void)err;
	CHECK_STR(challenge, "Bearer x");
	free(self->bearer);
	self->bearer = ncm_strdup("fresh");
	return 0;
}

static void answer_wants_fresh(struct server_request *request)
{
	const char *token = server_header(request, "Authorization");

	if (token && strcmp(token, "Bearer fresh") == 0)
		answer_well(request);
	else
		server_print(request, "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer x\r\nContent-Length: 0\r\n\r\n");
}

static void a_token_is_renewed(void)
{
	struct ncm_credential credential = {.renew = renew};
	struct ncm_transfer_item item;

	server_start(&server, answer_wants_fresh);
	credential.origin = server.url;
	item = make_pinned(server.url);
	item.credential = &credential;
	run_one(&item);
	free(item.server_name);
	check_done(&item);
	CHECK_U64(server.count, 2);
	free(credential.bearer);
	server_stop(&server);
}

static void answer_many(struct server_request *request)
{
	if (strcmp(request->path, "/3") == 0)
		server_print(request, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	else if (strcmp(request->path, "/1") == 0 && request->number < 2)
		server_print(request, "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
	else
		answer_well(request);
}

static void one_failure_does_not_stop_the_others(void)
{
	struct ncm_transfer_item items[12];
	char urls[12][96], partials[12][16];

	server_start(&server, answer_many);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(urls[i], sizeof urls[i], "%s/%u", server.url, i);
		snprintf(partials[i], sizeof partials[i], "part-%u", i);
		items[i] = make_pinned(urls[i]);
		items[i].partial = partials[i];
	}
	CHECK(run_items(items, 12, 1) == 0);
	for (unsigned i = 0; i < 12; i++) {
		CHECK(items[i].done == (i != 3));
		ncm_error_clear(&items[i].error);
		free(items[i].server_name);
	}
	/* With one job the file that waits lets the others go first. */
	CHECK_STR(server.requests[1].path, "/1");
	CHECK_STR(server.requests[2].path, "/2");
	CHECK_STR(server.requests[server.count - 1].path, "/1");
	CHECK(run_items(items, 12, 5) == 0);
	for (unsigned i = 0; i < 12; i++) {
		CHECK(items[i].done == (i != 3));
		ncm_error_clear(&items[i].error);
		free(items[i].server_name);
		ncm_transfer_discard(folder_fd, partials[i]);
	}
	server_stop(&server);
}

static void answer_half_and_wait(struct server_request *request)
{
	size_t start = range_start(request);
	char byte;

	send_head_of_part(request, start, "ETag: \"one\"\r\n");
	if (start > 0) {
		server_send(request, content + start, SIZE - start);
		return;
	}
	server_send(request, content, SIZE / 2);
	CHECK(recv(request->fd, &byte, 1, 0) <= 0);
}

static void interrupt_soon(int signal)
{
	(void)signal;
	ncm_interrupt();
}

static void wait_for_bytes(const struct ncm_transfer_item *item)
{
	while (ncm_transfer_present(item) < SIZE / 2)
		usleep(10000);
}

/* Runs the transfer in a child and ends it with a signal once half of the file is there. */
static int run_and_signal(struct ncm_transfer_item *item, int number)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGTERM, interrupt_soon);
		_exit(run_items(item, 1, 1) == -1 && item->error.code == NCM_E_INTERRUPTED ? 0 : 1);
	}
	wait_for_bytes(item);
	CHECK(kill(child, number) == 0);
	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

static void an_interrupted_or_killed_run_is_resumed(void)
{
	static const int signals[] = {SIGTERM, SIGKILL};

	for (size_t i = 0; i < 2; i++) {
		struct ncm_transfer_item item;
		int status;

		server_start(&server, answer_half_and_wait);
		item = make_pinned(server.url);
		status = run_and_signal(&item, signals[i]);
		if (signals[i] == SIGTERM)
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK_U64(ncm_transfer_present(&item), SIZE / 2);
		run_one(&item);
		CHECK_U64(item.received, SIZE - SIZE / 2);
		check_done(&item);
		server_stop(&server);
	}
}

static void a_stalled_server_is_left(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_half_and_wait);
	item = make_pinned(server.url);
	run_one(&item);
	CHECK_U64(retries_told, 1);
	CHECK_U64(item.received, SIZE);
	check_done(&item);
	server_stop(&server);
}

/* Knows no ranges, so that each new connection begins anew, and is silent after the half. The sixth answer is whole. */
static void answer_the_half_of_all(struct server_request *request)
{
	const size_t size = request->number < 5 ? SIZE / 2 : SIZE;
	char byte;

	server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SIZE);
	server_send(request, content, size);
	if (size < SIZE)
		CHECK(recv(request->fd, &byte, 1, 0) <= 0);
}

static void a_server_without_ranges_that_stalls_is_left(void)
{
	struct ncm_transfer_item item;

	stall_seconds = 60;
	server_start(&server, answer_the_half_of_all);
	item = make_pinned(server.url);
	CHECK(run_with(&item, 1, &(const struct ncm_transfer_options){.jobs = 1, .retries = 1}) == 0);
	server_stop(&server);
	check_failed(&item, NCM_E_NETWORK, "has all but stopped after 150000 bytes");
	/* Whole; its rest, which it does not give; whole again, and no byte more than before: the end. */
	CHECK_U64(server.count, 3);
	clear_folder();
	stall_seconds = 2;
}

static void a_write_that_fails_is_told(void)
{
	const struct rlimit small = {SIZE / 2, RLIM_INFINITY};
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	struct ncm_transfer_item item;

	server_start(&server, answer_chunked);
	signal(SIGXFSZ, SIG_IGN);
	item = make_item(server.url); /* of unknown size: no room can be reserved */
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	run_one(&item);
	CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
	check_failed(&item, NCM_E_IO, "cannot write the partial file");
	clear_folder();
	server_stop(&server);
}

int main(void)
{
	begin_case();
	RUN(passing_trouble_is_retried);
	RUN(each_try_begins_at_the_first_url);
	RUN(a_token_is_renewed);
	RUN(one_failure_does_not_stop_the_others);
	RUN(an_interrupted_or_killed_run_is_resumed);
	RUN(a_stalled_server_is_left);
	RUN(a_server_without_ranges_that_stalls_is_left);
	RUN(a_write_that_fails_is_told);
	end_case();
	return 0;
}
