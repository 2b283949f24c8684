/* SPDX-License-Identifier: MIT */
/* A folder for one partial file and its journal, on a file system of the test's choice. */
#ifndef NCM_TEST_PARTIAL_CASE_H
#define NCM_TEST_PARTIAL_CASE_H

#include "check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "transfer/journal.h"

#include <fcntl.h>
#include <sys/stat.h>

#define PARTIAL "file.part"
#define JOURNAL PARTIAL ".journal"
#define URL "https://h.example/file.bin"

static char folder[64];
static int folder_fd = -1;

/* False if there is no such place here. */
static inline bool open_folder(const char *parent)
{
	snprintf(folder, sizeof folder, "%s/ncm-partial-XXXXXX", parent);
	if (!mkdtemp(folder))
		return false;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(folder_fd >= 0);
	return true;
}

/* Nothing may have been left in it. */
static inline void close_folder(void)
{
	close(folder_fd);
	CHECK(rmdir(folder) == 0);
}

static inline bool exists(const char *name)
{
	return faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A new file: some file systems sync one that is emptied and written again. */
static inline void put(const char *name, const void *data, size_t size)
{
	NCM_AUTO_CLOSE int fd = -1;

	(void)unlinkat(folder_fd, name, 0);
	fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && ncm_pwrite_all(fd, data, size, 0) == 0);
}

static inline char *get(const char *name, size_t *size)
{
	NCM_AUTO_CLOSE int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW);

	CHECK(fd >= 0);
	return ncm_read_fd(fd, 64 << 20, size);
}

static inline void check_text(const char *name, const char *expected)
{
	NCM_AUTO_FREE char *text = get(name, NULL);

	CHECK_STR(text, expected);
}

static inline struct ncm_transfer_item make_item(void)
{
	return (struct ncm_transfer_item){.name = "file.bin", .url = URL, .dirfd = folder_fd, .partial = PARTIAL};
}

/* As the journal has it: of this boot. */
static inline void boot_id(char id[64])
{
	NCM_AUTO_FREE char *text = ncm_read_file("/proc/sys/kernel/random/boot_id", 256, NULL);

	CHECK(text);
	snprintf(id, 64, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Makes the journal one of another boot: as after a power cut, only what was synced counts. */
static inline void pretend_reboot(void)
{
	size_t size;
	NCM_AUTO_FREE char *text = get(JOURNAL, &size);
	char id[64], *at;

	boot_id(id);
	at = strstr(text, id);
	CHECK(at);
	*at = *at == '0' ? '1' : '0';
	put(JOURNAL, text, size);
}

/* As ncm_journal_read, of what was written for certain. */
static inline int read_trusted(struct ncm_identity *identity, struct ncm_ranges *trusted)
{
	struct ncm_ranges begun = {0};
	int result = ncm_journal_read(folder_fd, PARTIAL, identity, trusted, &begun);

	ncm_ranges_clear(&begun);
	return result;
}

/* What a later run would find; free with ncm_ranges_clear. */
static inline struct ncm_ranges read_journal(void)
{
	struct ncm_identity identity;
	struct ncm_ranges trusted = {0};

	CHECK(read_trusted(&identity, &trusted) == 0);
	ncm_identity_clear(&identity);
	return trusted;
}

static inline void check_set(const struct ncm_ranges *actual, const struct ncm_ranges *expected)
{
	CHECK_U64(actual->count, expected->count);
	for (size_t i = 0; i < actual->count; i++) {
		CHECK_U64(actual->ranges[i].start, expected->ranges[i].start);
		CHECK_U64(actual->ranges[i].end, expected->ranges[i].end);
	}
}

#endif
