/* SPDX-License-Identifier: MIT */
/* Archives made in memory, and a folder to unpack them into. Every refusal must leave it empty. */
#ifndef NCM_TEST_ARCHIVE_CASE_H
#define NCM_TEST_ARCHIVE_CASE_H

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
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];
static int scratch_fd;

/* Raw tar blocks: libarchive's writer is too honest for most of what follows. */

static inline void tar_checksum(char block[512])
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
}

static inline void tar_header(char block[512], const char *name, char type, const char *link, unsigned long size)
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

static inline void tar_add(struct ncm_buffer *tar, const char *name, char type, const char *text)
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

static inline void tar_end(struct ncm_buffer *tar)
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

static inline int open_bytes(const void *bytes, size_t size)
{
	int fd = openat(scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK(ncm_pwrite_all(fd, bytes, size, 0) == 0);
	return fd;
}

static struct ncm_unpacked *files;
static size_t file_count;

/* Unpacks into the fresh folder "out". Returns the class of the failure. */
static inline enum ncm_errc unpack(const struct ncm_buffer *packed, unsigned strip)
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

static inline bool out_is_empty(void)
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
static inline void refused(struct ncm_buffer *packed, unsigned strip, enum ncm_errc code)
{
	CHECK_STR(ncm_errc_name(unpack(packed, strip)), ncm_errc_name(code));
	CHECK(out_is_empty());
	ncm_buffer_free(packed);
}

static inline char *out_text(const char *path)
{
	NCM_AUTO_FREE char *relative = ncm_asprintf("out/%s", path);
	NCM_AUTO_CLOSE int fd = os_open_beneath(scratch_fd, relative, O_RDONLY);
	struct stat status;

	CHECK(fd >= 0);
	CHECK(fstat(fd, &status) == 0 && S_ISREG(status.st_mode));
	CHECK((status.st_mode & 07777) == 0640);
	return ncm_read_fd(fd, 1 << 20, NULL);
}

static inline void check_out(const char *path, const char *expected)
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
static inline void git_tar(struct ncm_buffer *tar)
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

static inline void check_git_tree(void)
{
	struct stat status;

	CHECK_U64(file_count, 5);
	check_out(".github/workflows/ci.yml", "on: push\n");
	check_out("__init__.py", "import os\n");
	check_out("data/models.json", "{}\n");
	check_out("caf\xc3\xa9.txt", "\xc3\xa9\n");
	check_out("zero", "");
	CHECK(fstatat(scratch_fd, "out/empty", &status, 0) == 0 && (status.st_mode & 07777) == 0750);
}

static inline int no_filter(struct archive *archive)
{
	(void)archive;
	return ARCHIVE_OK;
}

static int (*const filters[])(struct archive *) = {no_filter, archive_write_add_filter_gzip,
						   archive_write_add_filter_xz, archive_write_add_filter_zstd};

/* At the beginning and at the end of main. */
static inline void begin_scratch(void)
{
	snprintf(scratch, sizeof scratch, "/tmp/ncm-archive-XXXXXX");
	CHECK(mkdtemp(scratch));
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	umask(027); /* modes are the user's, not the archive's */
}

static inline void end_scratch(void)
{
	ncm_unpacked_free(files, file_count);
	CHECK(ncm_remove_beneath(scratch_fd, "out") == 0 && ncm_remove_beneath(scratch_fd, "decoy") == 0);
	close(scratch_fd);
	CHECK(rmdir(scratch) == 0);
}

#endif
