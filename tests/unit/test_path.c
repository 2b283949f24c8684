/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/name.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <ncmodel/limits.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void hostile_names_are_refused(void)
{
	static const char *const bad[] = {
	    "",
	    ".",
	    "..",
	    "../x",
	    "a/../../x",
	    "/abs",
	    "~/x",
	    "a//b",
	    "./a",
	    "a/",
	    "a/./b",
	    "a\\b",
	    "C:\\x",
	    "C:x",
	    "CON",
	    "nul.txt",
	    "aux.c",
	    "PRN./a",
	    "com1",
	    "COM9.gguf",
	    "lpt\xc2\xb9",
	    "conout$",
	    "a/lpt8",
	    "dot.",
	    "space ",
	    " lead",
	    "a:b",
	    "x::$DATA",
	    "a<b",
	    "a|b",
	    "a?b",
	    "a*b",
	    "q\"q",
	    "-opt",
	    "a/-rf",
	    "esc\x1b[1m",
	    "new\nline",
	    "del\x7f",
	    "c1\xc2\x9b",
	    "rtl\xe2\x80\xae",
	    "zw\xe2\x80\x8b",
	    "bad\xff",
	    "models.json",
	    "MODELS.JSON",
	    ".ncmodel",
	    ".ncmodel/x",
	    "ncmodel.lock",
	};
	static const char *const good[] = {
	    "model.gguf",      "a/b/c.safetensors",        ".hidden",      "com10",       "console.txt",
	    "caf\xc3\xa9.bin", "a (1) [x] {y} +z@v1.gguf", "nulls/x.json", "__init__.py",
	};
	char text[1200];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ncm_error err = NCM_ERROR_INIT;

		if (ncm_path_check(bad[i], &err))
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK(err.code == NCM_E_POLICY);
		ncm_error_clear(&err);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK(ncm_path_check(good[i], NULL));
	memset(text, 'a', sizeof text);
	text[NCM_LIMIT_NAME_BYTES] = '\0';
	CHECK(ncm_path_check(text, NULL));
	text[NCM_LIMIT_NAME_BYTES] = 'a';
	text[NCM_LIMIT_NAME_BYTES + 1] = '\0';
	CHECK(!ncm_path_check(text, NULL));
	for (size_t i = 0; i < sizeof text; i += 2)
		memcpy(text + i, "a/", 2);
	text[31] = '\0'; /* 16 levels */
	CHECK(ncm_path_check(text, NULL));
	text[31] = '/';
	text[33] = '\0';
	CHECK(!ncm_path_check(text, NULL));
}

static void names_that_fold_together_are_found(void)
{
	static const char *const pairs[][2] = {
	    {"Model.GGUF", "model.gguf"},
	    {"stra\xc3\x9f"
	     "e",
	     "STRASSE"},
	    {"caf\xc3\xa9", "cafe\xcc\x81"},
	    {"\xd0\x90", "\xd0\xb0"},
	    {"\xc4\xb0", "i"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		NCM_AUTO_FREE char *a = ncm_path_fold(pairs[i][0]);
		NCM_AUTO_FREE char *b = ncm_path_fold(pairs[i][1]);

		CHECK_STR(a, b);
	}
}

static void safe_name(const char *name, const char *expected)
{
	NCM_AUTO_FREE char *safe = ncm_path_safe_name(name);

	CHECK_STR(safe, expected);
	CHECK(ncm_path_check(safe, NULL));
}

static void server_names_are_made_safe(void)
{
	safe_name("model.safetensors", "model.safetensors");
	safe_name("../../etc/passwd", "passwd");
	safe_name("C:\\dir\\x.gguf", "x.gguf");
	safe_name("..", "download");
	safe_name("CON", "_CON");
	safe_name("a\x1b[1m?.gguf. ", "a_[1m_.gguf");
	safe_name("models.json", "_models.json");
}

static void portable(const char *path, const char *expected)
{
	NCM_AUTO_FREE char *found = ncm_path_portable(path, false);

	CHECK_STR(found ? found : "", expected);
	CHECK(!found || ncm_path_check(found, NULL));
}

static void names_of_repositories_become_portable(void)
{
	static const char *const elsewhere[] = {"", "/", "/x", "a//b", "a/", ".", "..", "../x", "a/../x", "a/./x"};
	NCM_AUTO_FREE char *apart = ncm_path_portable("sub/a.json", true);

	portable("sub/model.safetensors", "sub/model.safetensors");
	portable("aux/x.json", "aux-321f68140efca2b3/x.json");
	portable("a/*.pt", "a/_-0924a5ddadd43951.pt");
	portable("x.", "x-c92f00b196e2fb02");
	portable("a\\b.gguf", "a_b-777ae279851e299a.gguf");
	portable("\xff.json", "_-a124b6199a9962f0.json");
	portable("...", "download-ab5df625bc76dbd4");
	CHECK_STR(apart, "sub/a-6025a12236ee54ba.json");
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		portable(elsewhere[i], "");
}

/* `size` bytes: as many of `letter` (one character of UTF-8) as fit before `ending`. The caller frees it. */
static char *long_name(const char *letter, size_t size, const char *ending)
{
	char *name = ncm_calloc(size + 1, 1);
	size_t at = 0;

	while (at + strlen(letter) + strlen(ending) <= size)
		at += strlen(strcpy(name + at, letter));
	strcpy(name + at, ending);
	return name;
}

static void names_that_fit_are_kept_whole(void)
{
	for (size_t size = 190; size <= NCM_LIMIT_NAME_BYTES; size++) {
		NCM_AUTO_FREE char *name = long_name("a", size, ".safetensors");

		safe_name(name, name);
	}
}

static void check_shortened(const char *name, const char *ending)
{
	NCM_AUTO_FREE char *safe = ncm_path_safe_name(name);
	NCM_AUTO_FREE char *other_name = ncm_strdup(name);
	NCM_AUTO_FREE char *other = NULL;

	/* Another name, by a letter in the middle of what goes. */
	other_name[strlen(name) - strlen(ending) - 2] ^= 1;
	other = ncm_path_safe_name(other_name);
	CHECK(ncm_path_check(safe, NULL) && ncm_path_check(other, NULL));
	CHECK(strlen(safe) <= NCM_LIMIT_NAME_BYTES && strlen(safe) > NCM_LIMIT_NAME_BYTES - 4);
	CHECK_STR(safe + strlen(safe) - strlen(ending), ending);
	CHECK_STR(other + strlen(other) - strlen(ending), ending);
	CHECK(strcmp(safe, other) != 0);
}

static void longer_names_keep_their_ending_and_stay_two(void)
{
	static const char *const letters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	static const char *const endings[] = {".safetensors", ".gguf", ".tar.gz", ""};

	for (size_t i = 0; i < 4 * 4; i++) {
		for (size_t size = 300; size < 305; size++) {
			NCM_AUTO_FREE char *name = long_name(letters[i / 4], size, endings[i % 4]);

			check_shortened(name, endings[i % 4]);
		}
	}
}

static void what_is_shortened_is_no_name_of_a_device(void)
{
	NCM_AUTO_FREE char *tail = long_name("x", 300, ".gguf");
	NCM_AUTO_FREE char *name = ncm_asprintf("con.%s", tail);
	NCM_AUTO_FREE char *safe = ncm_path_safe_name(name);

	CHECK(strncmp(safe, "_con.", 5) == 0 && strlen(safe) <= NCM_LIMIT_NAME_BYTES);
	CHECK(ncm_path_check(safe, NULL));
}

static void paths_become_absolute(void)
{
	NCM_AUTO_FREE char *a = ncm_path_absolute("/a/./b/../c//d/");
	NCM_AUTO_FREE char *b = ncm_path_absolute("/../..");

	CHECK_STR(a, "/a/c/d");
	CHECK_STR(b, "/");
}

static void nothing_opens_outside(void)
{
	char dir[] = "/tmp/ncm-path-XXXXXX";
	struct ncm_error err = NCM_ERROR_INIT;
	int root, fd;

	CHECK(mkdtemp(dir));
	root = ncm_dir_open(dir, false, &err);
	CHECK(root >= 0);
	CHECK(symlinkat("/etc", root, "link") == 0);
	CHECK(os_open_beneath(root, "../x", O_RDONLY) == -1);
	CHECK(os_open_beneath(root, "/etc/passwd", O_RDONLY) == -1);
	CHECK(os_open_beneath(root, "link/passwd", O_RDONLY) == -1);
	CHECK(os_open_beneath(root, "link", O_RDONLY) == -1);
	CHECK(ncm_mkdir_beneath(root, "link/new", &err) == -1 && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	fd = ncm_mkdir_beneath(root, "a/b/c", &err);
	CHECK(fd >= 0);
	close(fd);
	fd = openat(root, "a/b/c/file", O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK(ncm_remove_beneath(root, "a") == 0);
	CHECK(ncm_remove_beneath(root, "link") == 0);
	CHECK(ncm_remove_beneath(root, "never/there") == 0);
	CHECK(access("/etc/passwd", F_OK) == 0);
	close(root);
	CHECK(rmdir(dir) == 0);
}

/* As an old kernel or a sandbox without openat2. */
static void nothing_opens_outside_without_openat2(void)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	CHECK(syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0) == -1 && errno == ENOSYS);
	nothing_opens_outside();
}

int main(void)
{
	RUN(hostile_names_are_refused);
	RUN(names_that_fold_together_are_found);
	RUN(server_names_are_made_safe);
	RUN(names_of_repositories_become_portable);
	RUN(names_that_fit_are_kept_whole);
	RUN(longer_names_keep_their_ending_and_stay_two);
	RUN(what_is_shortened_is_no_name_of_a_device);
	RUN(paths_become_absolute);
	RUN(nothing_opens_outside);
	RUN(nothing_opens_outside_without_openat2); /* last: the filter stays */
	return 0;
}
