/* SPDX-License-Identifier: MIT */
/* Stores on disk: opening them, what may be named in them, and how content gets its place. */
#include "store_case.h"

#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <ncmodel/event.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void opening_makes_a_private_staging_folder(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct os_stat status;
	int fd;

	open_stores();
	CHECK(os_fstat(store->staging, &status) == 0 && status.mode == 0700);
	CHECK(exists(store->dirfd, ".ncmodel/staging"));
	CHECK(ncm_store_open(store, &err) == 0); /* again */
	fd = ncm_store_peek(store);
	CHECK(fd >= 0);
	close(fd);
	CHECK(ncm_store_peek(ncm_layout_find(opened, "llama")) < 0 && errno == ENOENT);
	CHECK(!exists(scratch_fd, "root/server"));

	/* One that others could write into is closed to them. */
	CHECK(fchmod(store->staging, 0777) == 0);
	close(store->staging);
	store->staging = -1;
	CHECK(ncm_store_open(store, &err) == 0);
	CHECK(os_fstat(store->staging, &status) == 0 && status.mode == 0700);
}

static void a_store_may_be_a_link_but_its_own_folder_not(void)
{
	static const char *const names[] = {".ncmodel", ".ncmodel/staging"};
	struct ncm_error err = NCM_ERROR_INIT;

	open_stores();
	ncm_layout_free(opened);
	CHECK(renameat(scratch_fd, "root/Comfy", scratch_fd, "root/real") == 0);
	CHECK(symlinkat("real", scratch_fd, "root/Comfy") == 0);
	opened = load();
	store = ncm_layout_find(opened, "comfy");
	CHECK(ncm_store_open(store, &err) == 0);
	for (size_t i = 0; i < 2; i++) {
		NCM_AUTO_FREE char *path = ncm_asprintf("root/real/%s", names[i]);

		ncm_layout_free(opened);
		CHECK(ncm_remove_beneath(scratch_fd, "root/real/.ncmodel") == 0);
		if (i == 1)
			CHECK(mkdirat(scratch_fd, "root/real/.ncmodel", 0755) == 0);
		CHECK(symlinkat("../../decoy", scratch_fd, path) == 0);
		opened = load();
		store = ncm_layout_find(opened, "comfy");
		CHECK(ncm_store_open(store, &err) < 0 && err.code == NCM_E_POLICY);
		ncm_error_clear(&err);
	}
	check_decoy();
}

static void paths_are_below_named_folders(void)
{
	static const char *const bad[] = {"../x", "/x", "a/../../x", "", "models.json", "con", "x/.ncmodel/y", "-x"};
	struct ncm_error err = NCM_ERROR_INIT;
	char *path;

	open_stores();
	path = ncm_store_path(store, "vae", "sub/x.safetensors", &err);
	CHECK_STR(path, "models/vae/sub/x.safetensors");
	free(path);
	path = ncm_store_path(store, NULL, "x", &err);
	CHECK_STR(path, "x");
	free(path);
	path = ncm_store_path(store, "", "x", &err);
	CHECK_STR(path, "x");
	free(path);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(!ncm_store_path(store, "vae", bad[i], &err) && err.code == NCM_E_POLICY);
		CHECK(!ncm_store_path(store, NULL, bad[i], &err) && err.code == NCM_E_POLICY);
	}
	CHECK(!ncm_store_path(store, NULL, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", &err) && err.code == NCM_E_POLICY);
	/* good by itself, too deep below the folder */
	CHECK(!ncm_store_path(store, "vae", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o", &err) && err.code == NCM_E_POLICY);
	CHECK(!ncm_store_path(store, "checkpoints", "x", &err) && err.code == NCM_E_USAGE);
	CHECK_STR(err.hint, "its folders are: vae, loras");
	CHECK(!ncm_store_path(ncm_layout_find(opened, "llama"), "x", "x", &err) && err.code == NCM_E_USAGE);
	CHECK(!ncm_store_path(ollama, NULL, "x", &err) && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
}

static void code_and_pickles_are_told_by_name(void)
{
	static const char *const code[] = {"x.py",   "x.PY",  "dir/x.pyc",        "x.so",     "libx.so.1.2", "x.exe",
					   "run.sh", "a.DLL", "x.safetensors.js", "x.desktop"};
	static const char *const models[] = {"x.safetensors",   "x.gguf",         "x.json",    "LICENSE",
					     "x.txt",           "dir.py/x.gguf",  "x.sources", "x.some",
					     "tokenizer.model", ".gitattributes", "x.py.gguf", "x.so.gguf"};
	static const char *const pickles[] = {"x.ckpt", "x.PT", "a/x.pth", "pytorch_model.bin", "x.pkl"};
	struct ncm_error err = NCM_ERROR_INIT;

	for (size_t i = 0; i < sizeof code / sizeof *code; i++) {
		CHECK(ncm_store_check_extension(code[i], &err) < 0 && err.code == NCM_E_POLICY);
		CHECK(strstr(err.message, code[i]));
	}
	ncm_error_clear(&err);
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		CHECK(ncm_store_check_extension(models[i], &err) == 0);
		CHECK(!ncm_store_is_pickle_name(models[i]));
	}
	for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
		CHECK(ncm_store_check_extension(pickles[i], &err) == 0);
		CHECK(ncm_store_is_pickle_name(pickles[i]));
	}
}

static void a_commit_moves_seals_and_tells(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct os_stat status, final;

	open_stores();
	put(store->staging, "part", "bytes");
	CHECK(utimensat(store->staging, "part", old, 0) == 0);
	CHECK(ncm_store_commit(store, "part", "models/vae/new/x.safetensors", false, NULL, &status, NULL, &err) == 0);
	check_text(store->dirfd, "models/vae/new/x.safetensors", "bytes");
	CHECK(os_lstat(store->dirfd, "models/vae/new/x.safetensors", &final) == 0);
	CHECK(final.mode == 0644 && final.mtime_ns > 1000 * INT64_C(1000000000));
	CHECK(final.inode == status.inode && final.mtime_ns == status.mtime_ns && status.size == 5);
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	CHECK_U64(entries(store->dirfd, "models/vae/new"), 1);
}

static void foreign_files_stay_unless_replaced(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	open_stores();
	put(store->dirfd, "x.gguf", "theirs");
	put(store->staging, "part", "ours");
	CHECK(ncm_store_commit(store, "part", "x.gguf", false, NULL, NULL, NULL, &err) < 0);
	CHECK(err.code == NCM_E_POLICY && strstr(err.message, "in the way") && strstr(err.hint, "--force"));
	ncm_error_clear(&err);
	check_text(store->dirfd, "x.gguf", "theirs");
	check_text(store->staging, "part", "ours");
	CHECK(ncm_store_commit(store, "part", "x.gguf", true, NULL, NULL, NULL, &err) == 0);
	check_text(store->dirfd, "x.gguf", "ours");
}

static void make_in_the_way(int kind)
{
	if (kind == 0)
		CHECK(symlinkat("../../decoy/file", store->dirfd, "way") == 0);
	else if (kind == 1)
		CHECK(symlinkat("nowhere", store->dirfd, "way") == 0);
	else if (kind == 2)
		CHECK(mkfifoat(store->dirfd, "way", 0666) == 0);
	else
		CHECK(linkat(scratch_fd, "decoy/file", store->dirfd, "way", 0) == 0);
}

static void what_is_in_the_way_is_never_opened(void)
{
	for (int kind = 0; kind < 4; kind++) {
		struct ncm_error err = NCM_ERROR_INIT;
		struct os_stat status;

		open_stores();
		make_in_the_way(kind);
		put(store->staging, "part", "ours");
		CHECK(ncm_store_commit(store, "part", "way", false, NULL, NULL, NULL, &err) < 0 &&
		      err.code == NCM_E_POLICY);
		ncm_error_clear(&err);
		CHECK(ncm_store_commit(store, "part", "way", true, NULL, NULL, NULL, &err) == 0);
		CHECK(os_lstat(store->dirfd, "way", &status) == 0 && status.kind == OS_IS_FILE);
		check_text(store->dirfd, "way", "ours");
		CHECK(!exists(store->dirfd, "nowhere"));
		check_decoy();
	}
}

static void a_folder_in_the_way_is_always_refused(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	open_stores();
	CHECK(mkdirat(store->dirfd, "way", 0755) == 0);
	put(store->staging, "part", "ours");
	for (enum ncm_replacing replace = NCM_KEEP_OUT; replace <= NCM_SET_ASIDE; replace++) {
		CHECK(ncm_store_commit(store, "part", "way", replace, NULL, NULL, NULL, &err) < 0 &&
		      err.code == NCM_E_POLICY);
		ncm_error_clear(&err);
	}
	CHECK_U64(entries(store->dirfd, "way"), 0);
}

static void links_inside_a_store_are_not_followed(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_sha256 digest;
	NCM_AUTO_FREE char *source = at("root/source");
	int fd;

	open_stores();
	put(scratch_fd, "root/source", "ours");
	ncm_sha256_of("ours", 4, &digest);
	fd = open(source, O_RDONLY);
	put(store->staging, "part", "ours");
	put(store->staging, "tree/file", "ours");
	CHECK(mkdirat(store->dirfd, "models", 0755) == 0);
	CHECK(symlinkat("../../../decoy/vae", store->dirfd, "models/other") == 0);
	CHECK(symlinkat("/etc", store->dirfd, "etc") == 0);
	CHECK(ncm_store_commit(store, "part", "models/other/file", true, NULL, NULL, NULL, &err) < 0);
	CHECK(err.code == NCM_E_POLICY && err.hint);
	CHECK(ncm_store_commit(store, "part", "models/other/deep/file", true, NULL, NULL, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", "etc/file", true, NULL, NULL, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit_dir(store, "tree", "models/other/tree", true, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	CHECK(ncm_store_duplicate(store, "models/other/file", fd, source, &digest, true, true, NULL, NULL, NULL, NULL,
				  &err) < 0);
	CHECK(err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", "../x", true, NULL, NULL, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", "/tmp/x", true, NULL, NULL, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", ".ncmodel/lock", true, NULL, NULL, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit_dir(store, "tree", "../tree", true, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(ollama, "part", "blobs/x", true, NULL, NULL, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	close(fd);
	check_decoy();
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 2);
}

/* Who may put a link there moved that folder to another disk. */
static void a_layout_s_folder_may_be_a_link(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	open_stores();
	put(store->staging, "part", "ours");
	CHECK(mkdirat(scratch_fd, "root/disk", 0755) == 0 && mkdirat(store->dirfd, "models", 0755) == 0);
	CHECK(symlinkat("../../disk", store->dirfd, "models/vae") == 0);
	CHECK(ncm_store_commit(store, "part", "models/vae/new/x", NCM_KEEP_OUT, NULL, NULL, NULL, &err) == 0);
	CHECK(exists(scratch_fd, "root/disk/new/x"));
}

static void only_regular_files_are_committed(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	open_stores();
	CHECK(symlinkat("../../../../decoy/file", store->staging, "link") == 0);
	CHECK(mkfifoat(store->staging, "fifo", 0600) == 0);
	CHECK(ncm_store_commit(store, "link", "x", true, NULL, NULL, NULL, &err) < 0);
	CHECK(ncm_store_commit(store, "fifo", "x", true, NULL, NULL, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "nosuch", "x", true, NULL, NULL, NULL, &err) < 0 && err.code == NCM_E_IO);
	ncm_error_clear(&err);
	CHECK(!exists(store->dirfd, "x"));
	check_decoy();
}

static void folders_are_committed_whole(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct os_stat status;

	open_stores();
	put(store->staging, "tree/a", "1");
	put(store->staging, "tree/sub/b", "2");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/node", false, NULL, &err) == 0);
	check_text(store->dirfd, "custom_nodes/node/sub/b", "2");
	CHECK(os_stat(store->dirfd, "custom_nodes/node", &status) == 0 && status.mode == 0755);

	put(store->staging, "tree/a", "new");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/node", false, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	check_text(store->dirfd, "custom_nodes/node/a", "1");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/node", true, NULL, &err) == 0);
	check_text(store->dirfd, "custom_nodes/node/a", "new");
	CHECK(!exists(store->dirfd, "custom_nodes/node/sub"));
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);

	/* A link is replaced, not what it leads to. */
	CHECK(symlinkat("../../../decoy", store->dirfd, "custom_nodes/link") == 0);
	put(store->staging, "tree/a", "new");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/link", false, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/link", true, NULL, &err) == 0);
	check_text(store->dirfd, "custom_nodes/link/a", "new");
	check_decoy();
	CHECK(ncm_store_commit_dir(store, "nosuch", "custom_nodes/x", true, NULL, &err) < 0 && err.code == NCM_E_IO);
	ncm_error_clear(&err);
}

/* Without renameat2's flags, as on NFS and some FUSE file systems. In a child: a filter cannot be taken off. */
static void old_file_systems_do_too(void)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[4])),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
	pid_t child;
	int status = 0;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
		CHECK(renameat2(scratch_fd, "a", scratch_fd, "b", RENAME_NOREPLACE) < 0 && errno == EINVAL);
		a_commit_moves_seals_and_tells();
		foreign_files_stay_unless_replaced();
		what_is_in_the_way_is_never_opened();
		folders_are_committed_whole();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static bool write_proc(const char *path, const char *text)
{
	NCM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Mounts an empty file system that this process alone sees. */
static bool mount_private(const char *path)
{
	NCM_AUTO_FREE char *users = ncm_asprintf("0 %u 1", (unsigned)geteuid());
	NCM_AUTO_FREE char *groups = ncm_asprintf("0 %u 1", (unsigned)getegid());

	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_proc("/proc/self/setgroups", "deny") &&
	       write_proc("/proc/self/uid_map", users) && write_proc("/proc/self/gid_map", groups) &&
	       mount("none", path, "tmpfs", 0, NULL) == 0;
}

/* A store one of whose folders is a mount. */
static void mounts_inside_a_store_are_copied_into(void)
{
	pid_t child;
	int status = 0;

	open_stores();
	put(store->staging, "part", "bytes");
	put(store->staging, "tree/file", "bytes");
	CHECK(mkdirat(store->dirfd, "mount", 0755) == 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct ncm_error err = NCM_ERROR_INIT;
		NCM_AUTO_FREE char *path = at("root/Comfy/mount");
		struct os_stat final;

		if (!mount_private(path))
			_exit(77);
		/* What was opened before belongs to the old tree of mounts. */
		close(store->dirfd);
		close(store->staging);
		store->dirfd = store->staging = -1;
		CHECK(ncm_store_open(store, &err) == 0);
		CHECK(ncm_store_commit(store, "part", "mount/x", false, NULL, &final, NULL, &err) == 0);
		check_text(store->dirfd, "mount/x", "bytes");
		CHECK(final.mode == 0644 && final.size == 5);
		CHECK_U64(entries(store->dirfd, "mount"), 1);
		CHECK(!exists(store->staging, "part"));
		put(store->staging, "part", "again");
		CHECK(ncm_store_commit(store, "part", "mount/x", false, NULL, NULL, NULL, &err) < 0 &&
		      err.code == NCM_E_POLICY);
		CHECK(ncm_store_commit(store, "part", "mount/x", true, NULL, NULL, NULL, &err) == 0);
		check_text(store->dirfd, "mount/x", "again");
		CHECK(ncm_store_commit_dir(store, "tree", "mount/tree", false, NULL, &err) < 0 && err.hint);
		CHECK(exists(store->staging, "tree/file") && !exists(store->dirfd, "mount/tree"));
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("skipped: no mounts here\n");
	else
		CHECK(WEXITSTATUS(status) == 0);
}

static void one_file_in_two_stores_is_shared(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *source = at("root/Comfy/x.gguf");
	struct ncm_store *second;
	struct ncm_sha256 digest;
	struct os_stat first, status;
	const char *how = NULL;
	int fd;

	open_stores();
	second = ncm_layout_find(opened, "llama");
	CHECK(ncm_store_open(second, &err) == 0);
	put(store->staging, "part", "bytes");
	ncm_sha256_of("bytes", 5, &digest);
	CHECK(ncm_store_commit(store, "part", "x.gguf", false, NULL, &first, NULL, &err) == 0);
	fd = open(source, O_RDONLY | O_CLOEXEC);
	CHECK(ncm_store_duplicate(second, "sub/y.gguf", fd, source, &digest, true, false, NULL, &how, &status, NULL,
				  &err) == 0);
	check_text(second->dirfd, "sub/y.gguf", "bytes");
	if (strcmp(how, "reflink") != 0) {
		CHECK_STR(how, "hard link");
		CHECK(status.inode == first.inode && status.device == first.device);
		CHECK(status.mtime_ns == first.mtime_ns); /* models.json knows it */
	}
	/* Again: there already, and nothing is in the way. */
	CHECK(ncm_store_duplicate(second, "sub/y.gguf", fd, source, &digest, true, strcmp(how, "reflink") == 0, NULL,
				  &how, &status, NULL, &err) == 0);
	put(second->dirfd, "z.gguf", "theirs");
	CHECK(ncm_store_duplicate(second, "z.gguf", fd, source, &digest, true, false, NULL, &how, NULL, NULL, &err) <
	      0);
	CHECK(err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	check_text(second->dirfd, "z.gguf", "theirs");
	CHECK(ncm_store_duplicate(second, "z.gguf", fd, source, &digest, true, true, NULL, &how, NULL, NULL, &err) ==
	      0);
	check_text(second->dirfd, "z.gguf", "bytes");
	CHECK_U64(entries(second->dirfd, ".ncmodel/staging"), 0);
	close(fd);
}

/* The path may lead elsewhere by now: what counts is the open file. */
static void a_swapped_source_is_not_linked(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *source = at("root/Comfy/x.gguf");
	struct ncm_sha256 digest;
	const char *how = NULL;
	int fd;

	open_stores();
	put(store->dirfd, "x.gguf", "bytes");
	ncm_sha256_of("bytes", 5, &digest);
	fd = open(source, O_RDONLY | O_CLOEXEC);
	CHECK(unlink(source) == 0);
	CHECK(symlinkat("../../decoy/file", store->dirfd, "x.gguf") == 0);
	CHECK(ncm_store_duplicate(store, "y.gguf", fd, source, &digest, true, false, NULL, &how, NULL, NULL, &err) ==
	      0);
	check_text(store->dirfd, "y.gguf", "bytes");
	CHECK(strcmp(how, "hard link") != 0);
	CHECK(unlink(source) == 0);
	put(store->dirfd, "x.gguf", "other");
	CHECK(ncm_store_duplicate(store, "z.gguf", fd, source, &digest, true, false, NULL, &how, NULL, NULL, &err) ==
	      0);
	check_text(store->dirfd, "z.gguf", "bytes");
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	close(fd);
	check_decoy();
}

static void across_file_systems_it_is_copied_and_checked(void)
{
	char other[] = "/dev/shm/ncm-store-XXXXXX";
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *source = NULL;
	NCM_AUTO_FREE char *bytes = ncm_malloc(3000001);
	struct ncm_sha256 digest;
	struct os_stat status, here;
	const char *how = NULL;
	int fd;

	open_stores();
	if (!mkdtemp(other) || os_stat(OS_HERE, other, &status) < 0 || os_fstat(scratch_fd, &here) < 0 ||
	    status.device == here.device) {
		printf("skipped: no second file system\n");
		return;
	}
	source = ncm_asprintf("%s/source", other);
	for (size_t i = 0; i < 3000001; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	fd = open(source, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && ncm_pwrite_all(fd, bytes, 3000001, 0) == 0);
	ncm_sha256_of(bytes, 3000001, &digest);
	CHECK(ncm_store_duplicate(store, "models/x.gguf", fd, source, &digest, true, false, NULL, &how, &status, NULL,
				  &err) == 0);
	CHECK_STR(how, "copy");
	CHECK(status.size == 3000001 && status.device == here.device && status.mode == 0644);
	close(fd);

	fd = open(source, O_RDWR | O_CLOEXEC);
	CHECK(pwrite(fd, "!", 1, 2000000) == 1); /* changed since it was checked */
	CHECK(ncm_store_duplicate(store, "models/y.gguf", fd, source, &digest, true, false, NULL, &how, &status, NULL,
				  &err) < 0);
	CHECK(err.code == NCM_E_CHECKSUM);
	ncm_error_clear(&err);
	CHECK(!exists(store->dirfd, "models/y.gguf"));
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	close(fd);
	CHECK(unlink(source) == 0 && rmdir(other) == 0);
}

static void space_is_asked_of_the_nearest_folder(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *deep = at("not/there/yet");
	struct ncm_space space, same;
	struct os_stat status;

	CHECK(ncm_space_of(deep, &space, &err) == 0);
	CHECK(ncm_space_of(scratch, &same, &err) == 0);
	CHECK(os_fstat(scratch_fd, &status) == 0);
	CHECK(space.device == same.device && space.device == status.device);
	CHECK(space.total > 0 && space.free <= space.total && space.total == same.total);
	CHECK(ncm_space_of("/nonexistent-folder/x", &space, &err) == 0);
	CHECK(os_stat(OS_HERE, "/", &status) == 0 && space.device == status.device);
}

static void an_interrupt_ends_a_copy(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *gone = at("root/Comfy/gone");
	struct ncm_sha256 digest;
	int fd;

	open_stores();
	put(store->dirfd, "gone", "bytes");
	ncm_sha256_of("bytes", 5, &digest);
	fd = open(gone, O_RDONLY | O_CLOEXEC);
	CHECK(unlink(gone) == 0); /* no link to be had */
	ncm_interrupt();
	if (ncm_store_duplicate(store, "y", fd, gone, &digest, true, false, NULL, NULL, NULL, NULL, &err) < 0)
		CHECK(err.code == NCM_E_INTERRUPTED && !exists(store->dirfd, "y"));
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	ncm_error_clear(&err);
	close(fd);
}

int main(void)
{
	begin_scratch();
	RUN(opening_makes_a_private_staging_folder);
	RUN(a_store_may_be_a_link_but_its_own_folder_not);
	RUN(paths_are_below_named_folders);
	RUN(code_and_pickles_are_told_by_name);
	RUN(a_commit_moves_seals_and_tells);
	RUN(foreign_files_stay_unless_replaced);
	RUN(what_is_in_the_way_is_never_opened);
	RUN(a_folder_in_the_way_is_always_refused);
	RUN(links_inside_a_store_are_not_followed);
	RUN(a_layout_s_folder_may_be_a_link);
	RUN(only_regular_files_are_committed);
	RUN(folders_are_committed_whole);
	RUN(old_file_systems_do_too);
	RUN(mounts_inside_a_store_are_copied_into);
	RUN(one_file_in_two_stores_is_shared);
	RUN(a_swapped_source_is_not_linked);
	RUN(across_file_systems_it_is_copied_and_checked);
	RUN(space_is_asked_of_the_nearest_folder);
	RUN(an_interrupt_ends_a_copy);
	end_scratch();
	return 0;
}
