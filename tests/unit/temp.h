/* SPDX-License-Identifier: MIT */
/* A folder for a test's files, gone afterwards. */
#ifndef NCM_TEST_TEMP_H
#define NCM_TEST_TEMP_H

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "check.h"

#include <fcntl.h>
#include <stdarg.h>

static inline char *temp_folder(void)
{
	char template[] = "/tmp/ncmodel-test.XXXXXX";

	CHECK(mkdtemp(template));
	return ncm_strdup(template);
}

/* Removes the folder and frees its name. */
static inline void temp_remove(char *folder)
{
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open("/tmp", false, NULL);

	CHECK(ncm_remove_beneath(dirfd, ncm_path_base(folder)) == 0);
	free(folder);
}

static inline void temp_write_bytes(const char *folder, const char *name, const void *data, size_t size)
{
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(folder, true, NULL);
	const char *base;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(dirfd, name, true, &base, NULL);

	CHECK(parent >= 0);
	CHECK(ncm_write_atomic(parent, base, data, size, NCM_OWN_FILE, NULL) == 0);
}

static inline void temp_write(const char *folder, const char *name, const char *text)
{
	temp_write_bytes(folder, name, text, strlen(text));
}

static inline char *temp_read(const char *folder, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	return ncm_read_file(path, 1 << 20, NULL);
}

/* For formats that are a test's data. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static inline char *temp_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = ncm_vasprintf(format, args);
	va_end(args);
	return text;
}
#pragma GCC diagnostic pop

#endif
