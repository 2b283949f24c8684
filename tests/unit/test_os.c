/* SPDX-License-Identifier: MIT */
/* What src/os promises of the system, beyond what the calls themselves do. */
#include "check.h"
#include "temp.h"

#include "base/mem.h"
#include "os/os.h"
#include "os/system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int folder_fd;

static void make_world(void)
{
	CHECK(mkdirat(folder_fd, "a", 0755) == 0 && mkdirat(folder_fd, "a/b", 0755) == 0);
	close(openat(folder_fd, "a/b/file", O_WRONLY | O_CREAT, 0644));
	CHECK(symlinkat("a", folder_fd, "link") == 0 && symlinkat("b/file", folder_fd, "a/short") == 0);
	CHECK(symlinkat("..", folder_fd, "a/up") == 0 && mkfifoat(folder_fd, "a/pipe", 0600) == 0);
}

/* The path of a number: up to four words. The caller frees it. */
static char *path_of(size_t number)
{
	static const char *const words[] = {"a", "b", "file", "link", "short", "up", "pipe", "..", ".", ""};
	enum { WORDS = sizeof words / sizeof *words };
	char *path = ncm_asprintf("%s/%s/%s/%s", words[number % WORDS], words[number / 10 % WORDS],
				  words[number / 100 % WORDS], words[number / 1000 % WORDS]);

	while (*path && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = '\0';
	return path;
}

/* Where the kernel lacks openat2 the walk opens no more than it would, and the same files. */
static void the_walk_opens_what_the_kernel_does(void)
{
	unsigned both = 0;

	for (size_t i = 0; i < 10000; i++) {
		NCM_AUTO_FREE char *path = path_of(i);
		NCM_AUTO_CLOSE int kernel = os_open_beneath(folder_fd, path, OS_READ);
		NCM_AUTO_CLOSE int walk = os_open_walking(folder_fd, path, os_native_flags(OS_READ));
		struct os_stat one, other;

		/* It takes no path that is spelled oddly. */
		CHECK(walk >= 0 || kernel < 0 || strstr(path, "..") || strstr(path, "//"));
		if (walk < 0)
			continue;
		CHECK(kernel >= 0 && os_fstat(kernel, &one) == 0 && os_fstat(walk, &other) == 0);
		CHECK(os_is_same(&one, &other));
		both++;
	}
	CHECK(both > 10);
}

static void nothing_outside_is_opened(void)
{
	static const char *const paths[] = {"/etc/passwd", "../x", "a/../../x", "link/b", "a/up/a", "a/short", "link"};

	static const int ways[] = {OS_READ, OS_FOLDER};

	for (size_t i = 0; i < 2 * sizeof paths / sizeof *paths; i++) {
		const char *path = paths[i / 2];
		int why;

		CHECK(os_open_beneath(folder_fd, path, ways[i % 2]) == -1);
		why = errno;
		CHECK(os_open_walking(folder_fd, path, os_native_flags(ways[i % 2])) == -1 && errno == why);
	}
}

static void a_pipe_does_not_keep_us(void)
{
	NCM_AUTO_CLOSE int fd = os_open(folder_fd, "a/pipe", OS_READ);
	struct os_stat status;

	CHECK(fd >= 0 && os_fstat(fd, &status) == 0 && status.kind == OS_IS_OTHER);
}

static void a_link_is_told_from_what_it_leads_to(void)
{
	NCM_AUTO_CLOSE int link = os_open(folder_fd, "link", OS_PATH | OS_NO_LINK);
	struct os_stat status;
	char text[8];

	CHECK(os_lstat(folder_fd, "link", &status) == 0 && status.kind == OS_IS_LINK);
	CHECK(os_stat(folder_fd, "link", &status) == 0 && status.kind == OS_IS_FOLDER);
	CHECK(os_fstat(link, &status) == 0 && status.kind == OS_IS_LINK);
	CHECK(os_readlink(link, "", text, sizeof text) == 1 && strcmp(text, "a") == 0);
	CHECK(os_readlink(folder_fd, "a/short", text, 4) == 3 && strcmp(text, "b/f") == 0);
	CHECK(os_open(folder_fd, "link", OS_READ | OS_NO_LINK) == -1 && errno == ELOOP);
}

static void a_list_is_whole_and_begins_anew(void)
{
	const int again = os_open(folder_fd, "a", OS_FOLDER);

	for (int round = 0; round < 2; round++) {
		struct os_list *list = os_list(os_dup(again));
		unsigned count = 0;

		while (os_list_next(list))
			count++;
		CHECK(errno == 0 && count == 4);
		os_list_end(list);
	}
	CHECK(!os_list(os_open(folder_fd, "none", OS_FOLDER)) && errno == ENOENT);
	os_close(again);
}

static void a_name_is_given_once(void)
{
	close(openat(folder_fd, "one", O_WRONLY | O_CREAT, 0644));
	close(openat(folder_fd, "two", O_WRONLY | O_CREAT, 0644));
	CHECK(os_rename_new(folder_fd, "one", folder_fd, "two") == -1);
	CHECK(errno == EEXIST || errno == EINVAL);
	CHECK(os_create(folder_fd, "two", OS_WRITE, 0600) == -1 && errno == EEXIST);
	CHECK(os_create(folder_fd, "link", OS_WRITE, 0600) == -1 && errno == EEXIST);
}

/* What is open is found whatever its name is by now; the mode that it was opened by is its own. */
static void a_file_is_opened_anew(void)
{
	NCM_AUTO_CLOSE int fd = os_create(folder_fd, "named", OS_READ | OS_WRITE, 0600);
	NCM_AUTO_CLOSE int again = -1;
	char path[4096], byte = 0;

	CHECK(os_pwrite(fd, "x", 1, 5) == 1 && os_rename(folder_fd, "named", folder_fd, "renamed") == 0);
	again = os_reopen(fd, OS_READ);
	CHECK(again >= 0 && os_pread(again, &byte, 1, 5) == 1 && byte == 'x' && os_pwrite(again, "y", 1, 0) == -1);
	CHECK(os_path_of(fd, path, sizeof path) > 0 && strcmp(strrchr(path, '/'), "/renamed") == 0);
}

static void processes_are_told_apart(void)
{
	char boot[64], again[64];

	CHECK(os_process_start(os_pid()) != 0 && os_process_start(os_pid()) == os_process_start(os_pid()));
	CHECK(os_process_start(-1) == 0);
	CHECK(os_boot_id(boot, sizeof boot) && os_boot_id(again, sizeof again) && strcmp(boot, again) == 0);
	CHECK(os_cores() >= 1 && os_umask() >= 0 && os_umask() <= 0777);
}

static void errors_have_words(void)
{
	CHECK(strcmp(os_error_text(ENOENT), "No such file or directory") == 0);
	CHECK(strcmp(os_error_text(-1), "error") == 0);
}

int main(void)
{
	char *folder = temp_folder();

	folder_fd = os_open(OS_HERE, folder, OS_FOLDER);
	make_world();
	RUN(the_walk_opens_what_the_kernel_does);
	RUN(nothing_outside_is_opened);
	RUN(a_pipe_does_not_keep_us);
	RUN(a_link_is_told_from_what_it_leads_to);
	RUN(a_list_is_whole_and_begins_anew);
	RUN(a_name_is_given_once);
	RUN(a_file_is_opened_anew);
	RUN(processes_are_told_apart);
	RUN(errors_have_words);
	os_close(folder_fd);
	temp_remove(folder);
	return 0;
}
