/* SPDX-License-Identifier: MIT */
/* Processes and memory as Linux has them; other processes, as /proc shows them. */
#include "os/os.h"

#include "os/spawn.h"
#include "os/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
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

enum { READ_BYTES = 4096, MOST_BYTES = 8 << 20 };

struct os_processes {
	DIR *proc;
	struct os_process process; /* its room is the open /proc/PID */
};

struct os_processes *os_processes(void)
{
	struct os_processes *list = malloc(sizeof *list);

	if (!list)
		return NULL;
	list->process.room = -1;
	list->proc = opendir("/proc");
	if (list->proc)
		return list;
	free(list);
	return NULL;
}

static void close_one(struct os_processes *list)
{
	if (list->process.room >= 0)
		close(list->process.room);
	list->process.room = -1;
}

void os_processes_end(struct os_processes *list)
{
	if (!list)
		return;
	close_one(list);
	closedir(list->proc);
	free(list);
}

static bool read_name(struct os_process *process)
{
	const int fd = openat(process->room, "comm", O_RDONLY | O_CLOEXEC);
	const ssize_t size = fd < 0 ? -1 : read(fd, process->name, sizeof process->name - 1);

	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return false;
	process->name[size] = '\0';
	process->name[strcspn(process->name, "\n")] = '\0';
	return true;
}

/* False for one that has ended. */
static bool open_one(struct os_processes *list, const char *pid)
{
	struct stat status;

	list->process.room = openat(dirfd(list->proc), pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list->process.room < 0 || fstat(list->process.room, &status) < 0 || !read_name(&list->process))
		return false;
	list->process.pid = strtol(pid, NULL, 10);
	list->process.user = status.st_uid;
	return true;
}

const struct os_process *os_processes_next(struct os_processes *list)
{
	const struct dirent *entry;

	while ((entry = readdir(list->proc))) {
		close_one(list);
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && open_one(list, entry->d_name))
			return &list->process;
	}
	return NULL;
}

/* Returns 0, or -1 with errno. */
static int read_all(int fd, struct os_texts *texts)
{
	char bytes[READ_BYTES];
	ssize_t got;

	while ((got = read(fd, bytes, sizeof bytes)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (texts->size + (size_t)got > MOST_BYTES) {
			errno = EFBIG;
			return -1;
		}
		if (!os_texts_add(texts, bytes, (size_t)got))
			return -1;
	}
	return 0;
}

static int read_texts(const struct os_process *process, const char *name, struct os_texts *texts)
{
	const int fd = openat(process->room, name, O_RDONLY | O_CLOEXEC);
	const int failed = fd < 0 ? -1 : read_all(fd, texts);
	const int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return failed;
}

static int read_links(DIR *list, struct os_texts *texts)
{
	const struct dirent *entry;

	while ((entry = readdir(list))) {
		char path[PATH_MAX];
		const ssize_t size = readlinkat(dirfd(list), entry->d_name, path, sizeof path - 1);

		if (size <= 0)
			continue;
		path[size] = '\0';
		if (!os_texts_add(texts, path, (size_t)size + 1))
			return -1;
	}
	return 0;
}

static int read_open(const struct os_process *process, struct os_texts *texts)
{
	const int fd = openat(process->room, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const int failed = list ? read_links(list, texts) : -1;
	const int saved = errno;

	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
	errno = saved;
	return failed;
}

/* Of each line of the table, its path. */
static int read_mapped(const struct os_process *process, struct os_texts *texts)
{
	struct os_texts table = {0};
	int failed = read_texts(process, "maps", &table);

	for (char *line = table.data; !failed && line && *line;) {
		const size_t size = strcspn(line, "\n");
		char *path = memchr(line, '/', size), *next = line + size + (line[size] != '\0');

		line[size] = '\0';
		if (path && !os_texts_add(texts, path, strlen(path) + 1))
			failed = -1;
		line = next;
	}
	free(table.data);
	return failed;
}

static int read_part(const struct os_process *process, enum os_process_part part, struct os_texts *texts)
{
	switch (part) {
	case OS_PROCESS_ARGUMENTS:
		return read_texts(process, "cmdline", texts);
	case OS_PROCESS_ENVIRONMENT:
		return read_texts(process, "environ", texts);
	case OS_PROCESS_OPEN:
		return read_open(process, texts);
	case OS_PROCESS_MAPPED:
	default:
		return read_mapped(process, texts);
	}
}

char *os_process_texts(const struct os_process *process, enum os_process_part part, size_t *size)
{
	struct os_texts texts = {0};

	if (!os_texts_add(&texts, "", 0) || read_part(process, part, &texts) < 0) {
		free(texts.data);
		return NULL;
	}
	*size = texts.size;
	return texts.data;
}

int os_process_stat(const struct os_process *process, const char *path, struct os_stat *status)
{
	char inside[PATH_MAX];

	if (snprintf(inside, sizeof inside, "root%s%s", *path == '/' ? "" : "/", path) >= (int)sizeof inside) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return os_stat(process->room, inside, status);
}
