/* SPDX-License-Identifier: MIT */
/* What a server says is checked before and after its bytes count. */
enum { SIZE = 300000 };
#include "transfer_case.h"

/* What section 3.1's measurements showed libcurl to accept: one case a path, each only while a range is asked. */
static void answer_range_wrongly(struct server_request *request)
{
	const char *path = request->path;
	size_t start = range_start(request);

	if (start == 0 || strcmp(path, "/ok200") == 0) {
		send_head_of_part(request, 0, "");
		server_send(request, content, SIZE);
		return;
	}
	if (strcmp(path, "/416") == 0) {
		server_print(request, "HTTP/1.1 416 R\r\nContent-Length: 0\r\nContent-Range: bytes */99\r\n\r\n");
		return;
	}
	if (strcmp(path, "/no-content-range") == 0)
		server_print(request, "HTTP/1.1 206 P\r\nContent-Length: %zu\r\n\r\n", SIZE - start);
	else if (strcmp(path, "/starts-at-0") == 0)
		server_print(request, "HTTP/1.1 206 P\r\nContent-Length: %d\r\nContent-Range: bytes 0-%d/%d\r\n\r\n",
			     SIZE, SIZE - 1, SIZE);
	else if (strcmp(path, "/other-total") == 0)
		server_print(request, "HTTP/1.1 206 P\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%d/%d\r\n\r\n",
			     SIZE + 1 - start, start, SIZE, SIZE + 1);
	else if (strcmp(path, "/ends-early") == 0)
		server_print(request,
			     "HTTP/1.1 206 P\r\nContent-Length: 1000\r\nContent-Range: bytes %zu-%zu/%d\r\n\r\n", start,
			     start + 999, SIZE);
	else if (strcmp(path, "/no-total") == 0)
		server_print(request, "HTTP/1.1 206 P\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%d/*\r\n\r\n",
			     SIZE - start, start, SIZE - 1);
	else if (strcmp(path, "/other-length") == 0)
		server_print(request, "HTTP/1.1 206 P\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%d/%d\r\n\r\n",
			     SIZE - start - 1, start, SIZE - 1, SIZE);
	else if (strcmp(path, "/gzip") == 0)
		send_head_of_part(request, start, "Content-Encoding: gzip\r\n");
	else if (strcmp(path, "/multipart") == 0)
		send_head_of_part(request, start, "Content-Type: multipart/byteranges; boundary=x\r\n");
	else if (strcmp(path, "/other-etag") == 0)
		send_head_of_part(request, start, "ETag: \"other\"\r\n");
	else
		abort();
	server_send(request, content + start, SIZE - start);
}

static void ranges_are_checked_before_a_byte_counts(void)
{
	static const char *const paths[] = {"/ok200",      "/no-content-range", "/starts-at-0",  "/other-total",
					    "/ends-early", "/no-total",         "/other-length", "/gzip",
					    "/multipart",  "/other-etag",       "/416"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		NCM_AUTO_FREE char *url = NULL;
		struct ncm_transfer_item item;

		server_start(&server, answer_range_wrongly);
		url = ncm_asprintf("%s%s", server.url, paths[i]);
		item = make_pinned(url);
		lay_partial(&item, content, 1000, "\"mine\"");
		run_one(&item);
		check_done(&item);
		CHECK_U64(server.count, 2);
		CHECK_U64(item.received, SIZE);
		server_stop(&server);
	}
}

static void answer_with_shifted_bytes(struct server_request *request)
{
	size_t start = range_start(request);

	send_head_of_part(request, start, "");
	server_send(request, content, SIZE - start); /* the right head, the wrong bytes */
}

static void wrong_bytes_behind_a_right_head_are_found(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_with_shifted_bytes);
	item = make_pinned(server.url);
	lay_partial(&item, content, 1000, NULL);
	run_one(&item);
	CHECK_U64(item.received, SIZE - 1000 + SIZE);
	check_done(&item);
	server_stop(&server);
}

static void answer_hostile(struct server_request *request)
{
	const char *path = request->path;

	if (strcmp(path, "/short") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n");
		server_send(request, content, 2000);
	} else if (strcmp(path, "/long") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SIZE + 1);
		server_send(request, content, SIZE);
		server_send(request, "x", 1);
	} else if (strcmp(path, "/endless") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		for (int i = 0; i < 100; i++) {
			server_print(request, "%x\r\n", SIZE);
			server_send(request, content, SIZE);
			server_print(request, "\r\n");
		}
	} else if (strcmp(path, "/page") == 0) {
		server_print(request,
			     "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 24\r\n\r\n"
			     "<html>please log in</htm");
	} else if (strcmp(path, "/json") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"error\":\"token\"}");
	} else if (strcmp(path, "/pointer") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 60\r\n\r\n"
				      "version https://git-lfs.github.com/spec/v1\noid sha256:0123456\n");
	} else if (strcmp(path, "/gzip") == 0) {
		send_head_of_part(request, 0, "Content-Encoding: gzip\r\n");
		server_send(request, content, SIZE);
	} else if (strcmp(path, "/coding") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
	} else if (strcmp(path, "/two-lengths") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: 500\r\n\r\n", SIZE);
		server_send(request, content, SIZE);
	} else if (strcmp(path, "/unasked-part") == 0) {
		server_print(request,
			     "HTTP/1.1 206 P\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/%d\r\n\r\n0123456789",
			     SIZE);
	} else if (strcmp(path, "/no-end") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\n\r\n");
		server_send(request, content, 5000);
	} else {
		server_print(request, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	}
}

static void check_hostile(const char *path, bool pinned, enum ncm_errc code, const char *part)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s%s", server.url, path);
	struct ncm_transfer_item item = pinned ? make_pinned(url) : make_item(url);

	item.expect_binary = true;
	run_one(&item);
	check_failed(&item, code, part);
	CHECK_U64(retries_told, 0);
	check_nothing_left();
}

static void hostile_answers_are_refused(void)
{
	server_start(&server, answer_hostile);
	check_hostile("/short", true, NCM_E_CHECKSUM, "expected 300000 bytes, the server has 2000");
	check_hostile("/long", true, NCM_E_CHECKSUM, "expected 300000 bytes, the server has 300001");
	check_hostile("/endless", true, NCM_E_CHECKSUM, "expected 300000 bytes, the server sends more");
	check_hostile("/page", true, NCM_E_NOT_FOUND, "a web page instead of the file: \"<html>please log in</htm\"");
	check_hostile("/page", false, NCM_E_NOT_FOUND, "a web page");
	check_hostile("/json", false, NCM_E_NOT_FOUND, "{\"error\":\"token\"}");
	check_hostile("/pointer", true, NCM_E_NOT_FOUND, "Git LFS pointer");
	check_hostile("/pointer", false, NCM_E_NOT_FOUND, "Git LFS pointer");
	check_hostile("/gzip", true, NCM_E_PROTOCOL, "encoded (gzip)");
	check_hostile("/coding", true, NCM_E_PROTOCOL, "transfer coding");
	check_hostile("/two-lengths", true, NCM_E_PROTOCOL, "two lengths");
	check_hostile("/unasked-part", true, NCM_E_PROTOCOL, "a part although the whole was asked");
	check_hostile("/no-end", false, NCM_E_PROTOCOL, "cannot tell whether it is complete");
	check_hostile("/404", true, NCM_E_NOT_FOUND, "the server says 404 Not Found");
	server_stop(&server);
}

static void a_wrong_digest_is_told_and_nothing_stays(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_well);
	item = make_pinned(server.url);
	item.sha256.bytes[31] ^= 1;
	run_one(&item);
	free(item.server_name);
	CHECK(ncm_sha256_equal(&item.bad_sha256, &content_sha256));
	check_failed(&item, NCM_E_CHECKSUM, "digest differs: expected sha256:");
	CHECK_U64(server.count, 1);
	check_nothing_left();
	server_stop(&server);
}

static void a_size_that_a_mirror_announces_costs_us_nothing(void)
{
	NCM_AUTO_FREE char *url = NULL;
	struct ncm_transfer_item item;

	server_start(&server, answer_hostile);
	url = ncm_asprintf("%s/long", server.url);
	item = make_pinned(url);
	lay_partial(&item, content, 100000, NULL);
	run_one(&item);
	check_failed(&item, NCM_E_CHECKSUM, "the server has 300001");
	CHECK_U64(ncm_transfer_present(&item), 100000); /* for the next place */
	clear_folder();
	server_stop(&server);
}

static void git_blobs_are_checked(void)
{
	struct ncm_hash *hash = ncm_hash_git_blob(SIZE);
	struct ncm_transfer_item item;
	struct ncm_sha1 digest;

	ncm_hash_update(hash, content, SIZE);
	ncm_hash_sha1(hash, &digest);
	server_start(&server, answer_well);
	item = make_item(server.url);
	item.has_git_sha1 = true;
	item.git_sha1 = digest;
	run_one(&item);
	free(item.server_name);
	check_done(&item);
	item.git_sha1.bytes[0] ^= 1;
	run_one(&item);
	free(item.server_name);
	check_failed(&item, NCM_E_CHECKSUM, "git blob");
	check_nothing_left();
	server_stop(&server);
}

static void answer_without_length(struct server_request *request)
{
	server_print(request, "HTTP/1.1 200 OK\r\n\r\n");
	server_send(request, content, request->number == 0 ? SIZE / 2 : SIZE);
}

static void unknown_sizes_are_handled(void)
{
	struct ncm_transfer_item item;

	/* The first chunked body lacks its end. */
	server_start(&server, answer_chunked);
	item = make_item(server.url);
	run_one(&item);
	CHECK_U64(server.count, 2);
	check_done(&item);
	server_stop(&server);

	/* No length at all, but the pinned size tells a cut body. */
	server_start(&server, answer_without_length);
	item = make_pinned(server.url);
	run_one(&item);
	CHECK_U64(server.count, 3); /* one that was asked for a range */
	check_done(&item);
	server_stop(&server);
}

int main(void)
{
	begin_case();
	RUN(ranges_are_checked_before_a_byte_counts);
	RUN(wrong_bytes_behind_a_right_head_are_found);
	RUN(hostile_answers_are_refused);
	RUN(a_wrong_digest_is_told_and_nothing_stays);
	RUN(a_size_that_a_mirror_announces_costs_us_nothing);
	RUN(git_blobs_are_checked);
	RUN(unknown_sizes_are_handled);
	end_case();
	return 0;
}
