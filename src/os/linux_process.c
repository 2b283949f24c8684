/* SPDX-License-Identifier: MIT */
/* Processes and memory as Linux has them. */
#include "os/os.h"
#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { SMALL_PAGE = 4096, MOST_TEXT = 4096 };

const char *os_error_text(int errnum)
{
#ifdef __GLIBC__
	const char *text = strerrordesc_np(errnum);
#else
	const char *text = strerror(errnum); /* no locale has another, and nobody else's call changes it */
#endif
	return text ? text : "error";
}

unsigned os_cores(void)
{
	cpu_set_t set;

	/* In a container that is less than the machine has. */
	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
}

void os_random(void *data, size_t size)
{
	unsigned char *at = data;

	while (size > 0) {
		const ssize_t got = getrandom(at, size, 0);

		if (got > 0) {
			at += got;
			size -= (size_t)got;
		}
	}
}

void os_wipe(void *data, size_t size)
{
	explicit_bzero(data, size);
}

/* A kernel that has none, or does not want to, gives small ones. */
void os_want_huge_pages(void *memory, size_t size)
{
	char *start = (char *)(((uintptr_t)memory + SMALL_PAGE - 1) / SMALL_PAGE * SMALL_PAGE);

	(void)madvise(start, (size - SMALL_PAGE) / SMALL_PAGE * SMALL_PAGE, MADV_HUGEPAGE);
}

int64_t os_now_coarse_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The text of one of the kernel's small files, NUL added. */
static bool read_text(const char *path, char *text, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

unsigned long long os_process_start(long pid)
{
	char path[64], text[MOST_TEXT];
	const char *at;
	unsigned long long start = 0;

	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	at = read_text(path, text, sizeof text) ? strrchr(text, ')') : NULL; /* the name before it may hold anything */
	if (at)
		(void)sscanf(at + 1,
			     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			     &start);
	return start;
}

static bool first_word(const char *path, char *text, size_t size)
{
	const bool told = read_text(path, text, size);

	text[strcspn(text, "\n ")] = '\0';
	return told && *text;
}

bool os_boot_id(char *text, size_t size)
{
	return first_word("/proc/sys/kernel/random/boot_id", text, size);
}

bool os_host_name(char *text, size_t size)
{
	return first_word("/proc/sys/kernel/hostname", text, size);
}

void os_prepare(void)
{
	os_prepare_signals();
	/* Tokens are in memory. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int os_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}

/* All of ours are closed as it is; these are a library's, perhaps. */
void os_spawn_close_rest(posix_spawn_file_actions_t *files, short *flags)
{
	(void)flags;
#ifdef __GLIBC__
	posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
#else
	(void)files;
#endif
}
