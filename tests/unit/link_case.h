/* SPDX-License-Identifier: MIT */
/* Large files in the stores of store_case.h, and a link over them. */
#ifndef NCM_TEST_LINK_CASE_H
#define NCM_TEST_LINK_CASE_H

#include "link/work.h"
#include "store_case.h"

#include <ncmodel/link.h>

enum { SIZE = 3 << 20 };

static struct ncm_link_options options;
static struct ncm_sink sink;

/* Bytes that are the same at the places that are sampled, whatever `different` is: one byte in between is it. */
static inline void put_model(const char *relative, char different)
{
	NCM_AUTO_FREE char *bytes = ncm_malloc(SIZE);
	const char *name;
	NCM_AUTO_CLOSE int root = ncm_dir_beneath(scratch_fd, "root");
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(root, relative, true, &name, NULL);
	NCM_AUTO_CLOSE int fd = openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	bytes[100000] = different;
	CHECK(fd >= 0 && ncm_pwrite_all(fd, bytes, SIZE, 0) == 0 && fchmod(fd, 0644) == 0);
}

static inline struct stat look(const char *relative)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("root/%s", relative);
	struct stat status;

	CHECK(fstatat(scratch_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0);
	return status;
}

static inline char different_byte(const char *relative)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("root/%s", relative);
	NCM_AUTO_CLOSE int fd = os_open_beneath(scratch_fd, path, O_RDONLY);
	char byte = 0;

	CHECK(fd >= 0 && pread(fd, &byte, 1, 100000) == 1);
	return byte;
}

static inline bool are_one(const char *a, const char *b)
{
	return look(a).st_ino == look(b).st_ino;
}

static inline void fresh(void)
{
	open_stores();
	options = (struct ncm_link_options){0};
	sink = (struct ncm_sink){0};
}

static inline struct ncm_link_report *link_all(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_link_report *report = ncm_link(&config, &options, &sink, &err);

	if (!report)
		fprintf(stderr, "%s\n", err.message);
	CHECK(report);
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/staging"), 0);
	return report;
}

static inline const struct ncm_link_file *find(const struct ncm_link_report *report, const char *relative)
{
	NCM_AUTO_FREE char *tail = ncm_asprintf("/root/%s", relative);

	for (size_t i = 0; i < report->count; i++) {
		for (size_t k = 0; k < report->groups[i].file_count; k++) {
			if (ncm_path_has_suffix(report->groups[i].files[k].path, tail))
				return &report->groups[i].files[k];
		}
	}
	return NULL;
}

static inline void check_state(const struct ncm_link_report *report, const char *relative, const char *state)
{
	const struct ncm_link_file *file = find(report, relative);

	CHECK(file);
	CHECK_STR(ncm_link_state_name(file->state), state);
}

static inline void check_skipped(const struct ncm_link_report *report, const char *relative, const char *why)
{
	check_state(report, relative, "skipped");
	CHECK(strstr(find(report, relative)->detail, why));
}

#endif
