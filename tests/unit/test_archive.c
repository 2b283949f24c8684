/* SPDX-License-Identifier: MIT */
/* Archives as they should be, and as nobody should send them. Every refusal must leave the folder empty. */
#include "check.h"

#include "archive/archive.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <ncmodel/event.h>
#include <ncmodel/limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];
static int scratch_fd;

/* Raw tar blocks: libarchive's writer is too honest for most of what follows. */

static void tar_checksum(char block[512])
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
}

static void tar_header(char block[512], const char *name, char type, const char *link, unsigned long size)
{
	memset(block, 0, 512);
	strncpy(block, name, 100);
	snprintf(block + 100, 8, "%07o", 06777u);
	snprintf(block + 108, 8, "%07o", 0u);
	snprintf(block + 116, 8, "%07o", 0u);
	snprintf(block + 124, 12, "%011lo", size & 077777777777);
	snprintf(block + 136, 12, "%011o", 0u);
	block[156] = type;
	if (link)
		strncpy(block + 157, link, 100);
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	tar_checksum(block);
}

static void tar_add(struct ncm_buffer *tar, const char *name, char type, const char *text)
{
	static const char zeros[512];
	char block[512];
	const bool link = type == '1' || type == '2';
	size_t size = text && !link ? strlen(text) : 0;

	tar_header(block, name, type, link ? text : NULL, size);
	ncm_buffer_add(tar, block, 512);
	if (!link && text)
		ncm_buffer_add(tar, text, size);
	if (size % 512)
		ncm_buffer_add(tar, zeros, 512 - size % 512);
}

static void tar_end(struct ncm_buffer *tar)
{
	static const char zeros[1024];

	ncm_buffer_add(tar, zeros, sizeof zeros);
}

static void compress_with(struct ncm_buffer *data, int (*filter)(struct archive *), struct ncm_buffer *packed)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	const size_t room = data->size + 65536;
	char *out = ncm_malloc(room);
	size_t used = 0;

	CHECK(filter(archive) == ARCHIVE_OK);
	archive_write_set_format_raw(archive);
	archive_write_set_bytes_in_last_block(archive, 1);
	CHECK(archive_write_open_memory(archive, out, room, &used) == ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	CHECK(archive_write_header(archive, entry) == ARCHIVE_OK);
	CHECK(archive_write_data(archive, data->data, data->size) == (la_ssize_t)data->size);
	CHECK(archive_write_close(archive) == ARCHIVE_OK);
	archive_write_free(archive);
	archive_entry_free(entry);
	ncm_buffer_add(packed, out, used);
	free(out);
}

struct member {
	const char *name;
	const char *text; /* NULL: a folder */
};

static void write_archive(struct ncm_buffer *packed, int (*format)(struct archive *), const char *options,
			  const struct member *members, size_t count)
{
	struct archive *archive = archive_write_new();
	const size_t room = 1 << 20;
	char *out = ncm_malloc(room);
	size_t used = 0;
	/* For the writer alone: the reader has to manage in the C locale. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = uselocale(utf8);

	CHECK(format(archive) == ARCHIVE_OK);
	if (options)
		CHECK(archive_write_set_options(archive, options) == ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(archive, 1);
	CHECK(archive_write_open_memory(archive, out, room, &used) == ARCHIVE_OK);
	for (size_t i = 0; i < count; i++) {
		struct archive_entry *entry = archive_entry_new();
		const size_t size = members[i].text ? strlen(members[i].text) : 0;

		archive_entry_copy_pathname(entry, members[i].name);
		archive_entry_set_filetype(entry, members[i].text ? AE_IFREG : AE_IFDIR);
		archive_entry_set_perm(entry, 0755);
		archive_entry_set_size(entry, (la_int64_t)size);
		CHECK(archive_write_header(archive, entry) == ARCHIVE_OK);
		if (size)
			CHECK(archive_write_data(archive, members[i].text, size) == (la_ssize_t)size);
		archive_entry_free(entry);
	}
	CHECK(archive_write_close(archive) == ARCHIVE_OK);
	archive_write_free(archive);
	ncm_buffer_add(packed, out, used);
	free(out);
	uselocale(before);
	freelocale(utf8);
}

static int open_bytes(const void *bytes, size_t size)
{
	int fd = openat(scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK(ncm_pwrite_all(fd, bytes, size, 0) == 0);
	return fd;
}

static struct ncm_unpacked *files;
static size_t file_count;

/* Unpacks into the fresh folder "out". Returns the class of the failure. */
static enum ncm_errc unpack(const struct ncm_buffer *packed, unsigned strip)
{
	struct ncm_error err = NCM_ERROR_INIT;
	int fd = open_bytes(packed->data, packed->size);
	int out, result;
	enum ncm_errc code;

	ncm_unpacked_free(files, file_count);
	files = NULL;
	file_count = 0;
	CHECK(ncm_remove_beneath(scratch_fd, "out") == 0);
	out = ncm_mkdir_beneath(scratch_fd, "out", NULL);
	result = ncm_archive_unpack(fd, out, strip, &files, &file_count, &err);
	code = err.code;
	CHECK((result == 0) == (code == NCM_OK));
	if (getenv("NCM_TEST_VERBOSE") && err.message)
		printf("  %s: %s\n", ncm_errc_name(code), err.message);
	ncm_error_clear(&err);
	close(out);
	close(fd);
	return code;
}

static bool out_is_empty(void)
{
	int fd = ncm_dir_beneath(scratch_fd, "out");
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	bool empty = true;

	while ((entry = readdir(dir)))
		empty = empty && entry->d_name[0] == '.' && strspn(entry->d_name, ".") == strlen(entry->d_name);
	closedir(dir);
	return empty;
}

/* Refused as a whole: nothing written. */
static void refused(struct ncm_buffer *packed, unsigned strip, enum ncm_errc code)
{
	CHECK_STR(ncm_errc_name(unpack(packed, strip)), ncm_errc_name(code));
	CHECK(out_is_empty());
	ncm_buffer_free(packed);
}

static char *out_text(const char *path)
{
	NCM_AUTO_FREE char *relative = ncm_asprintf("out/%s", path);
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(scratch_fd, relative, O_RDONLY, 0);
	struct stat status;

	CHECK(fd >= 0);
	CHECK(fstat(fd, &status) == 0 && S_ISREG(status.st_mode));
	CHECK((status.st_mode & 07777) == 0644);
	return ncm_read_fd(fd, 1 << 20, NULL);
}

static void check_out(const char *path, const char *expected)
{
	NCM_AUTO_FREE char *text = out_text(path);
	struct ncm_sha256 digest;
	size_t found = 0;

	CHECK_STR(text, expected);
	ncm_sha256_of(expected, strlen(expected), &digest);
	for (size_t i = 0; i < file_count; i++)
		found += strcmp(files[i].path, path) == 0 && files[i].size == strlen(expected) &&
			 ncm_sha256_equal(&files[i].sha256, &digest);
	CHECK_U64(found, 1);
}

/* As the archives of git hosts: a global header with the commit, one folder around everything. */
static void git_tar(struct ncm_buffer *tar)
{
	tar_add(tar, "pax_global_header", 'g', "52 comment=0123456789012345678901234567890123456789\n");
	tar_add(tar, "repo-main/", '5', NULL);
	tar_add(tar, "repo-main/.github/workflows/ci.yml", '0', "on: push\n");
	tar_add(tar, "repo-main/__init__.py", '0', "import os\n");
	tar_add(tar, "repo-main/data/models.json", '0', "{}\n");
	tar_add(tar, "repo-main/empty/", '5', NULL);
	tar_add(tar, "repo-main/caf\xc3\xa9.txt", '0', "\xc3\xa9\n");
	tar_add(tar, "repo-main/zero", '0', "");
	tar_end(tar);
}

static void check_git_tree(void)
{
	struct stat status;

	CHECK_U64(file_count, 5);
	check_out(".github/workflows/ci.yml", "on: push\n");
	check_out("__init__.py", "import os\n");
	check_out("data/models.json", "{}\n");
	check_out("caf\xc3\xa9.txt", "\xc3\xa9\n");
	check_out("zero", "");
	CHECK(fstatat(scratch_fd, "out/empty", &status, 0) == 0 && (status.st_mode & 07777) == 0755);
}

static int no_filter(struct archive *archive)
{
	(void)archive;
	return ARCHIVE_OK;
}

static int (*const filters[])(struct archive *) = {no_filter, archive_write_add_filter_gzip,
						   archive_write_add_filter_xz, archive_write_add_filter_zstd};

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

static void bombs_are_refused(void)
{
	enum { ZEROS = 32 << 20 };
	struct ncm_buffer tar = {0}, packed = {0};
	struct member big = {"big", NULL};
	NCM_AUTO_FREE char *text = ncm_malloc(900001);
	char block[512];
	char *zeros = ncm_calloc(ZEROS, 1);

	tar_header(block, "big", '0', NULL, ZEROS);
	ncm_buffer_add(&tar, block, 512);
	ncm_buffer_add(&tar, zeros, ZEROS);
	tar_end(&tar);
	free(zeros);
	compress_with(&tar, archive_write_add_filter_gzip, &packed);
	CHECK(packed.size * 200 < ZEROS);
	refused(&packed, 0, NCM_E_POLICY);
	compress_with(&tar, archive_write_add_filter_zstd, &packed);
	refused(&packed, 0, NCM_E_POLICY);
	ncm_buffer_free(&tar);

	/* The same behind the end of an innocent one. */
	tar_add(&tar, "ok", '0', "fine");
	tar_end(&tar);
	zeros = ncm_calloc(ZEROS, 1);
	ncm_buffer_add(&tar, zeros, ZEROS);
	free(zeros);
	compress_with(&tar, archive_write_add_filter_gzip, &packed);
	refused(&packed, 0, NCM_E_POLICY);
	ncm_buffer_free(&tar);

	/* Under a MiB the ratio is nobody's business. */
	memset(text, 'z', 900000);
	text[900000] = '\0';
	big.text = text;
	write_archive(&packed, archive_write_set_format_zip, NULL, &big, 1);
	CHECK(packed.size * 200 < 900000);
	CHECK(unpack(&packed, 0) == NCM_OK);
	ncm_buffer_free(&packed);
}

/* Every place in the bytes where the number stands, little-endian. */
static void patch(struct ncm_buffer *packed, uint32_t from, uint32_t to)
{
	size_t done = 0;

	for (size_t i = 0; i + 4 <= packed->size; i++) {
		if (memcmp(packed->data + i, &from, 4) == 0) {
			memcpy(packed->data + i, &to, 4);
			done++;
		}
	}
	CHECK(done > 0);
}

static void a_zip_that_lies_about_sizes_is_refused(void)
{
	NCM_AUTO_FREE char *text = ncm_malloc(77778);
	struct member member = {"big", text};
	struct ncm_buffer packed = {0};
	enum ncm_errc code;

	for (size_t i = 0; i < 77777; i++)
		text[i] = (char)('a' + (i * i) % 23);
	text[77777] = '\0';
	write_archive(&packed, archive_write_set_format_zip, NULL, &member, 1);
	patch(&packed, 77777, 10);
	code = unpack(&packed, 0);
	CHECK(code == NCM_E_POLICY || code == NCM_E_CHECKSUM);
	patch(&packed, 10, 99999);
	CHECK(unpack(&packed, 0) == NCM_E_CHECKSUM);
	patch(&packed, 99999, 0xffffff00u);
	CHECK(unpack(&packed, 0) == NCM_E_POLICY); /* far over the ratio */
	ncm_buffer_free(&packed);

	/* Stored, libarchive hands out what is there, whatever the size says. */
	write_archive(&packed, archive_write_set_format_zip, "zip:compression=store", &member, 1);
	for (size_t i = 0; i + 28 < packed.size; i++) {
		if (memcmp(packed.data + i, "PK\3\4", 4) == 0)
			memcpy(packed.data + i + 22, "\x0a\0\0\0", 4);
		if (memcmp(packed.data + i, "PK\1\2", 4) == 0)
			memcpy(packed.data + i + 24, "\x0a\0\0\0", 4);
	}
	CHECK(unpack(&packed, 0) == NCM_E_POLICY);
	ncm_buffer_free(&packed);
}

static void encrypted_zips_are_refused(void)
{
	static const struct member member = {"secret", "text"};
	struct ncm_buffer packed = {0};

	write_archive(&packed, archive_write_set_format_zip, "zip:encryption=zipcrypt", NULL, 0);
	ncm_buffer_free(&packed);
	write_archive(&packed, archive_write_set_format_zip, NULL, &member, 1);
	for (size_t i = 0; i + 10 < packed.size; i++) {
		if (memcmp(packed.data + i, "PK\3\4", 4) == 0)
			packed.data[i + 6] |= 1;
		if (memcmp(packed.data + i, "PK\1\2", 4) == 0)
			packed.data[i + 8] |= 1;
	}
	refused(&packed, 0, NCM_E_POLICY);
}

static void other_formats_are_refused(void)
{
	static const struct {
		const char *bytes;
		size_t size;
	} magics[] = {
	    {"Rar!\x1a\x07\x01\x00", 8},
	    {"7z\xbc\xaf\x27\x1c\x00\x04", 8},
	    {"MSCF\0\0\0\0", 8},
	    {"xar!\0\x1c\0\1", 8},
	    {"!<arch>\n", 8},
	    {"BZh91AY&SY", 10},
	    {"<!doctype html>", 15},
	    {"", 0},
	    {"\177ELF\2\1\1", 7},
	};

	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		struct ncm_buffer packed = {0};
		char bytes[4096] = {0};

		memcpy(bytes, magics[i].bytes, magics[i].size);
		ncm_buffer_add(&packed, bytes, magics[i].size ? sizeof bytes : 0);
		refused(&packed, 0, NCM_E_POLICY);
	}
}

static void what_is_packed_twice_is_refused(void)
{
	struct ncm_buffer tar = {0}, once = {0}, twice = {0};

	git_tar(&tar);
	compress_with(&tar, archive_write_add_filter_gzip, &once);
	compress_with(&once, archive_write_add_filter_gzip, &twice);
	refused(&twice, 1, NCM_E_POLICY);
	/* An archive in an archive is a file. */
	ncm_buffer_free(&tar);
	tar_add(&tar, "inner.zip", '0', "PK\3\4");
	tar_end(&tar);
	CHECK(unpack(&tar, 0) == NCM_OK);
	check_out("inner.zip", "PK\3\4");
	ncm_buffer_free(&tar);
	ncm_buffer_free(&once);
	/* Something else in gzip. */
	ncm_buffer_puts(&tar, "no tar at all, only text");
	compress_with(&tar, archive_write_add_filter_gzip, &once);
	ncm_buffer_free(&tar);
	refused(&once, 0, NCM_E_POLICY);
}

static void bad_tar_sizes_are_refused(void)
{
	for (int kind = 0; kind < 3; kind++) {
		struct ncm_buffer tar = {0};
		char block[512];
		enum ncm_errc code;

		tar_add(&tar, "ok", '0', "fine");
		tar_header(block, "evil", '0', NULL, 0);
		if (kind == 0)
			memset(block + 124, 0xff, 12); /* base-256: -1 */
		else if (kind == 1)
			memcpy(block + 124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
		else
			memcpy(block + 124, "77777777777", 12); /* 8 GiB, and not there */
		tar_checksum(block);
		ncm_buffer_add(&tar, block, 512);
		tar_end(&tar);
		code = unpack(&tar, 0);
		CHECK(code == NCM_E_POLICY || code == NCM_E_CHECKSUM);
		CHECK(out_is_empty());
		ncm_buffer_free(&tar);
	}
}

static void too_many_entries_are_refused(void)
{
	struct ncm_buffer tar = {0};
	char name[32];

	for (unsigned i = 0; i < NCM_LIMIT_ARCHIVE_ENTRIES; i++) {
		snprintf(name, sizeof name, "d/%u", i % 3 ? i : 0);
		tar_add(&tar, name, '5', NULL);
	}
	tar_add(&tar, "last", '0', "");
	tar_end(&tar);
	refused(&tar, 0, NCM_E_POLICY);
}

/* A cut archive is damage; of a plain tar the padding at its end is nobody's. */
static void cut_archives_are_damaged(void)
{
	struct ncm_buffer tar = {0}, zip = {0};
	static const struct member members[] = {{"a", "first"}, {"b", "second"}};

	tar_add(&tar, "a", '0', "first");
	tar_add(&tar, "b", '0', "second");
	tar_end(&tar);
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		struct ncm_buffer packed = {0};
		size_t whole, least;

		compress_with(&tar, filters[i], &packed);
		whole = packed.size;
		least = i == 0 ? whole - 512 : whole;
		for (size_t size = 600; size < least && i == 0; size += 31) {
			packed.size = size;
			CHECK(unpack(&packed, 0) == NCM_E_CHECKSUM);
		}
		for (size_t size = 10; size < least && i > 0; size++) {
			packed.size = size;
			CHECK(unpack(&packed, 0) == NCM_E_CHECKSUM);
		}
		packed.size = whole;
		CHECK(unpack(&packed, 0) == NCM_OK);
		ncm_buffer_free(&packed);
	}
	/* Between two entries: only the missing end tells. */
	tar.size = 2048;
	refused(&tar, 0, NCM_E_CHECKSUM);
	write_archive(&zip, archive_write_set_format_zip, NULL, members, 2);
	for (size_t size = zip.size - 1; size > 4; size--) {
		zip.size = size;
		CHECK(unpack(&zip, 0) == NCM_E_CHECKSUM);
		CHECK(out_is_empty());
	}
	ncm_buffer_free(&zip);
}

/* A flipped byte is found, or (in a gzip header's time, say) changes nothing that is unpacked. */
static void flipped_bytes_are_found(void)
{
	struct ncm_buffer tar = {0};

	tar_add(&tar, "a", '0', "first, with some text to flip");
	tar_end(&tar);
	/* gzip and xz: the zstd writer at hand leaves the checksum out. */
	for (size_t i = 1; i <= 2; i++) {
		struct ncm_buffer packed = {0};

		compress_with(&tar, filters[i], &packed);
		for (size_t at = 0; at < packed.size; at++) {
			packed.data[at] ^= 0x11;
			if (unpack(&packed, 0) == NCM_OK) {
				CHECK_U64(file_count, 1);
				check_out("a", "first, with some text to flip");
			}
			packed.data[at] ^= 0x11;
		}
		ncm_buffer_free(&packed);
	}
	ncm_buffer_free(&tar);
}

static void wrong_checksums_are_found(void)
{
	static const struct member member = {"a", "some text that is stored as it is"};
	struct ncm_buffer tar = {0}, packed = {0}, zip = {0};
	char *text;

	git_tar(&tar);
	compress_with(&tar, archive_write_add_filter_gzip, &packed);
	packed.data[packed.size - 8] ^= 1; /* CRC-32 */
	CHECK(unpack(&packed, 1) == NCM_E_CHECKSUM);
	packed.data[packed.size - 8] ^= 1;
	packed.data[packed.size - 1] ^= 1; /* size */
	CHECK(unpack(&packed, 1) == NCM_E_CHECKSUM);
	ncm_buffer_free(&packed);
	ncm_buffer_free(&tar);

	write_archive(&zip, archive_write_set_format_zip, "zip:compression=store", &member, 1);
	text = memmem(zip.data, zip.size, "some text", 9);
	CHECK(text);
	*text = 'S';
	CHECK(unpack(&zip, 0) == NCM_E_CHECKSUM);
	ncm_buffer_free(&zip);
}

static void what_is_in_the_folder_is_not_written_through(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_buffer tar = {0};
	struct ncm_unpacked *list = NULL;
	size_t count = 0;
	int out, fd;

	CHECK(ncm_remove_beneath(scratch_fd, "out") == 0);
	out = ncm_mkdir_beneath(scratch_fd, "out", NULL);
	CHECK(mkdirat(scratch_fd, "decoy", 0755) == 0);
	CHECK(symlinkat("../decoy/file", out, "file") == 0);
	CHECK(symlinkat("../decoy", out, "dir") == 0);
	tar_add(&tar, "file", '0', "evil");
	tar_end(&tar);
	fd = open_bytes(tar.data, tar.size);
	CHECK(ncm_archive_unpack(fd, out, 0, &list, &count, &err) < 0);
	close(fd);
	ncm_buffer_free(&tar);
	tar_add(&tar, "dir/file", '0', "evil");
	tar_end(&tar);
	fd = open_bytes(tar.data, tar.size);
	CHECK(ncm_archive_unpack(fd, out, 0, &list, &count, &err) < 0);
	close(fd);
	close(out);
	ncm_buffer_free(&tar);
	ncm_error_clear(&err);
	CHECK(faccessat(scratch_fd, "decoy/file", F_OK, 0) < 0);
}

static void the_first_pass_names_the_entry(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_buffer tar = {0};
	struct ncm_unpacked *list = NULL;
	size_t count = 0;
	int fd;

	tar_add(&tar, "repo/link", '2', "/etc/passwd");
	tar_end(&tar);
	fd = open_bytes(tar.data, tar.size);
	CHECK(ncm_archive_unpack(fd, scratch_fd, 0, &list, &count, &err) < 0);
	CHECK_STR(err.message, "refused archive: \"repo/link\" is a symbolic link");
	ncm_error_clear(&err);
	close(fd);
	ncm_buffer_free(&tar);
}

static void an_interrupt_ends_it(void)
{
	struct ncm_buffer tar = {0};

	git_tar(&tar);
	ncm_interrupt();
	refused(&tar, 1, NCM_E_INTERRUPTED);
}

int main(void)
{
	snprintf(scratch, sizeof scratch, "/tmp/ncm-archive-XXXXXX");
	CHECK(mkdtemp(scratch));
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	umask(077); /* modes are ours, not the user's */
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
	RUN(bombs_are_refused);
	RUN(a_zip_that_lies_about_sizes_is_refused);
	RUN(encrypted_zips_are_refused);
	RUN(other_formats_are_refused);
	RUN(what_is_packed_twice_is_refused);
	RUN(bad_tar_sizes_are_refused);
	RUN(too_many_entries_are_refused);
	RUN(cut_archives_are_damaged);
	RUN(flipped_bytes_are_found);
	RUN(wrong_checksums_are_found);
	RUN(what_is_in_the_folder_is_not_written_through);
	RUN(the_first_pass_names_the_entry);
	RUN(an_interrupt_ends_it);
	ncm_unpacked_free(files, file_count);
	CHECK(ncm_remove_beneath(scratch_fd, "out") == 0 && ncm_remove_beneath(scratch_fd, "decoy") == 0);
	close(scratch_fd);
	CHECK(rmdir(scratch) == 0);
	return 0;
}
