/* SPDX-License-Identifier: MIT */
/* Links on the way to a folder in which root works: judged by who made them. Of anybody but root nothing is asked. */
#include "check.h"
#include "temp.h"

#include "base/links.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { USER = 5003, ROUNDS = 3000 };

static void make_folder(const char *path, uid_t owner)
{
	CHECK(mkdir(path, 0755) == 0 && chown(path, owner, owner) == 0);
}

static void make_link(const char *target, const char *path, uid_t owner)
{
	CHECK(symlink(target, path) == 0 && lchown(path, owner, owner) == 0);
}

/* Opens it and tells whose it is, or -1 with errno. */
static int owner_of(const char *path, char **stray)
{
	NCM_AUTO_CLOSE int fd = ncm_dir_by_links(path, stray);
	struct stat status;

	return fd < 0 || fstat(fd, &status) < 0 ? -1 : (int)status.st_uid;
}

static void expect_refused(const char *path, const char *link)
{
	NCM_AUTO_FREE char *stray = NULL;

	CHECK(owner_of(path, &stray) == -1 && errno == EACCES);
	CHECK(stray && strlen(stray) > strlen(link));
	CHECK_STR(stray + strlen(stray) - strlen(link), link);
}

static void who_made_a_link_rules_where_it_leads(void)
{
	make_folder("home", USER);
	make_folder("home/own", USER);
	make_folder("roots", 0);
	make_folder("roots/below", 0);
	CHECK(owner_of("home/own", NULL) == USER && owner_of("roots/below", NULL) == 0);
	make_link("own", "home/to-own", USER);
	make_link("../roots", "home/to-roots", USER);
	make_link("to-roots", "home/to-link", USER);
	make_link("../home/to-roots", "roots/by-root", 0);
	make_link("below", "roots/short", 0);
	CHECK(owner_of("home/to-own", NULL) == USER);
	CHECK(owner_of("roots/short", NULL) == 0);
	expect_refused("home/to-roots", "home/to-roots");
	expect_refused("home/to-roots/below", "home/to-roots");
	expect_refused("home/to-link", "home/to-link");
	/* Root's own link leads through the other's. */
	expect_refused("roots/by-root/below", "home/to-roots");
	/* What is not there yet would be made there. */
	expect_refused("home/to-roots/not/there", "home/to-roots");
	CHECK(owner_of("home/to-own/not/there", NULL) == -1 && errno == ENOENT);
	CHECK(owner_of("nowhere", NULL) == -1 && errno == ENOENT);
	make_link("circle", "home/circle", USER);
	CHECK(owner_of("home/circle", NULL) == -1);
}

static atomic_bool ended;

static void *swap(void *unused)
{
	while (!atomic_load(&ended)) {
		/* Under the name stands the link to the one folder or that to the other. */
		CHECK(renameat2(AT_FDCWD, "home/now", AT_FDCWD, "home/then", RENAME_EXCHANGE) == 0);
	}
	return unused;
}

static void what_is_judged_is_what_is_opened(void)
{
	unsigned opened = 0, refused = 0;
	pthread_t thread;

	make_link("own", "home/now", USER);
	make_link("../roots", "home/then", USER);
	CHECK(pthread_create(&thread, NULL, swap, NULL) == 0);
	for (unsigned i = 0; i < ROUNDS || opened == 0 || refused == 0; i++) {
		const int owner = owner_of("home/now", NULL);

		CHECK(owner == USER || owner == -1);
		opened += owner == USER;
		refused += owner == -1;
	}
	atomic_store(&ended, true);
	pthread_join(thread, NULL);
}

int main(void)
{
	char *folder;

	if (geteuid() != 0)
		return 77;
	folder = temp_folder();
	CHECK(chdir(folder) == 0 && chmod(".", 0755) == 0);
	RUN(who_made_a_link_rules_where_it_leads);
	RUN(what_is_judged_is_what_is_opened);
	CHECK(chdir("/") == 0);
	temp_remove(folder);
	return 0;
}
