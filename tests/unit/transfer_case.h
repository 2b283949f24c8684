/* SPDX-License-Identifier: MIT */
/*
 * A file of SIZE bytes (which the test program defines before), a server in the same process, and a folder for the
 * partial.
 */
#ifndef NCM_TEST_TRANSFER_CASE_H
#define NCM_TEST_TRANSFER_CASE_H

#include "http_server.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/easy.h"
#include "transfer/journal.h"
#include "transfer/transfer.h"

#include <fcntl.h>
#include <stdatomic.h>

static struct server server;
static unsigned char content[SIZE];
static struct ncm_sha256 content_sha256;
static char folder[] = "/tmp/ncm-transfer-XXXXXX";
static int folder_fd;
static atomic_uint retries_told;
static char last_text[512];
static unsigned stall_seconds = 2;

static inline void note_event(void *context, const struct ncm_event *event)
{
	(void)context;
	CHECK(event->total == 0 || event->done <= event->total);
	if (event->type == NCM_EVENT_RETRY)
		atomic_fetch_add(&retries_told, 1);
	if (event->text)
		snprintf(last_text, sizeof last_text, "%s", event->text);
}
static const struct ncm_sink sink = {.emit = note_event};

static inline struct ncm_http *make_http(void)
{
	const struct ncm_config config = {.retries = 3};
	struct ncm_http *http = ncm_http_new(&config, &sink);

	http->first_backoff = 0.01;
	http->stall_seconds = stall_seconds;
	return http;
}

static inline struct ncm_transfer_item make_item(const char *url)
{
	return (struct ncm_transfer_item){
	    .model = "model", .name = "file.bin", .url = url, .dirfd = folder_fd, .partial = "file.part"};
}

static inline struct ncm_transfer_item make_pinned(const char *url)
{
	struct ncm_transfer_item item = make_item(url);

	item.has_size = true;
	item.size = SIZE;
	item.has_sha256 = true;
	item.sha256 = content_sha256;
	return item;
}

static inline int run_with(struct ncm_transfer_item *items, size_t count, const struct ncm_transfer_options *options)
{
	struct ncm_http *http = make_http();
	struct ncm_error err = NCM_ERROR_INIT;
	int result;

	atomic_store(&retries_told, 0);
	result = ncm_transfer_run(http, items, count, options, &sink, &err);
	ncm_error_clear(&err);
	ncm_http_free(http);
	return result;
}

static inline int run_items(struct ncm_transfer_item *items, size_t count, unsigned jobs)
{
	return run_with(items, count, &(const struct ncm_transfer_options){.jobs = jobs, .retries = 3});
}

static inline void run_one(struct ncm_transfer_item *item)
{
	CHECK(run_items(item, 1, 1) == 0);
	CHECK(item->done == (item->error.code == NCM_OK));
}

static inline void clear_folder(void)
{
	ncm_transfer_discard(folder_fd, "file.part");
}

static inline bool exists(const char *name)
{
	return faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void check_nothing_left(void)
{
	CHECK(!exists("file.part"));
	CHECK(!exists("file.part.journal"));
}

static inline void check_done(struct ncm_transfer_item *item)
{
	NCM_AUTO_CLOSE int fd = openat(folder_fd, item->partial, O_RDONLY);
	NCM_AUTO_FREE char *bytes = NULL;
	size_t size = 0;

	if (!item->done)
		fprintf(stderr, "not done: %s\n", item->error.message);
	CHECK(item->done);
	CHECK(item->error.code == NCM_OK);
	CHECK_U64(item->final_size, SIZE);
	CHECK(ncm_sha256_equal(&item->final_sha256, &content_sha256));
	bytes = ncm_read_fd(fd, SIZE + 1, &size);
	CHECK_U64(size, SIZE);
	CHECK(memcmp(bytes, content, SIZE) == 0);
	clear_folder();
}

static inline void check_failed(struct ncm_transfer_item *item, enum ncm_errc code, const char *part)
{
	if (item->error.code != code || !strstr(item->error.message, part))
		fprintf(stderr, "%d: %s\n", item->error.code, item->error.message ? item->error.message : "(none)");
	CHECK(!item->done);
	CHECK(item->error.code == code);
	CHECK(strstr(item->error.message, part));
	CHECK(strncmp(item->error.message, "model: file.bin: ", 17) == 0);
	ncm_error_clear(&item->error);
}

/* Lays down a partial with the first `size` bytes (of `bytes`) and a journal of this boot. */
static inline void lay_partial(const struct ncm_transfer_item *item, const void *bytes, size_t size, const char *etag)
{
	NCM_AUTO_CLOSE int fd = openat(folder_fd, "file.part", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct ncm_identity identity = {.url = ncm_url_display(item->url),
					.etag = ncm_strdup_null(etag),
					.has_size = item->has_size,
					.size = item->size,
					.has_sha256 = item->has_sha256,
					.sha256 = item->sha256};
	struct ncm_ranges there = {0};
	int journal;

	CHECK(fd >= 0 && ncm_pwrite_all(fd, bytes, size, 0) == 0);
	ncm_ranges_add(&there, 0, size);
	journal = ncm_journal_begin(folder_fd, "file.part", &identity, &there, false, NULL);
	CHECK(journal >= 0 && close(journal) == 0);
	ncm_ranges_clear(&there);
	ncm_identity_clear(&identity);
}

static inline size_t range_start(const struct server_request *request)
{
	const char *range = server_header(request, "Range");
	size_t start = 0;

	if (range)
		CHECK(sscanf(range, "bytes=%zu-", &start) == 1);
	return start;
}

static inline void send_head_of_part(struct server_request *request, size_t start, const char *more)
{
	if (start > 0)
		server_print(
		    request,
		    "HTTP/1.1 206 Partial Content\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%d/%d\r\n%s\r\n",
		    SIZE - start, start, SIZE - 1, SIZE, more);
	else
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n", SIZE, more);
}

static inline void answer_well(struct server_request *request)
{
	size_t start = range_start(request);

	send_head_of_part(request, start, "ETag: \"one\"\r\nContent-Disposition: attachment; filename=\"n.bin\"\r\n");
	server_send(request, content + start, SIZE - start);
}

static inline void answer_cut_twice(struct server_request *request)
{
	size_t start = range_start(request);

	send_head_of_part(request, start, "ETag: \"one\"\r\n");
	server_send(request, content + start, request->number < 2 ? 100000 : SIZE - start);
}

static inline void answer_chunked(struct server_request *request)
{
	server_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", SIZE);
	server_send(request, content, SIZE);
	server_print(request, request->number == 0 ? "\r\n" : "\r\n0\r\n\r\n");
}

/* At the beginning and at the end of main. */
static inline void begin_case(void)
{
	uint32_t state = 1;

	unsetenv("http_proxy");
	unsetenv("https_proxy");
	for (size_t i = 0; i < SIZE; i++) {
		state = state * 1664525 + 1013904223;
		content[i] = (unsigned char)(state >> 24);
	}
	ncm_sha256_of(content, SIZE, &content_sha256);
	CHECK(ncm_http_global_init(NULL) == 0);
	CHECK(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(folder_fd >= 0);
}

static inline void end_case(void)
{
	close(folder_fd);
	CHECK(rmdir(folder) == 0); /* nothing else was left in it */
	ncm_http_global_cleanup();
}

#endif
