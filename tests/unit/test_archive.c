/* SPDX-License-Identifier: MIT */
/* Archives as they should be, and names and kinds of entries that nobody should send. */
#include "archive_case.h"

#include <ncmodel/limits.h>

static void git_archives_are_unpacked(void)
{
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		struct ncm_buffer tar = {0}, packed = {0};

		git_tar(&tar);
		compress_with(&tar, filters[i], &packed);
		CHECK(unpack(&packed, 1) == NCM_OK);
		check_git_tree();
		ncm_buffer_free(&tar);
		ncm_buffer_free(&packed);
	}
}

static void zips_and_pax_tars_are_unpacked(void)
{
	static const struct member members[] = {{"top/", NULL},
						{"top/a.json", "[1]"},
						{"top/sub/b.txt", "bbb"},
						{"top/sub/\xe6\xa8\xa1\xe5\x9e\x8b.txt", "cjk"}};
	static int (*const formats[])(struct archive *) = {archive_write_set_format_zip, archive_write_set_format_pax,
							   archive_write_set_format_gnutar,
							   archive_write_set_format_pax_restricted};

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		struct ncm_buffer packed = {0};

		write_archive(&packed, formats[i], "hdrcharset=UTF-8", members, 3 + (i == 0));
		CHECK(unpack(&packed, 0) == NCM_OK);
		check_out("top/a.json", "[1]");
		check_out("top/sub/b.txt", "bbb");
		CHECK(unpack(&packed, 1) == NCM_OK);
		check_out("sub/b.txt", "bbb");
		if (i == 0)
			check_out("sub/\xe6\xa8\xa1\xe5\x9e\x8b.txt", "cjk");
		CHECK(unpack(&packed, 2) == NCM_OK);
		CHECK_U64(file_count, i == 0 ? 2 : 1); /* a.json has too few components */
		check_out("b.txt", "bbb");
		CHECK(unpack(&packed, 3) == NCM_E_POLICY); /* nothing is left */
		ncm_buffer_free(&packed);
	}
}

static void dot_prefix_counts_as_a_component(void)
{
	struct ncm_buffer tar = {0};

	tar_add(&tar, "./", '5', NULL);
	tar_add(&tar, "./a/", '5', NULL);
	tar_add(&tar, "./a/b", '0', "x");
	tar_end(&tar);
	CHECK(unpack(&tar, 0) == NCM_OK);
	check_out("a/b", "x");
	CHECK(unpack(&tar, 1) == NCM_OK);
	check_out("a/b", "x");
	CHECK(unpack(&tar, 2) == NCM_OK);
	check_out("b", "x");
	ncm_buffer_free(&tar);
}

static void hostile_names_are_refused(void)
{
	static const char *const names[] = {"../x",         "a/../../x",   "/abs",
					    "a//b",         "a/./b",       "..\\x",
					    "a\\b",         "C:\\x",       "C:x",
					    "con",          "a/nul.txt",   "dot.",
					    "space ",       "-rf",         "~/x",
					    "esc\x1b[1m",   "new\nline",   "rtl\xe2\x80\xae",
					    "bad\xff",      "models.json", ".ncmodel/x",
					    "ncmodel.lock", "x::$DATA",    "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
					    "dir/x/../../y"};
	static const struct member zipped[] = {{"ok", "1"}, {"../../evil", "2"}};
	struct ncm_buffer packed = {0};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct ncm_buffer tar = {0};

		tar_add(&tar, "ok", '0', "fine");
		tar_add(&tar, names[i], '0', "evil");
		tar_end(&tar);
		if (getenv("NCM_TEST_VERBOSE"))
			printf("  %s\n", names[i]);
		refused(&tar, 0, NCM_E_POLICY);
	}
	write_archive(&packed, archive_write_set_format_zip, NULL, zipped, 2);
	refused(&packed, 0, NCM_E_POLICY);
}

static void hostile_names_are_refused_though_strip_would_drop_them(void)
{
	static const char *const names[] = {"../x", "/x", "a/../x", "con/x"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct ncm_buffer tar = {0};

		tar_add(&tar, "ok/ok", '0', "fine");
		tar_add(&tar, names[i], '0', "evil");
		tar_end(&tar);
		refused(&tar, 1, NCM_E_POLICY);
	}
}

static void a_name_of_ours_is_refused_at_the_top_alone(void)
{
	struct ncm_buffer tar = {0}, deep = {0};

	tar_add(&tar, "repo/models.json", '0', "{}");
	tar_end(&tar);
	CHECK(unpack(&tar, 0) == NCM_OK);
	check_out("repo/models.json", "{}");
	refused(&tar, 1, NCM_E_POLICY);
	tar_add(&deep, "repo/models.json/../x", '0', "{}");
	tar_end(&deep);
	refused(&deep, 0, NCM_E_POLICY);
}

static void long_names_are_refused(void)
{
	static const size_t sizes[] = {NCM_LIMIT_NAME_BYTES, NCM_LIMIT_NAME_BYTES + 1, 65536};

	for (size_t i = 0; i < 3; i++) {
		NCM_AUTO_FREE char *name = ncm_calloc(sizes[i] + 1, 1);
		struct member member = {name, "x"};
		struct ncm_buffer packed = {0};

		memset(name, 'n', sizes[i]);
		write_archive(&packed, archive_write_set_format_pax, NULL, &member, 1);
		CHECK((unpack(&packed, 0) == NCM_OK) == (i == 0));
		ncm_buffer_free(&packed);
	}
}

static void only_files_and_folders_are_unpacked(void)
{
	/* symbolic and hard links, devices, a FIFO, and one that nobody knows */
	static const char types[] = "12346";

	for (const char *type = types; *type; type++) {
		struct ncm_buffer tar = {0};

		tar_add(&tar, "ok", '0', "fine");
		tar_add(&tar, "evil", *type, *type == '1' ? "ok" : "/etc/passwd");
		if (*type == '2')
			tar_add(&tar, "evil/through", '0', "x");
		tar_end(&tar);
		refused(&tar, 0, NCM_E_POLICY);
	}
}

static void attributes_and_sparse_files_are_refused(void)
{
	for (int kind = 0; kind < 3; kind++) {
		struct archive *archive = archive_write_new();
		struct archive_entry *entry = archive_entry_new();
		struct ncm_buffer packed = {0};
		NCM_AUTO_FREE char *out = ncm_malloc(1 << 20);
		NCM_AUTO_FREE char *zeros = ncm_calloc(65536, 1);
		size_t used = 0;

		archive_write_set_format_pax(archive);
		CHECK(archive_write_open_memory(archive, out, 1 << 20, &used) == ARCHIVE_OK);
		archive_entry_copy_pathname(entry, "file");
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_size(entry, 65536);
		if (kind == 0)
			archive_entry_xattr_add_entry(entry, "user.x", "y", 1);
		else if (kind == 1)
			archive_entry_sparse_add_entry(entry, 32768, 512);
		else
			archive_entry_acl_add_entry(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_EXECUTE,
						    ARCHIVE_ENTRY_ACL_USER, 77, "eve");
		CHECK(archive_write_header(archive, entry) >= ARCHIVE_WARN);
		archive_write_data(archive, zeros, 65536);
		CHECK(archive_write_close(archive) == ARCHIVE_OK);
		archive_write_free(archive);
		archive_entry_free(entry);
		ncm_buffer_add(&packed, out, used);
		refused(&packed, 0, NCM_E_POLICY);
	}
}

static void colliding_names_are_refused(void)
{
	static const char *const pairs[][2] = {
	    {"a", "a"},
	    {"Model", "model"},
	    {"dir/x", "DIR/y"},
	    {"caf\xc3\xa9", "cafe\xcc\x81"},
	    {"stra\xc3\x9f"
	     "e",
	     "strasse"},
	    {"a", "a/b"},
	    {"a/b", "a"},
	    {"A", "a/b"},
	};
	struct ncm_buffer fine = {0};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct ncm_buffer tar = {0};

		tar_add(&tar, pairs[i][0], '0', "first");
		tar_add(&tar, "between", '0', "");
		tar_add(&tar, pairs[i][1], '0', "second");
		tar_end(&tar);
		refused(&tar, 0, NCM_E_POLICY);
	}
	/* One folder named twice is no collision, nor is one prefix of two. */
	tar_add(&fine, "dir/", '5', NULL);
	tar_add(&fine, "dir/a", '0', "1");
	tar_add(&fine, "other", '0', "2");
	tar_add(&fine, "dir/", '5', NULL);
	tar_add(&fine, "dir/b", '0', "3");
	tar_add(&fine, "dirb", '0', "4");
	tar_end(&fine);
	CHECK(unpack(&fine, 0) == NCM_OK);
	CHECK_U64(file_count, 4);
	ncm_buffer_free(&fine);
}

int main(void)
{
	begin_scratch();
	RUN(git_archives_are_unpacked);
	RUN(zips_and_pax_tars_are_unpacked);
	RUN(dot_prefix_counts_as_a_component);
	RUN(hostile_names_are_refused);
	RUN(hostile_names_are_refused_though_strip_would_drop_them);
	RUN(a_name_of_ours_is_refused_at_the_top_alone);
	RUN(long_names_are_refused);
	RUN(only_files_and_folders_are_unpacked);
	RUN(attributes_and_sparse_files_are_refused);
	RUN(colliding_names_are_refused);
	end_scratch();
	return 0;
}
