/* SPDX-License-Identifier: MIT */
/* What counts as done where a file system has no such thing, and what stays an error everywhere. */
#include "check.h"

#include "base/ability.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static char folder[] = "/tmp/ncm-ability-XXXXXX";
static int folder_fd;
static int failure;      /* errno of all that is asked of the file system; 0: done */
static long system_kind; /* of every file */

static int answer(void)
{
	errno = failure;
	return failure ? -1 : 0;
}

/* In place of the C library's. */
int fsync(int fd)
{
	(void)fd;
	return answer();
}

int fdatasync(int fd)
{
	(void)fd;
	return answer();
}

int syncfs(int fd)
{
	(void)fd;
	return answer();
}

int fchmod(int fd, mode_t mode)
{
	(void)fd;
	(void)mode;
	return answer();
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	(void)fd;
	(void)uid;
	(void)gid;
	return answer();
}

int futimens(int fd, const struct timespec times[2])
{
	(void)fd;
	(void)times;
	return answer();
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	(void)from_dir;
	(void)from;
	(void)to_dir;
	(void)to;
	(void)flags;
	return answer();
}

int fstatfs(int fd, struct statfs *system)
{
	(void)fd;
	memset(system, 0, sizeof *system);
	system->f_type = system_kind;
	return 0;
}

/* Whether `errnum` is kept as an error by each of the calls; the same by all. */
static bool is_error_of_looks(int errnum)
{
	failure = errnum;
	const bool mode = ncm_set_mode(folder_fd, 0600) < 0 && errno == errnum;
	const bool owner = ncm_set_owner(folder_fd, 0, 0) < 0 && errno == errnum;
	const bool times = ncm_set_times(folder_fd, OS_NOW, OS_NOW) < 0 && errno == errnum;

	CHECK(mode == owner && owner == times);
	return mode;
}

static bool is_error_of_sync(int errnum)
{
	failure = errnum;
	const bool whole = ncm_sync(folder_fd) < 0 && errno == errnum;
	const bool data = ncm_sync_data(folder_fd) < 0 && errno == errnum;
	const bool all = ncm_sync_all(folder_fd) < 0 && errno == errnum;

	CHECK(whole == data && data == all);
	return whole;
}

static void sync_that_does_not_exist_is_done(void)
{
	static const int lacks[] = {EINVAL, EOPNOTSUPP, ENOSYS}, faults[] = {EIO, ENOSPC, EDQUOT, EROFS, EBADF, ESTALE};

	for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
		CHECK(!is_error_of_sync(lacks[i]));
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		CHECK(is_error_of_sync(faults[i]));
}

static void a_refusal_is_one_of_rights_on_a_unix_disk_alone(void)
{
	static const int refusals[] = {EPERM, EACCES}, faults[] = {EIO, EROFS, EBADF, ENOSPC};

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		system_kind = EXT4_SUPER_MAGIC;
		CHECK(is_error_of_looks(refusals[i]));
		system_kind = EXFAT_SUPER_MAGIC;
		CHECK(!is_error_of_looks(refusals[i]));
		system_kind = FUSE_SUPER_MAGIC;
		CHECK(!is_error_of_looks(refusals[i]));
	}
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		CHECK(is_error_of_looks(faults[i]));
}

static unsigned count_files(void)
{
	DIR *dir = opendir(folder);
	unsigned count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2; /* . and .. */
}

/* The answer is kept for a run: the first question of a device counts. */
static void what_is_tried_leaves_nothing_behind(void)
{
	const unsigned wanted = NCM_LACKS_MODES | NCM_LACKS_TIMES | NCM_LACKS_HARD_LINKS;
	NCM_AUTO_FREE char *below = ncm_asprintf("%s/not/there/yet", folder);
	NCM_AUTO_FREE char *text = ncm_lacks_text(wanted);

	system_kind = FUSE_SUPER_MAGIC;
	failure = EPERM;
	CHECK((ncm_lacks_at(below) & (wanted | NCM_LACKS_SYNC)) == wanted);
	CHECK(count_files() == 0);
	failure = 0;
	CHECK((ncm_lacks_of(folder_fd) & wanted) == wanted);
	CHECK(strcmp(text, "keeps no modes, keeps no times, has no hard links") == 0);
	CHECK(!ncm_lacks_text(0) && !ncm_lacks_text(NCM_LACKS_COLON));
}

int main(void)
{
	CHECK(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RUN(sync_that_does_not_exist_is_done);
	RUN(a_refusal_is_one_of_rights_on_a_unix_disk_alone);
	RUN(what_is_tried_leaves_nothing_behind);
	CHECK(rmdir(folder) == 0);
	return 0;
}
