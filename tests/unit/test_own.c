/* SPDX-License-Identifier: MIT */
/* Modes and owners of what is made, in every kind of folder, against a second opinion. */
#include "check.h"

#include "base/mem.h"
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char folder[] = "/tmp/ncm-own-XXXXXX";
static int folder_fd;

static const uid_t owners[] = {0, 4001};
static const gid_t group = 4002;
static const mode_t folder_modes[] = {0700, 0755, 0775, 0777, 01777, 02755, 02775, 02770, 03775};
static const mode_t masks[] = {0, 002, 022, 027, 077};

/* A file system that knows no flags of a rename: with this errno, and with what another process makes meanwhile. */
static int refusal;
static bool is_raced;

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
	if (refusal && flags != 0) {
		if (is_raced)
			CHECK(mkdirat(to, new, 0700) == 0);
		errno = refusal;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

/* As the header says it, in other words. */
static mode_t expected(enum ncm_own_kind kind, mode_t above, mode_t mask, bool same_group)
{
	const bool shared = (above & 02020) == 02020;
	mode_t mode;

	switch (kind) {
	case NCM_OWN_FILE:
		return (0666 & ~mask) | (shared ? 0060 : 0);
	case NCM_OWN_WORD:
		return (0644 & ~mask) | (shared ? 0040 : 0);
	case NCM_OWN_PRIVATE:
		return shared ? 0660 : 0600;
	case NCM_OWN_FOLDER:
		mode = (0777 & ~mask) | (shared ? 0070 : 0);
		return mode | (above & S_ISGID);
	case NCM_OWN_CLOSED:
	default:
		mode =
		    shared || (!(mask & 020) && (above & 0032) == 0030 && !(above & 01000) && same_group) ? 0770 : 0700;
		return mode | (above & S_ISGID);
	}
}

static void check_made(enum ncm_own_kind kind, const struct stat *above, mode_t mask)
{
	const bool is_folder = kind == NCM_OWN_FOLDER || kind == NCM_OWN_CLOSED;
	const bool foreign = above->st_uid != geteuid() && geteuid() == 0 && kind != NCM_OWN_WORD;
	const bool gets_group = foreign || (above->st_mode & S_ISGID);
	struct stat made;

	if (is_folder) {
		CHECK(ncm_own_mkdir(folder_fd, "made", kind) == 0);
		CHECK(ncm_own_mkdir(folder_fd, "made", kind) < 0 && errno == EEXIST);
	} else {
		const int fd = ncm_own_create(folder_fd, "made", O_RDWR, kind);

		CHECK(fd >= 0 && close(fd) == 0);
		CHECK(ncm_own_create(folder_fd, "made", O_RDWR, kind) < 0 && errno == EEXIST);
	}
	CHECK(fstatat(folder_fd, "made", &made, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK_U64(made.st_mode & 07777, expected(kind, above->st_mode, mask, foreign || above->st_gid == getegid()));
	CHECK_U64(made.st_uid, foreign ? above->st_uid : geteuid());
	CHECK_U64(made.st_gid, gets_group ? above->st_gid : getegid());
	CHECK(unlinkat(folder_fd, "made", is_folder ? AT_REMOVEDIR : 0) == 0);
}

static void every_folder(void)
{
	for (size_t owner = 0; owner < (geteuid() == 0 ? 2 : 1); owner++) {
		for (size_t i = 0; i < sizeof folder_modes / sizeof *folder_modes; i++) {
			struct stat above;

			if (geteuid() == 0)
				CHECK(fchown(folder_fd, owners[owner], owner ? group : getegid()) == 0);
			CHECK(fchmod(folder_fd, folder_modes[i]) == 0 && fstat(folder_fd, &above) == 0);
			for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
				umask(masks[m]);
				for (int kind = NCM_OWN_FILE; kind <= NCM_OWN_CLOSED; kind++)
					check_made((enum ncm_own_kind)kind, &above, masks[m]);
			}
		}
	}
	umask(022);
	CHECK((geteuid() != 0 || fchown(folder_fd, 0, getegid()) == 0) && fchmod(folder_fd, 0755) == 0);
}

static void what_was_there_stays(void)
{
	struct stat status;
	int fd;

	CHECK(mkdirat(folder_fd, "old", 0711) == 0 && ncm_own_mkdir(folder_fd, "old", NCM_OWN_FOLDER) < 0 &&
	      errno == EEXIST);
	CHECK(fstatat(folder_fd, "old", &status, 0) == 0 && (status.st_mode & 07777) == 0711);
	CHECK(symlinkat("nowhere", folder_fd, "link") == 0 && ncm_own_mkdir(folder_fd, "link", NCM_OWN_FOLDER) < 0 &&
	      errno == EEXIST);
	CHECK(ncm_own_create(folder_fd, "link", O_RDWR, NCM_OWN_FILE) < 0 && errno == EEXIST);
	CHECK(ncm_own_open(folder_fd, "link", O_RDWR, NCM_OWN_FILE) < 0 && errno == ELOOP);
	CHECK(unlinkat(folder_fd, "link", 0) == 0);
	fd = ncm_own_open(folder_fd, "old/file", O_RDWR, NCM_OWN_FILE);
	CHECK(fd >= 0 && fchmod(fd, 0604) == 0 && close(fd) == 0);
	fd = ncm_own_open(folder_fd, "old/file", O_RDWR, NCM_OWN_FILE);
	CHECK(fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 07777) == 0604 && close(fd) == 0);
	CHECK(unlinkat(folder_fd, "old/file", 0) == 0 && unlinkat(folder_fd, "old", AT_REMOVEDIR) == 0);
}

/* Where a rename has no flags a folder is made all the same, and one that another process makes first is there. */
static void without_flags(void)
{
	static const int refusals[] = {EINVAL, ENOSYS, EOPNOTSUPP};

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		refusal = refusals[i];
		is_raced = false;
		CHECK(ncm_own_mkdir(folder_fd, "made", NCM_OWN_CLOSED) == 0);
		CHECK(unlinkat(folder_fd, "made", AT_REMOVEDIR) == 0);
		is_raced = true;
		CHECK(ncm_own_mkdir(folder_fd, "made", NCM_OWN_CLOSED) < 0);
		CHECK_U64(errno, EEXIST);
		CHECK(unlinkat(folder_fd, "made", AT_REMOVEDIR) == 0);
	}
	refusal = 0;
}

/* What another folder's user gets of root: what root made, and nothing that has a second name or was there. */
static void given_away(void)
{
	struct stat status;
	int fd;

	if (geteuid() != 0)
		return;
	fd = ncm_own_create(folder_fd, "file", O_RDWR, NCM_OWN_FILE);
	CHECK(mkdirat(folder_fd, "his", 0755) == 0 && fchownat(folder_fd, "his", 4001, 4002, 0) == 0);
	{
		NCM_AUTO_CLOSE int his = openat(folder_fd, "his", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		CHECK(fd >= 0 && his >= 0);
		CHECK(!ncm_own_fit(fd, his, false) && fstat(fd, &status) == 0 && status.st_uid == 0);
		CHECK(linkat(folder_fd, "file", folder_fd, "second", 0) == 0);
		CHECK(!ncm_own_fit(fd, his, true) && fstat(fd, &status) == 0 && status.st_uid == 0);
		CHECK(unlinkat(folder_fd, "second", 0) == 0);
		CHECK(ncm_own_fit(fd, his, true) && fstat(fd, &status) == 0 && status.st_uid == 4001 &&
		      status.st_gid == 4002);
		CHECK(ncm_own_symlink("file", his, "link") == 0 &&
		      fstatat(his, "link", &status, AT_SYMLINK_NOFOLLOW) == 0);
		CHECK(status.st_uid == 4001 && unlinkat(his, "link", 0) == 0);
	}
	close(fd);
	CHECK(unlinkat(folder_fd, "file", 0) == 0 && unlinkat(folder_fd, "his", AT_REMOVEDIR) == 0);
}

int main(void)
{
	CHECK(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(folder_fd >= 0);
	RUN(every_folder);
	RUN(what_was_there_stays);
	RUN(without_flags);
	RUN(given_away);
	close(folder_fd);
	CHECK(rmdir(folder) == 0);
	return 0;
}
