/* SPDX-License-Identifier: MIT */
#include "base/claim.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

enum { CLAIM_BYTES = 512 };

static const char mark[] = ".claim.";

/* When a process began, in clock ticks since the boot: its number alone may be another's by now. */
static unsigned long long start_of(long pid)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("/proc/%ld/stat", pid);
	NCM_AUTO_FREE char *text = ncm_read_file(path, 4096, NULL);
	const char *at = text ? strrchr(text, ')') : NULL; /* the name before it may hold anything */
	unsigned long long start = 0;

	if (at)
		(void)sscanf(at + 1,
			     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			     &start);
	return start;
}

static char *first_line(const char *path)
{
	char *text = ncm_read_file(path, CLAIM_BYTES, NULL);

	if (text)
		text[strcspn(text, "\n ")] = '\0';
	return text && *text ? text : ncm_strdup("?");
}

static char *describe_self(void)
{
	NCM_AUTO_FREE char *boot = first_line("/proc/sys/kernel/random/boot_id");
	NCM_AUTO_FREE char *host = first_line("/proc/sys/kernel/hostname");

	return ncm_asprintf("%ld %llu %s %s\n", (long)getpid(), start_of((long)getpid()), boot, host);
}

/* Another machine's process cannot be asked: its claim counts until somebody removes it. */
static bool is_alive(const char *claim)
{
	NCM_AUTO_FREE char *self = describe_self();
	char boot[64], host[256], our_boot[64], our_host[256];
	unsigned long long start;
	long pid;

	if (sscanf(claim, "%ld %llu %63s %255s", &pid, &start, boot, host) != 4 ||
	    sscanf(self, "%*d %*u %63s %255s", our_boot, our_host) != 2)
		return false;
	if (strcmp(boot, our_boot) == 0)
		return start_of(pid) == start;
	return strcmp(host, our_host) != 0;
}

/* Whether another claim on the lock stands. Removes those of processes that are no more. */
static bool is_contested(int folder, const char *prefix, const char *own)
{
	DIR *entries = fdopendir(dup(folder));
	const struct dirent *entry;
	bool contested = false;

	if (!entries)
		return true;
	rewinddir(entries);
	while ((entry = readdir(entries))) {
		NCM_AUTO_FREE char *text = NULL;
		NCM_AUTO_CLOSE int fd = -1;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || strcmp(entry->d_name, own) == 0)
			continue;
		fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		text = fd < 0 ? NULL : ncm_read_fd(fd, CLAIM_BYTES, NULL);
		if (!text && errno == ENOENT) /* it has just been dropped */
			continue;
		if (!text || is_alive(text))
			contested = true;
		else
			(void)unlinkat(folder, entry->d_name, 0);
	}
	closedir(entries);
	return contested;
}

/* With all of its text from the first moment that it can be seen. */
static int put_claim(int folder, const char *name)
{
	NCM_AUTO_FREE char *temporary = ncm_asprintf(".%s.tmp", name);
	NCM_AUTO_FREE char *text = describe_self();
	int fd = ncm_own_create(folder, temporary, O_RDWR, NCM_OWN_WORD);
	int saved;

	if (fd < 0)
		return -1;
	if (ncm_pwrite_all(fd, text, strlen(text), 0) == 0 && renameat(folder, temporary, folder, name) == 0)
		return fd;
	saved = errno;
	(void)unlinkat(folder, temporary, 0);
	close(fd);
	errno = saved;
	return -1;
}

int ncm_claim_take(int dirfd, const char *name)
{
	const char *base = ncm_path_base(name);
	NCM_AUTO_FREE char *parent = base > name ? ncm_strndup(name, (size_t)(base - name) - 1) : ncm_strdup(".");
	NCM_AUTO_FREE char *prefix = ncm_asprintf("%s%s", base, mark);
	NCM_AUTO_FREE char *own = NULL;
	NCM_AUTO_CLOSE int folder = ncm_open_beneath(dirfd, parent, O_RDONLY | O_DIRECTORY, 0);
	char random[17];
	int fd;

	if (folder < 0)
		return -1;
	ncm_random_hex(random, sizeof random);
	own = ncm_asprintf("%s%s", prefix, random);
	fd = put_claim(folder, own);
	if (fd < 0)
		return -1;
	if (!is_contested(folder, prefix, own))
		return fd;
	(void)unlinkat(folder, own, 0);
	close(fd);
	errno = EWOULDBLOCK;
	return -1;
}

void ncm_claim_drop(int fd)
{
	NCM_AUTO_FREE char *link = ncm_asprintf("/proc/self/fd/%d", fd);
	char path[4096];
	ssize_t size = readlink(link, path, sizeof path - 1);

	if (size <= 0)
		return;
	path[size] = '\0';
	if (strstr(ncm_path_base(path), mark))
		(void)unlink(path);
}
