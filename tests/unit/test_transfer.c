/* SPDX-License-Identifier: MIT */
/* Files that arrive, and partial files that are gone on with. */
enum { SIZE = 300000 };
#include "transfer_case.h"

static void a_file_is_fetched(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_well);
	item = make_pinned(server.url);
	run_one(&item);
	CHECK_STR(item.server_name, "n.bin");
	CHECK_U64(item.received, SIZE);
	CHECK(exists("file.part.journal"));
	CHECK_U64(server.count, 1);
	CHECK(!server_header(&server.requests[0], "Range"));
	/* It is all there: nobody is asked. */
	free(item.server_name);
	CHECK_U64(ncm_transfer_present(&item), SIZE);
	run_one(&item);
	CHECK_U64(item.received, 0);
	CHECK_U64(server.count, 1);
	check_done(&item);
	/* Nothing is known beforehand. */
	item = make_item(server.url);
	run_one(&item);
	free(item.server_name);
	check_done(&item);
	server_stop(&server);
}

static void a_cut_body_is_resumed(void)
{
	struct ncm_transfer_item item;

	for (int pinned = 0; pinned < 2; pinned++) {
		server_start(&server, answer_cut_twice);
		item = pinned ? make_pinned(server.url) : make_item(server.url);
		run_one(&item);
		CHECK_U64(item.received, SIZE);
		check_done(&item);
		CHECK_U64(retries_told, 2);
		CHECK_STR(server_header(&server.requests[1], "Range"), "bytes=100000-299999");
		CHECK_STR(server_header(&server.requests[1], "If-Range"), "\"one\"");
		CHECK_STR(server_header(&server.requests[2], "Range"), "bytes=200000-299999");
		server_stop(&server);
	}
}

static void answer_cut_without_validator(struct server_request *request)
{
	CHECK(range_start(request) == 0);
	send_head_of_part(request, 0, "ETag: W/\"weak\"\r\n");
	server_send(request, content, request->number < 1 ? 100000 : SIZE);
}

static void nothing_is_joined_that_nothing_proves(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_cut_without_validator);
	item = make_item(server.url);
	run_one(&item);
	CHECK_U64(item.received, SIZE + 100000);
	check_done(&item);
	server_stop(&server);
}

static void answer_always_cut(struct server_request *request)
{
	send_head_of_part(request, 0, "");
	server_send(request, content, 100000);
}

static void a_budget_without_progress_ends(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_always_cut);
	item = make_item(server.url);
	run_one(&item);
	check_failed(&item, NCM_E_NETWORK, "cut");
	CHECK_U64(server.count, 4); /* the first made progress, three did not */
	clear_folder();
	server_stop(&server);
}

static void answer_range_if_unchanged(struct server_request *request)
{
	const char *condition = server_header(request, "If-Range");
	bool same = !condition || strcmp(condition, "\"two\"") == 0;
	size_t start = same ? range_start(request) : 0;

	send_head_of_part(request, start, "ETag: \"two\"\r\n");
	server_send(request, content + start, SIZE - start);
}

static void a_partial_is_resumed_by_a_later_run(void)
{
	struct ncm_transfer_item item;

	server_start(&server, answer_range_if_unchanged);
	item = make_pinned(server.url);
	lay_partial(&item, content, 123456, "\"two\"");
	CHECK_U64(ncm_transfer_present(&item), 123456);
	run_one(&item);
	CHECK_U64(item.received, SIZE - 123456);
	check_done(&item);

	/* Without a digest: by the validator. */
	item = make_item(server.url);
	lay_partial(&item, content, 123456, "\"two\"");
	run_one(&item);
	CHECK_U64(item.received, SIZE - 123456);
	check_done(&item);

	/* The validator is another's: from the start. */
	item = make_item(server.url);
	lay_partial(&item, "old bytes", 9, "\"one\"");
	run_one(&item);
	CHECK_U64(item.received, SIZE);
	check_done(&item);

	/* The digest is another's: what is there is worth nothing. */
	item = make_pinned(server.url);
	item.sha256.bytes[0] ^= 1;
	lay_partial(&item, content, 123456, "\"two\"");
	item.sha256 = content_sha256;
	CHECK_U64(ncm_transfer_present(&item), 0);
	run_one(&item);
	CHECK_U64(item.received, SIZE);
	check_done(&item);
	server_stop(&server);
}

static void after_a_reboot_only_synced_bytes_count(void)
{
	struct ncm_transfer_item item;
	NCM_AUTO_FREE char *text = NULL;
	char hex[NCM_SHA256_HEX + 1];

	server_start(&server, answer_well);
	item = make_pinned(server.url);
	lay_partial(&item, content, 200000, NULL);
	text = ncm_asprintf("ncmodel partial 1\n{\"sha256\":\"%s\",\"boot_id\":\"another\"}\n"
			    "+ 0 50000\n+ 50000 70000\n= 2\n+ 70000 200000\n",
			    ncm_sha256_hex(&item.sha256, hex));
	CHECK(ncm_write_atomic(folder_fd, "file.part.journal", text, strlen(text), NCM_OWN_FILE, NULL) == 0);
	CHECK_U64(ncm_transfer_present(&item), 70000);
	run_one(&item);
	free(item.server_name);
	CHECK_STR(server_header(&server.requests[0], "Range"), "bytes=70000-299999");
	check_done(&item);
	server_stop(&server);
}

static void wrong_partials_do_not_matter(void)
{
	struct ncm_transfer_item item;
	NCM_AUTO_FREE unsigned char *wrong = ncm_calloc(SIZE + 10, 1);

	server_start(&server, answer_well);
	item = make_pinned(server.url);
	/* Wrong bytes: seen at the end, fetched once from the start. */
	lay_partial(&item, wrong, 100000, NULL);
	run_one(&item);
	free(item.server_name);
	CHECK_U64(item.received, SIZE - 100000 + SIZE);
	CHECK_U64(retries_told, 1);
	check_done(&item);
	/* As long as the file, but wrong. */
	item = make_pinned(server.url);
	lay_partial(&item, wrong, SIZE, NULL);
	run_one(&item);
	free(item.server_name);
	CHECK_U64(item.received, SIZE);
	check_done(&item);
	/* Longer than the file. */
	item = make_pinned(server.url);
	lay_partial(&item, wrong, SIZE + 10, NULL);
	CHECK_U64(ncm_transfer_present(&item), 0);
	run_one(&item);
	free(item.server_name);
	CHECK_U64(item.received, SIZE);
	check_done(&item);
	/* A link out of the folder is not written through. */
	item = make_pinned(server.url);
	CHECK(symlinkat("/tmp/ncm-victim-that-must-not-appear", folder_fd, "file.part") == 0);
	run_one(&item);
	free(item.server_name);
	CHECK(access("/tmp/ncm-victim-that-must-not-appear", F_OK) < 0);
	check_done(&item);
	server_stop(&server);
}

static void answer_last_byte(struct server_request *request)
{
	size_t start = range_start(request);

	CHECK_STR(server_header(request, "If-Range"), "\"mine\"");
	send_head_of_part(request, start, "ETag: \"mine\"\r\n");
	server_send(request, content + start, SIZE - start);
}

static void one_byte_asks_whether_it_is_complete(void)
{
	struct ncm_transfer_item item;

	/* Without a digest the server is asked whether it still is that file, for one byte. */
	server_start(&server, answer_last_byte);
	item = make_item(server.url);
	item.has_size = true;
	item.size = SIZE;
	lay_partial(&item, content, SIZE, "\"mine\"");
	run_one(&item);
	CHECK_U64(server.count, 1);
	CHECK_U64(item.received, 1);
	check_done(&item);
	server_stop(&server);
}

static void empty_files_need_no_server(void)
{
	struct ncm_transfer_item item = make_item("https://nowhere.invalid/x");

	item.has_size = true;
	item.has_sha256 = true;
	ncm_sha256_of("", 0, &item.sha256);
	run_one(&item);
	CHECK(item.done);
	CHECK(exists("file.part"));
	clear_folder();
}

static void a_rate_limit_holds(void)
{
	const struct ncm_transfer_options options = {.jobs = 2, .retries = 1, .limit_rate = SIZE / 2};
	struct ncm_http *http = make_http();
	struct ncm_transfer_item item;
	double start = ncm_monotonic();

	server_start(&server, answer_well);
	item = make_pinned(server.url);
	CHECK(ncm_transfer_run(http, &item, 1, &options, NULL, NULL) == 0);
	CHECK(ncm_monotonic() - start >= 1);
	free(item.server_name);
	check_done(&item);
	ncm_http_free(http);
	server_stop(&server);
}

int main(void)
{
	begin_case();
	RUN(a_file_is_fetched);
	RUN(a_cut_body_is_resumed);
	RUN(nothing_is_joined_that_nothing_proves);
	RUN(a_budget_without_progress_ends);
	RUN(a_partial_is_resumed_by_a_later_run);
	RUN(after_a_reboot_only_synced_bytes_count);
	RUN(wrong_partials_do_not_matter);
	RUN(one_byte_asks_whether_it_is_complete);
	RUN(empty_files_need_no_server);
	RUN(a_rate_limit_holds);
	end_case();
	return 0;
}
