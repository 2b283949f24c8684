/* SPDX-License-Identifier: MIT */
/* A test program is a list of functions run in order; the first failed check ends it with file and line. */
#ifndef NCM_TEST_CHECK_H
#define NCM_TEST_CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);          \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#define CHECK_STR(actual, expected)                                                                                    \
	do {                                                                                                           \
		const char *check_a = (actual), *check_e = (expected);                                                 \
		if (!check_a || strcmp(check_a, check_e) != 0) {                                                       \
			fprintf(stderr, "%s:%d: %s: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, __func__,         \
				#actual, check_a ? check_a : "(null)", check_e);                                       \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#define CHECK_U64(actual, expected)                                                                                    \
	do {                                                                                                           \
		uint64_t check_a = (uint64_t)(actual), check_e = (uint64_t)(expected);                                 \
		if (check_a != check_e) {                                                                              \
			fprintf(stderr, "%s:%d: %s: %s is %" PRIu64 ", not %" PRIu64 "\n", __FILE__, __LINE__,         \
				__func__, #actual, check_a, check_e);                                                  \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

/* Runs one test function and says so. */
#define RUN(test)                                                                                                      \
	do {                                                                                                           \
		test();                                                                                                \
		printf("ok %s\n", #test);                                                                              \
	} while (0)

/* Of a file as the test itself sees it. */
static inline int64_t mtime_ns(const struct stat *status)
{
	return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

#endif
