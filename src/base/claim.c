/* SPDX-License-Identifier: MIT */
#include "base/claim.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { CLAIM_BYTES = 512 };

static const char mark[] = ".claim.";

static char *describe_self(void)
{
	char boot[64], host[256];

	if (!os_boot_id(boot, sizeof boot))
		strcpy(boot, "?");
	if (!os_host_name(host, sizeof host))
		strcpy(host, "?");
	return ncm_asprintf("%ld %llu %s %s\n", os_pid(), os_process_start(os_pid()), boot, host);
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
		return os_process_start(pid) == start;
	return strcmp(host, our_host) != 0;
}

/* What a process that died left before its claim had its name; one without text may be about to be written. */
static void remove_unnamed(int folder, const char *entry)
{
	NCM_AUTO_CLOSE int fd = os_open(folder, entry, OS_READ | OS_NO_LINK);
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, CLAIM_BYTES, NULL);

	if (text && *text && !is_alive(text))
		(void)os_unlink(folder, entry);
}

/* Whether another claim on the lock stands. Removes those of processes that are no more. */
static bool is_contested(int folder, const char *prefix, const char *own)
{
	struct os_list *entries = os_list(os_dup(folder));
	const char *entry;
	bool contested = false;

	if (!entries)
		return true;
	while ((entry = os_list_next(entries))) {
		NCM_AUTO_FREE char *text = NULL;
		NCM_AUTO_CLOSE int fd = -1;

		if (*entry == '.' && strncmp(entry + 1, prefix, strlen(prefix)) == 0)
			remove_unnamed(folder, entry);
		if (strncmp(entry, prefix, strlen(prefix)) != 0 || strcmp(entry, own) == 0)
			continue;
		fd = os_open(folder, entry, OS_READ | OS_NO_LINK);
		text = fd < 0 ? NULL : ncm_read_fd(fd, CLAIM_BYTES, NULL);
		if (!text && errno == ENOENT) /* it has just been dropped */
			continue;
		if (!text || is_alive(text))
			contested = true;
		else
			(void)os_unlink(folder, entry);
	}
	os_list_end(entries);
	return contested;
}

/* With all of its text from the first moment that it can be seen. */
static int put_claim(int folder, const char *name)
{
	NCM_AUTO_FREE char *temporary = ncm_asprintf(".%s.tmp", name);
	NCM_AUTO_FREE char *text = describe_self();
	int fd = ncm_own_create(folder, temporary, OS_READ | OS_WRITE, NCM_OWN_WORD);
	int saved;

	if (fd < 0)
		return -1;
	if (ncm_pwrite_all(fd, text, strlen(text), 0) == 0 && os_rename(folder, temporary, folder, name) == 0)
		return fd;
	saved = errno;
	(void)os_unlink(folder, temporary);
	os_close(fd);
	errno = saved;
	return -1;
}

int ncm_claim_take(int dirfd, const char *name)
{
	const char *base = ncm_path_base(name);
	NCM_AUTO_FREE char *parent = base > name ? ncm_strndup(name, (size_t)(base - name) - 1) : ncm_strdup(".");
	NCM_AUTO_FREE char *prefix = ncm_asprintf("%s%s", base, mark);
	NCM_AUTO_FREE char *own = NULL;
	NCM_AUTO_CLOSE int folder = os_open_beneath(dirfd, parent, OS_FOLDER);
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
	(void)os_unlink(folder, own);
	os_close(fd);
	errno = EWOULDBLOCK;
	return -1;
}

void ncm_claim_drop(int fd)
{
	char path[4096];

	if (os_path_of(fd, path, sizeof path) > 0 && strstr(ncm_path_base(path), mark))
		(void)os_unlink(OS_HERE, path);
}
