/* SPDX-License-Identifier: MIT */
/* Locks where flock does nothing, as on some network file systems. */
#include "check.h"

#include "base/claim.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

enum { PROCESSES = 6, ROUNDS = 25 };

static char folder[] = "/tmp/ncm-claim-XXXXXX";
static int folder_fd;
static int flock_result;  /* 0: it says yes to everybody */
static int flock_failure; /* errno when it says no */

/* In place of the C library's. */
int flock(int fd, int operation)
{
	(void)fd;
	(void)operation;
	errno = flock_failure;
	return flock_result;
}

static int take(bool no_wait, struct ncm_error *err)
{
	return ncm_lock_beneath(folder_fd, "lock", "the test", no_wait, NULL, err);
}

static unsigned count_claims(void)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(entries)))
		count += strstr(entry->d_name, ".claim.") != NULL;
	closedir(entries);
	return count;
}

/* Reads a number, waits, writes one more: two at once would lose one. */
static void count_up(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	for (unsigned i = 0; i < ROUNDS; i++) {
		int held = take(false, &err);
		NCM_AUTO_FREE char *path = ncm_asprintf("%s/number", folder);
		NCM_AUTO_FREE char *text = NULL;
		NCM_AUTO_FREE char *more = NULL;

		CHECK(held >= 0);
		text = ncm_read_file(path, 64, NULL);
		more = ncm_asprintf("%lu", strtoul(text, NULL, 10) + 1);
		usleep(500);
		CHECK(ncm_write_atomic(folder_fd, "number", more, strlen(more), NCM_OWN_FILE, NULL) == 0);
		ncm_lock_release(held);
	}
}

static void many_processes_lose_nothing(void)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/number", folder);
	NCM_AUTO_FREE char *text = NULL;
	int status;

	CHECK(ncm_write_atomic(folder_fd, "number", "0", 1, NCM_OWN_FILE, NULL) == 0);
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			count_up();
			_exit(0);
		}
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	text = ncm_read_file(path, 64, NULL);
	CHECK_U64(strtoul(text, NULL, 10), PROCESSES * ROUNDS);
	CHECK_U64(count_claims(), 0);
}

static void a_held_lock_is_busy(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	int held = take(true, &err);

	CHECK(held >= 0);
	CHECK(take(true, &err) < 0);
	CHECK(err.code == NCM_E_BUSY);
	ncm_error_clear(&err);
	ncm_lock_release(held);
	held = take(true, &err);
	CHECK(held >= 0);
	ncm_lock_release(held);
	CHECK_U64(count_claims(), 0);
}

static void a_killed_process_lets_go(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	int status, held;
	pid_t child = fork();

	if (child == 0) {
		CHECK(take(true, &err) >= 0);
		kill(getpid(), SIGKILL);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	CHECK_U64(count_claims(), 1);
	held = take(true, &err);
	CHECK(held >= 0);
	CHECK_U64(count_claims(), 1);
	ncm_lock_release(held);
}

static void lay(const char *name, const char *text)
{
	CHECK(ncm_write_atomic(folder_fd, name, text, strlen(text), NCM_OWN_FILE, NULL) == 0);
}

static void lay_claim(const char *text)
{
	lay("lock.claim.0123", text);
}

static void claims_of_elsewhere_and_before(void)
{
	NCM_AUTO_FREE char *host = ncm_read_file("/proc/sys/kernel/hostname", 256, NULL);
	NCM_AUTO_FREE char *before = ncm_asprintf("1 1 another-boot %s", host);
	struct ncm_error err = NCM_ERROR_INIT;
	int held;

	/* Of another machine: it cannot be asked. */
	lay_claim("1 1 another-boot another-host\n");
	CHECK(take(true, &err) < 0 && err.code == NCM_E_BUSY);
	ncm_error_clear(&err);
	/* Of this one before it was booted anew, or no claim at all. */
	lay_claim(before);
	held = take(true, &err);
	CHECK(held >= 0);
	ncm_lock_release(held);
	lay_claim("nonsense");
	held = take(true, &err);
	CHECK(held >= 0);
	ncm_lock_release(held);
	CHECK_U64(count_claims(), 0);
}

/* Of a process that died between the two steps, and of one that is about to write. */
static void claims_without_their_names(void)
{
	NCM_AUTO_FREE char *host = ncm_read_file("/proc/sys/kernel/hostname", 256, NULL);
	NCM_AUTO_FREE char *before = ncm_asprintf("1 1 another-boot %s", host);
	struct ncm_error err = NCM_ERROR_INIT;
	int held;

	lay(".lock.claim.0123.tmp", before);
	lay(".lock.claim.4567.tmp", "");
	held = take(true, &err);
	CHECK(held >= 0);
	ncm_lock_release(held);
	CHECK_U64(count_claims(), 1);
	CHECK(unlinkat(folder_fd, ".lock.claim.4567.tmp", 0) == 0);
}

int main(void)
{
	CHECK(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RUN(a_held_lock_is_busy);
	RUN(many_processes_lose_nothing);
	RUN(a_killed_process_lets_go);
	RUN(claims_of_elsewhere_and_before);
	RUN(claims_without_their_names);
	flock_result = -1;
	flock_failure = ENOLCK;
	RUN(a_held_lock_is_busy);
	RUN(a_killed_process_lets_go);
	return 0;
}
