/* SPDX-License-Identifier: MIT */
/* One file over several connections, ended in the middle: the next run asks for what is not on disk, and for no more.
 */
enum { SIZE = (24 << 20) + 4321 };
#include "segments_case.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void wait_for_the_client_to_close(const struct server_request *request)
{
	char byte;

	CHECK(recv(request->fd, &byte, 1, 0) <= 0);
}

/* The first window comes whole; of the next two ranges comes a beginning, and then nothing. */
static void answer_two_beginnings(struct server_request *request)
{
	struct ncm_range range = begin_range(request);
	uint64_t size = request->number == 1 ? 3 * MIB + 123 : MIB + 77;

	if (range.start > 0) {
		range.end = range.start + size;
		undertake(request, &range);
		send_bytes(request, &range, 128 * KIB, 0);
		wait_for_the_client_to_close(request);
		leave();
		return;
	}
	give_range(request, &range);
}

/* A second process that fetches the file: begun before this one has threads. */
struct runner {
	pid_t pid;
	int url, result; /* pipes */
};

static void interrupt_soon(int signal)
{
	(void)signal;
	ncm_interrupt();
}

static void run_in_child(int url_fd, int result_fd)
{
	const struct ncm_transfer_options two = {.jobs = 1, .retries = 3, .connections = 2};
	struct ncm_transfer_item item;
	char url[64];

	CHECK(read(url_fd, url, sizeof url) == sizeof url);
	signal(SIGTERM, interrupt_soon);
	item = make_pinned(url);
	CHECK(run_with(&item, 1, &two) == -1 && item.error.code == NCM_E_INTERRUPTED);
	CHECK(write(result_fd, &item.received, sizeof item.received) == sizeof item.received);
	_exit(0);
}

static struct runner make_runner(void)
{
	int urls[2], results[2];
	struct runner runner;

	CHECK(pipe2(urls, O_CLOEXEC) == 0 && pipe2(results, O_CLOEXEC) == 0);
	fflush(stdout);
	runner = (struct runner){.pid = fork(), .url = urls[1], .result = results[0]};
	CHECK(runner.pid >= 0);
	if (runner.pid == 0)
		run_in_child(urls[0], results[1]);
	close(urls[0]);
	close(results[1]);
	return runner;
}

static struct ncm_transfer_item wanted_item; /* of the run that is watched */
static uint64_t wanted_bytes;

static bool enough_is_on_disk(void)
{
	return ncm_transfer_present(&wanted_item) >= wanted_bytes;
}

/* Ends the child by a signal once so many bytes are on disk. Returns what it says it has received, if it can. */
static uint64_t end_runner(struct runner *runner, int number, uint64_t bytes)
{
	uint64_t received = 0;
	int status;

	CHECK(write(runner->url, server.url, sizeof server.url) == sizeof server.url);
	wanted_item = make_pinned(server.url);
	wanted_bytes = bytes;
	wait_until(enough_is_on_disk);
	CHECK(!late);
	CHECK(kill(runner->pid, number) == 0);
	CHECK(waitpid(runner->pid, &status, 0) == runner->pid);
	if (number == SIGTERM) {
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK(read(runner->result, &received, sizeof received) == sizeof received);
	}
	close(runner->url);
	close(runner->result);
	return received;
}

static void an_interrupted_run_keeps_all_that_it_has_received(void)
{
	struct runner runner = make_runner();
	struct ncm_transfer_item item;

	begin_server(answer_two_beginnings);
	item = make_pinned(server.url);
	/* Whole blocks are on disk by then; what else has come is in memory. */
	CHECK_U64(end_runner(&runner, SIGTERM, 8 * MIB + 3 * MIB + MIB), ncm_transfer_present(&item));
	server_stop(&server);
	check_the_rest_alone_comes();
}

static void a_killed_run_keeps_all_that_it_has_written(void)
{
	const uint64_t all = 8 * MIB + 3 * MIB + 123 + MIB + 77;
	struct runner runner = make_runner();

	begin_server(answer_two_beginnings);
	/* What comes slowly is written after a while, though its block is not full. */
	end_runner(&runner, SIGKILL, all);
	CHECK(ncm_transfer_present(&wanted_item) >= all);
	server_stop(&server);
	check_the_rest_alone_comes();
}

/* Lays down a partial with these ranges of `bytes` and a journal of this boot. */
static void lay_ranges(const struct ncm_transfer_item *item, const unsigned char *bytes, const struct ncm_range *ranges,
		       size_t count)
{
	NCM_AUTO_CLOSE int fd = openat(folder_fd, "file.part", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	const struct ncm_identity identity = {
	    .has_size = item->has_size, .size = item->size, .has_sha256 = true, .sha256 = item->sha256};
	struct ncm_ranges there = {0};
	int journal;

	for (size_t i = 0; i < count; i++) {
		const struct ncm_range *range = &ranges[i];

		CHECK(ncm_pwrite_all(fd, bytes + range->start, range->end - range->start, range->start) == 0);
		ncm_ranges_add(&there, range->start, range->end);
	}
	journal = ncm_journal_begin(folder_fd, "file.part", &identity, &there, false, NULL);
	CHECK(journal >= 0 && close(journal) == 0);
	ncm_ranges_clear(&there);
}

static const struct ncm_range islands[] = {
    {1, 2}, {MIB - 5, MIB + 5}, {5 * MIB + 4095, 12 * MIB + 4097}, {SIZE - 3, SIZE}};
enum { ISLANDS = sizeof islands / sizeof *islands };

static void islands_are_joined(void)
{
	const struct ncm_transfer_item item = make_pinned("https://h.example/x");

	lay_ranges(&item, content, islands, ISLANDS);
	check_the_rest_alone_comes();
}

/* Seen at the end, by the digest: then all of it is fetched once. */
static void a_wrong_island_costs_one_fetch_from_the_start(void)
{
	static unsigned char wrong[SIZE];
	struct ncm_transfer_item item;
	uint64_t islands_size = 0;

	for (size_t i = 0; i < ISLANDS; i++)
		islands_size += islands[i].end - islands[i].start;
	memcpy(wrong, content, SIZE);
	wrong[10 * MIB] ^= 1;
	begin_server(answer_ranges);
	item = make_pinned(server.url);
	lay_ranges(&item, wrong, islands, ISLANDS);
	run_to_the_end(&item);
	CHECK_U64(item.received, SIZE - islands_size + SIZE);
	CHECK_U64(retries_told, 1);
}

/* A server that does not say how long the file is. */
static void answer_chunked_whole(struct server_request *request)
{
	const struct ncm_range all = {0, SIZE};

	undertake(request, &all);
	server_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", SIZE);
	send_bytes(request, &all, 128 * KIB, 0);
	server_print(request, "\r\n0\r\n\r\n");
}

/* Only the write can tell that there is no room; what fitted is kept. */
static void check_no_room(int dirfd, enum ncm_errc code, const char *words)
{
	struct ncm_transfer_item item;

	begin_server(answer_chunked_whole);
	item = make_pinned(server.url);
	item.dirfd = dirfd;
	item.has_size = false;
	CHECK(run_with(&item, 1, &options) == 0);
	check_failed(&item, code, words);
	CHECK(ncm_transfer_present(&item) >= 4 * MIB);
	CHECK(ncm_transfer_present(&item) <= 16 * MIB);
	server_stop(&server);
}

static void set_file_limit(rlim_t bytes)
{
	const struct rlimit limit = {bytes, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void a_file_that_may_not_grow_is_gone_on_with_later(void)
{
	struct ncm_transfer_item item;

	set_file_limit(12 * MIB + 1000);
	check_no_room(folder_fd, NCM_E_IO, "cannot write the partial file");
	/* A size that is known is too large before a byte comes. */
	begin_server(answer_ranges);
	item = make_pinned(server.url);
	CHECK(run_with(&item, 1, &options) == 0);
	CHECK(item.received == 0);
	server_stop(&server);
	check_failed(&item, NCM_E_IO, "no room");
	set_file_limit(RLIM_INFINITY);
	check_the_rest_alone_comes();
}

static bool write_proc(const char *path, const char *text)
{
	NCM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Mounts an empty file system of that size which this process alone sees. */
static bool mount_private(const char *path, const char *size)
{
	NCM_AUTO_FREE char *users = ncm_asprintf("0 %u 1", (unsigned)geteuid());
	NCM_AUTO_FREE char *groups = ncm_asprintf("0 %u 1", (unsigned)getegid());

	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_proc("/proc/self/setgroups", "deny") &&
	       write_proc("/proc/self/uid_map", users) && write_proc("/proc/self/gid_map", groups) &&
	       mount("none", path, "tmpfs", 0, size) == 0;
}

/* A size that is known is reserved before a byte comes. */
static void check_reservation(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_ranges);
	item = make_pinned(server.url);
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	check_failed(&item, NCM_E_NO_SPACE, "no room for the ");
	CHECK_U64(item.received, 0);
	check_nothing_left();
}

static void fill_a_small_disk(void)
{
	struct ncm_transfer_item item;

	if (!mount_private(folder, "size=16m"))
		_exit(77);
	close(folder_fd);
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(folder_fd >= 0);
	check_reservation();
	check_no_room(folder_fd, NCM_E_NO_SPACE, "cannot write the");
	begin_server(answer_ranges);
	item = make_pinned(server.url);
	CHECK(run_with(&item, 1, &options) == 0);
	server_stop(&server);
	check_failed(&item, NCM_E_NO_SPACE, "No space left");
	CHECK_U64(item.received, 0);
	CHECK(ncm_transfer_present(&item) >= 4 * MIB); /* still */
	CHECK(mount(NULL, folder, NULL, MS_REMOUNT, "size=64m") == 0);
	check_the_rest_alone_comes();
	_exit(0);
}

static void a_full_disk_is_gone_on_with_when_there_is_room(void)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		fill_a_small_disk();
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("skipped: no mounts here\n");
	else
		CHECK(WEXITSTATUS(status) == 0);
}

int main(void)
{
	stall_seconds = 60;
	begin_case();
	RUN(an_interrupted_run_keeps_all_that_it_has_received);
	RUN(a_killed_run_keeps_all_that_it_has_written);
	RUN(islands_are_joined);
	RUN(a_wrong_island_costs_one_fetch_from_the_start);
	RUN(a_file_that_may_not_grow_is_gone_on_with_later);
	RUN(a_full_disk_is_gone_on_with_when_there_is_room);
	end_case();
	return 0;
}
