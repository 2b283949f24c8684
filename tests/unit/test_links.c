/* SPDX-License-Identifier: MIT */
/* Links on the way to a folder in which root works: judged by who made them. Of anybody but root nothing is asked. */
#include "check.h"
#include "temp.h"

#include "base/file.h"
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

/* The folder's owner and the file's name, "OWNER NAME"; or the last part of the link that is not followed. */
static char *led_to(const char *below)
{
	NCM_AUTO_FREE char *name = NULL, *stranger = NULL;
	NCM_AUTO_CLOSE int fd = ncm_parent_by_trusted_links(".", below, &name, &stranger);
	struct stat status;

	if (stranger)
		return ncm_strdup(strrchr(stranger, '/') + 1);
	if (fd < 0 || fstat(fd, &status) < 0)
		return ncm_strdup(errno == ELOOP ? "loop" : errno == ENOENT ? "none" : "error");
	return ncm_asprintf("%u %s", (unsigned)status.st_uid, name);
}

static void roots_and_our_links_lead_to_a_file(void)
{
	static const char *const expected[][2] = {
	    {"file", "0 file"},
	    {"home/new", "5003 new"},
	    {"home/nowhere/new", "none"},
	    {"roots-link", "5003 inner"},
	    {"home/roots-link/a", "0 a"},
	    {"twice", "5003 inner"},
	    {"round", "loop"},
	    {"home/theirs", "theirs"},
	    {"home/their-folder/a", "their-folder"},
	    {"by-theirs", "theirs"},
	    {"roots-dangling", "0 not-yet"},
	    {"home/../file", "0 file"},
	};

	make_link("home/own/inner", "roots-link", 0);
	make_link("../roots", "home/roots-link", 0);
	make_link("roots-link", "twice", 0);
	make_link("round", "round", 0);
	make_link("../roots/inner", "home/theirs", USER);
	make_link("../roots", "home/their-folder", USER);
	make_link("home/theirs", "by-theirs", 0);
	make_link("roots/not-yet", "roots-dangling", 0);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		NCM_AUTO_FREE char *found = led_to(expected[i][0]);

		CHECK_STR(found, expected[i][1]);
	}
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

/* "home/now" is a folder or a user's link to a folder of root's: never is a file of that one reached. */
static void a_folder_that_becomes_a_link_leads_nowhere_else(void)
{
	unsigned opened = 0, refused = 0;
	pthread_t thread;

	atomic_store(&ended, false);
	CHECK(unlink("home/now") == 0 && unlink("home/then") == 0);
	make_folder("home/now", USER);
	make_link("../roots", "home/then", USER);
	CHECK(pthread_create(&thread, NULL, swap, NULL) == 0);
	for (unsigned i = 0; i < ROUNDS || opened == 0 || refused == 0; i++) {
		NCM_AUTO_FREE char *found = led_to("home/now/file");
		const bool is_own = strcmp(found, "5003 file") == 0;

		CHECK(is_own || strcmp(found, "now") == 0);
		opened += is_own;
		refused += !is_own;
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
	RUN(roots_and_our_links_lead_to_a_file);
	RUN(what_is_judged_is_what_is_opened);
	RUN(a_folder_that_becomes_a_link_leads_nowhere_else);
	CHECK(chdir("/") == 0);
	temp_remove(folder);
	return 0;
}
