/* SPDX-License-Identifier: MIT */
/* Heads of tars, as the system's tar reads them; whole ones go to a registry in tests/integration/test_push_tar.py. */
#include "base/mem.h"
#include "check.h"
#include "push/work.h"
#include "temp.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *folder;

/* What `tar` says of a file of that name and size: a sparse one, so that any size costs nothing. */
static char *listed(const char *path, uint64_t content)
{
	struct ncm_push_file file = {.path = ncm_strdup(path), .size = content};
	NCM_AUTO_FREE char *name = ncm_asprintf("%s/x.tar", folder);
	NCM_AUTO_FREE char *command =
	    ncm_asprintf("TZ=UTC LC_ALL=C.UTF-8 tar --quoting-style=literal --numeric-owner -tvf %s 2>&1", name);
	NCM_AUTO_CLOSE int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t size, got;
	NCM_AUTO_FREE char *head = push_tar_head(&file, &size);
	char *words = ncm_calloc(1, 1024);
	FILE *pipe;

	CHECK(size % 512 == 0);
	CHECK(write(fd, head, size) == (ssize_t)size);
	CHECK(ftruncate(fd, (off_t)(size + (content + 511) / 512 * 512 + 1024)) == 0);
	pipe = popen(command, "r");
	got = fread(words, 1, 1023, pipe);
	words[got] = '\0';
	CHECK(pclose(pipe) == 0);
	free(file.path);
	return words;
}

static void check(const char *path, uint64_t content)
{
	NCM_AUTO_FREE char *words = listed(path, content);
	NCM_AUTO_FREE char *end = ncm_asprintf(" %llu 1970-01-01 00:00 %s\n", (unsigned long long)content, path);
	const char *at = strstr(words, end);

	CHECK(strncmp(words, "-rw-r--r-- 0/0 ", 15) == 0);
	CHECK(at && strcmp(at, end) == 0);
	if (!at)
		fprintf(stderr, "%s", words);
}

static void sizes(void)
{
	static const uint64_t all[] = {
	    0, 1, 511, 512, 513, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33, UINT64_C(1) << 40};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		check("folder/model.gguf", all[i]);
}

/* Every length, also those at which the number of a record's length gets a digit more. */
static void names(void)
{
	char path[256] = "";

	for (size_t length = 1; length < 256; length++) {
		memset(path, 'a', length);
		path[length] = '\0';
		check(path, 7);
	}
	check("m\xc3\xb6"
	      "dell/\xe6\xa8\xa1.gguf",
	      7);
	check("m\xc3\xb6"
	      "dell",
	      UINT64_C(1) << 34);
}

int main(void)
{
	folder = temp_folder();
	RUN(sizes);
	RUN(names);
	temp_remove(folder);
	return 0;
}
