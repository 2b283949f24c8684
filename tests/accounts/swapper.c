/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program, it is the worst neighbour in the folder NCM_SWAP_ROOT (absolute, without links): right
 * after the program made its NCM_SWAP_AT-th file, folder or link there, that name is another's. NCM_SWAP_WAY: "rename"
 * puts NCM_SWAP_VICTIM itself there, "link" a link to it, "hard" a second name of it. A line on descriptor
 * NCM_SWAP_TELL says that it happened.
 */
#undef _FILE_OFFSET_BITS /* the names with 64 and those without are both defined here */
#undef _FORTIFY_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_below_root(int fd)
{
	const char *root = getenv("NCM_SWAP_ROOT");
	char link[32], path[PATH_MAX];
	ssize_t size;

	if (!root)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	size = readlink(link, path, sizeof path - 1);
	if (size <= 0)
		return false;
	path[size] = '\0';
	return strncmp(path, root, strlen(root)) == 0 && (path[strlen(root)] == '/' || path[strlen(root)] == '\0');
}

static void swap(int dirfd, const char *name)
{
	const char *way = getenv("NCM_SWAP_WAY"), *victim = getenv("NCM_SWAP_VICTIM");
	char gone[NAME_MAX + 1];

	snprintf(gone, sizeof gone, "swapped-%ld", (long)getpid());
	if (syscall(SYS_renameat2, dirfd, name, dirfd, gone, 0) < 0)
		return;
	if (strcmp(way, "rename") == 0)
		(void)!syscall(SYS_renameat2, AT_FDCWD, victim, dirfd, name, 0);
	else if (strcmp(way, "link") == 0)
		(void)!syscall(SYS_symlinkat, victim, dirfd, name);
	else
		(void)!syscall(SYS_linkat, AT_FDCWD, victim, dirfd, name, 0);
	(void)!write(atoi(getenv("NCM_SWAP_TELL")), "swapped\n", 8);
}

static void made(int dirfd, const char *name)
{
	static int count;
	const int saved = errno;

	if (is_below_root(dirfd) && ++count == atoi(getenv("NCM_SWAP_AT")))
		swap(dirfd, name);
	errno = saved;
}

int mkdirat(int dirfd, const char *name, mode_t mode)
{
	const int result = (int)syscall(SYS_mkdirat, dirfd, name, mode);

	if (result == 0)
		made(dirfd, name);
	return result;
}

int symlinkat(const char *target, int dirfd, const char *name)
{
	const int result = (int)syscall(SYS_symlinkat, target, dirfd, name);

	if (result == 0)
		made(dirfd, name);
	return result;
}

int openat(int dirfd, const char *name, int flags, ...)
{
	va_list arguments;
	mode_t mode = 0;
	int fd;

	va_start(arguments, flags);
	if (flags & O_CREAT)
		mode = va_arg(arguments, mode_t);
	va_end(arguments);
	fd = (int)syscall(SYS_openat, dirfd, name, flags, mode);
	if (fd >= 0 && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		made(dirfd, name);
	return fd;
}

int openat64(int dirfd, const char *name, int flags, ...) __attribute__((alias("openat")));
