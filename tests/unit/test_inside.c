/* SPDX-License-Identifier: MIT */
/* Which links to folders are part of a store. */
#include "check.h"
#include "store/inside.h"
#include "temp.h"

#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;
static struct ncm_store_folder folders[] = {{(char *)"vae", (char *)"models/vae"}, {(char *)"deep", (char *)"a/b/c"}};
static struct ncm_store store = {.kind = &ncm_kind_folders, .folders = folders, .folder_count = 2};

static void begin(void)
{
	folder = temp_folder();
	temp_write(folder, "store/plain/x", "x");
	temp_write(folder, "away/sub/y", "y");
	store.path = ncm_path_join(folder, "store");
}

static void stop(void)
{
	free(store.path);
	temp_remove(folder);
}

/* "store/<name>" leads to "away". */
static void lead_away(const char *name, uid_t owner)
{
	NCM_AUTO_FREE char *target = ncm_path_join(folder, "away");
	NCM_AUTO_FREE char *path = ncm_path_join(store.path, name);
	NCM_AUTO_FREE char *file = ncm_path_join("store", name);

	temp_write(folder, file, "");
	CHECK(unlink(path) == 0 && symlink(target, path) == 0);
	CHECK(owner == geteuid() || lchown(path, owner, owner) == 0);
}

static bool opens(const char *relative)
{
	NCM_AUTO_CLOSE int dirfd = open(store.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NCM_AUTO_CLOSE int fd = store_dir_inside(&store, dirfd, relative);

	CHECK(fd >= 0 || errno == ELOOP || errno == EXDEV || errno == ENOENT || errno == ENOTDIR);
	return fd >= 0;
}

static void links_at_or_above_a_layout_s_folder_are(void)
{
	begin();
	lead_away("models/vae", geteuid());
	lead_away("a", geteuid());
	CHECK(opens("models/vae") && opens("models/vae/sub") && opens("a/sub") && opens("plain") && opens(""));
	CHECK(!opens("models/vae/other") && errno == ENOENT);
	CHECK(!opens("models/vae/../.."));
	stop();
}

static void other_links_are_not(void)
{
	begin();
	lead_away("models/loras", geteuid());
	lead_away("models/vae/mine", geteuid());
	lead_away("plain/link", geteuid());
	CHECK(!opens("models/loras") && errno == ELOOP);
	CHECK(!opens("models/vae/mine/sub") && errno == ELOOP);
	CHECK(!opens("plain/link/sub"));
	/* Behind one that is, too. */
	lead_away("a", geteuid());
	CHECK(opens("a/sub"));
	{
		NCM_AUTO_FREE char *link = ncm_path_join(folder, "away/link");

		CHECK(symlink("sub", link) == 0);
	}
	CHECK(!opens("a/link") && errno == ELOOP);
	stop();
}

static bool chmod_away(mode_t mode)
{
	NCM_AUTO_FREE char *away = ncm_path_join(folder, "away");

	return chmod(away, mode) == 0;
}

static void links_of_others_are_not(void)
{
	if (geteuid() != 0)
		return;
	begin();
	lead_away("models/vae", 65534);
	CHECK(!opens("models/vae") && errno == ELOOP);
	/* Of the store's owner they are, but not to where he could not write himself. */
	CHECK(chown(store.path, 65534, 65534) == 0);
	CHECK(!opens("models/vae/sub") && errno == ELOOP);
	CHECK(chmod_away(01777) && !opens("models/vae"));
	CHECK(chmod_away(0777) && opens("models/vae/sub"));
	stop();
}

static void folders_of_others_are_not(void)
{
	if (geteuid() != 0)
		return;
	begin();
	lead_away("models/vae", 0);
	{
		NCM_AUTO_FREE char *away = ncm_path_join(folder, "away");

		CHECK(chown(away, 65534, 65534) == 0);
	}
	CHECK(!opens("models/vae") && errno == ELOOP);
	CHECK(chown(store.path, 65534, 65534) == 0);
	CHECK(opens("models/vae/sub"));
	stop();
}

static bool is_read(const char *relative)
{
	NCM_AUTO_CLOSE int dirfd = open(store.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NCM_AUTO_CLOSE int fd = store_dir_by(&store, dirfd, relative, STORE_LINKS_READ);

	return fd >= 0;
}

static void links_below_are_read_and_no_more(void)
{
	begin();
	lead_away("models/vae/mine", geteuid());
	CHECK(!opens("models/vae/mine") && is_read("models/vae/mine") && is_read("models/vae/mine/sub"));
	if (geteuid() == 0) {
		NCM_AUTO_FREE char *link = ncm_path_join(store.path, "models/vae/mine");

		CHECK(lchown(link, 65534, 65534) == 0);
		CHECK(!is_read("models/vae/mine") && errno == ELOOP);
	}
	stop();
}

static void the_link_on_the_way_is_named(void)
{
	begin();
	lead_away("models/vae", geteuid());
	lead_away("plain/a/link", geteuid());
	{
		NCM_AUTO_CLOSE int dirfd = open(store.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		NCM_AUTO_FREE char *link = store_link_on_the_way(&store, dirfd, "plain/a/link/b/x");
		NCM_AUTO_FREE char *none = store_link_on_the_way(&store, dirfd, "models/vae/sub/y");
		NCM_AUTO_FREE char *absent = store_link_on_the_way(&store, dirfd, "plain/not/there");

		CHECK(link && strcmp(link, "plain/a/link") == 0 && !none && !absent);
	}
	stop();
}

static void the_folder_of_a_file_is_found(void)
{
	const char *name;
	struct stat status;

	begin();
	lead_away("models/vae", geteuid());
	{
		NCM_AUTO_CLOSE int dirfd = open(store.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		NCM_AUTO_CLOSE int fd = store_parent_inside(&store, dirfd, "models/vae/sub/y", &name);

		CHECK(fd >= 0 && fstatat(fd, name, &status, 0) == 0 && status.st_size == 1);
	}
	stop();
}

int main(void)
{
	RUN(links_at_or_above_a_layout_s_folder_are);
	RUN(other_links_are_not);
	RUN(links_of_others_are_not);
	RUN(folders_of_others_are_not);
	RUN(links_below_are_read_and_no_more);
	RUN(the_link_on_the_way_is_named);
	RUN(the_folder_of_a_file_is_found);
	return 0;
}
