/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <ncmodel/event.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[64];
static int scratch_fd;

static char *at(const char *relative)
{
	return ncm_asprintf("%s/%s", scratch, relative);
}

static void put(int dirfd, const char *relative, const char *text)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(dirfd, relative, true, &name, NULL);
	NCM_AUTO_CLOSE int fd = -1;

	CHECK(parent >= 0);
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	CHECK(fd >= 0 && ncm_pwrite_all(fd, text, strlen(text), 0) == 0);
}

static void check_text(int dirfd, const char *relative, const char *expected)
{
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(dirfd, relative, O_RDONLY | O_NONBLOCK, 0);
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, 1 << 20, NULL);

	CHECK_STR(text, expected);
}

static size_t entries(int dirfd, const char *relative)
{
	DIR *dir = fdopendir(ncm_dir_beneath(dirfd, relative));
	const struct dirent *entry;
	size_t count = 0;

	CHECK(dir);
	while ((entry = readdir(dir)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return count;
}

static bool exists(int dirfd, const char *relative)
{
	struct stat status;

	return fstatat(dirfd, relative, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Layouts */

static const char good_layout[] =
    "{\"schema_version\": 1, \"layout\": \"test\", \"title\": \"For tests\", \"x-mine\": 1,\n"
    "\"registry\": \"server/models/models.json\",\n"
    "\"stores\": {\"x-mine\": \"ignored\",\n"
    "\"llama\": {\"kind\": \"folders\", \"path\": \"server/models\", \"folders\": {}},\n"
    "\"ollama\": {\"kind\": \"ollama\", \"path\": \".ollama/models\", \"env\": \"OLLAMA_MODELS\"},\n"
    "\"comfy\": {\"kind\": \"folders\", \"path\": \"Comfy\", \"folders\": {\"vae\": \"models/vae\", \"loras\": "
    "\"models/loras\"}},\n"
    "\"system\": {\"kind\": \"ollama\", \"path\": \"/usr/share/ollama/.ollama/models\"}\n"
    "}}\n";

static struct ncm_config config;
static struct ncm_store_override overrides[2];

static void use_layout(const char *text)
{
	put(scratch_fd, "data/layouts/test.json", text);
	free(config.data_dir);
	free(config.root);
	config = (struct ncm_config){.layout = (char *)(uintptr_t) "test"};
	config.data_dir = at("data");
	config.root = at("root");
	unsetenv("OLLAMA_MODELS");
}

static struct ncm_layout *load(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_layout *layout = ncm_layout_load(&config, &err);

	if (!layout)
		fprintf(stderr, "%s\n", err.message);
	CHECK(layout);
	return layout;
}

static void check_path(const char *actual, const char *below_scratch)
{
	NCM_AUTO_FREE char *expected = at(below_scratch);

	CHECK_STR(actual, expected);
}

static void a_layout_is_read(void)
{
	struct ncm_layout *layout;
	char *path;

	use_layout(good_layout);
	layout = load();
	CHECK_STR(layout->name, "test");
	CHECK_U64(layout->count, 4);
	check_path(layout->registry, "root/server/models/models.json");
	check_path(ncm_layout_find(layout, "llama")->path, "root/server/models");
	check_path(ncm_layout_find(layout, "ollama")->path, "root/.ollama/models");
	CHECK(ncm_layout_find(layout, "ollama")->kind == NCM_STORE_OLLAMA);
	CHECK(ncm_layout_find(layout, "comfy")->kind == NCM_STORE_FOLDERS);
	CHECK_STR(ncm_layout_find(layout, "system")->path, "/usr/share/ollama/.ollama/models");
	CHECK(!ncm_layout_find(layout, "nosuch"));
	path = ncm_layout_registry(layout, &config);
	check_path(path, "root/server/models/models.json");
	free(path);
	path = ncm_layout_lock(layout, &config);
	check_path(path, "root/server/models/ncmodel.lock");
	free(path);
	config.registry = (char *)(uintptr_t) "/srv/models.json";
	path = ncm_layout_registry(layout, &config);
	CHECK_STR(path, "/srv/models.json");
	free(path);
	path = ncm_layout_lock(layout, &config);
	CHECK_STR(path, "/srv/ncmodel.lock");
	free(path);
	config.lock = (char *)(uintptr_t) "/etc/lock";
	path = ncm_layout_lock(layout, &config);
	CHECK_STR(path, "/etc/lock");
	free(path);
	ncm_layout_free(layout);
	ncm_layout_free(NULL);
}

static void a_layout_can_be_a_path(void)
{
	NCM_AUTO_FREE char *path = at("data/layouts/test.json");
	struct ncm_layout *layout;

	use_layout(good_layout);
	config.layout = path;
	layout = load();
	CHECK_STR(layout->name, "test");
	ncm_layout_free(layout);
}

static void folders_of_stores_can_be_given(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_layout *layout;

	use_layout(good_layout);
	setenv("OLLAMA_MODELS", "/srv/ollama/", 1);
	layout = load();
	CHECK_STR(ncm_layout_find(layout, "ollama")->path, "/srv/ollama");
	CHECK_STR(ncm_layout_find(layout, "system")->path, "/usr/share/ollama/.ollama/models");
	ncm_layout_free(layout);
	setenv("OLLAMA_MODELS", "", 1);
	layout = load();
	check_path(ncm_layout_find(layout, "ollama")->path, "root/.ollama/models");
	ncm_layout_free(layout);

	/* What is said of this very store goes before Ollama's own variable. */
	setenv("OLLAMA_MODELS", "/srv/ollama", 1);
	overrides[0] = (struct ncm_store_override){(char *)(uintptr_t) "ollama", (char *)(uintptr_t) "/mine"};
	overrides[1] = (struct ncm_store_override){(char *)(uintptr_t) "comfy", (char *)(uintptr_t) "/comfy"};
	config.stores = overrides;
	config.store_count = 2;
	layout = load();
	CHECK_STR(ncm_layout_find(layout, "ollama")->path, "/mine");
	CHECK_STR(ncm_layout_find(layout, "comfy")->path, "/comfy");
	ncm_layout_free(layout);
	overrides[0].store = (char *)(uintptr_t) "olama";
	CHECK(!ncm_layout_load(&config, &err));
	CHECK(err.code == NCM_E_USAGE && strstr(err.message, "olama"));
	CHECK_STR(err.hint, "its stores are: llama, ollama, comfy, system");
	ncm_error_clear(&err);
	unsetenv("OLLAMA_MODELS");
}

static void bad_layouts_are_refused(void)
{
	static const struct {
		const char *text, *expected;
	} bad[] = {
	    {"[]", "test.json:1: $: not an object"},
	    {"{", "test.json:1: not valid JSON"},
	    {"{}", "\"schema_version\" is not 1"},
	    {"{\"schema_version\": 2}", "test.json:1: $.schema_version: \"schema_version\" is not 1"},
	    {"{\"schema_version\": \"1\"}", "$.schema_version"},
	    {"{\n\"regstry\": 1}", "test.json:2: $.regstry: unknown key; did you mean \"registry\"?"},
	    {"{\"registry\": \"../models.json\"}", "$.registry: refused path"},
	    {"{\"registry\": \"a/../models.json\"}", "$.registry: refused path"},
	    {"{\"registry\": \"a/\"}", "$.registry: refused path"},
	    {"{\"registry\": \"a/models\"}", "$.registry: not a path that ends with .json"},
	    {"{\"layout\": \"A b\"}", "$.layout: not lower-case"},
	    {"{\"title\": 1}", "$.title: not a string"},
	    {"{\"stores\": {\"a\": {\"env\": \"a=b\"}}}", "$.stores.a.env: not the name"},
	    {"{\"registry\": 5}", "$.registry: not a string"},
	    {"{\"stores\": {}}", "$.stores: \"stores\" is not an object with a store in it"},
	    {"{\"stores\": {\"a\": []}}", "$.stores.a: not an object"},
	    {"{\"stores\": {\"A b\": {}}}", "$.stores.A b: a store's id"},
	    {"{\"stores\": {\"a\": {\"kind\": \"s3\"}}}", "$.stores.a.kind: not \"folders\" or \"ollama\""},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\"}}}", "$.stores.a: \"path\" is missing"},
	    {"{\"stores\": {\"a\": {\"path\": \"../x\"}}}", "$.stores.a.path: refused path"},
	    {"{\"stores\": {\"a\": {\"path\": \"~/x\"}}}", "$.stores.a.path: refused path"},
	    {"{\"stores\": {\"a\": {\"pth\": \"x\"}}}", "$.stores.a.pth: unknown key; did you mean \"path\"?"},
	    {"{\"stores\": {\"a\": {\"env\": 1}}}", "$.stores.a.env: not the name"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": {\"x\": \"/abs\"}}}}",
	     "$.stores.a.folders.x: refused path"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": {\"x\": 1}}}}", "$.stores.a.folders.x: not"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": []}}}", "$.stores.a.folders: not an object"},
	    {"{\"stores\": {\"a\": {\"kind\": \"ollama\", \"folders\": {\"x\": \"y\"}}}}",
	     "an Ollama store has no folders"},
	};
	struct ncm_error err = NCM_ERROR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		use_layout(bad[i].text);
		CHECK(!ncm_layout_load(&config, &err));
		CHECK(err.code == NCM_E_MANIFEST);
		if (!strstr(err.message, bad[i].expected))
			fprintf(stderr, "missing: %s\nin:\n%s\n", bad[i].expected, err.message);
		CHECK(strstr(err.message, bad[i].expected));
	}
	use_layout(good_layout);
	config.layout = (char *)(uintptr_t) "nosuch";
	CHECK(!ncm_layout_load(&config, &err));
	CHECK(err.code == NCM_E_USAGE && strstr(err.message, "layouts/nosuch.json"));
	ncm_error_clear(&err);
}

static void shipped_layouts_are_good(void)
{
	static const char *const names[] = {"default", "linux"};
	const char *data = getenv("NCMODEL_DATADIR");

	if (!data) {
		printf("skipped: NCMODEL_DATADIR is not set\n");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		struct ncm_layout *layout;

		use_layout(good_layout);
		free(config.data_dir);
		config.data_dir = ncm_strdup(data);
		config.layout = (char *)(uintptr_t)names[i];
		layout = load();
		CHECK_STR(layout->name, names[i]);
		CHECK(ncm_layout_find(layout, "llama-cpp") && ncm_layout_find(layout, "a1111"));
		CHECK(ncm_layout_find(layout, "comfyui") &&
		      ncm_layout_find(layout, "ollama")->kind == NCM_STORE_OLLAMA);
		CHECK_STR(ncm_path_base(layout->registry), "models.json");
		ncm_layout_free(layout);
	}
}

/* Stores */

static struct ncm_layout *opened;
static struct ncm_store *store, *ollama;

/* A fresh tree with an open store "comfy" and "ollama", and a decoy beside them. */
static void open_stores(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_layout_free(opened);
	CHECK(ncm_remove_beneath(scratch_fd, "root") == 0);
	CHECK(ncm_remove_beneath(scratch_fd, "decoy") == 0);
	put(scratch_fd, "decoy/file", "decoy");
	put(scratch_fd, "decoy/vae/file", "decoy");
	use_layout(good_layout);
	opened = load();
	store = ncm_layout_find(opened, "comfy");
	ollama = ncm_layout_find(opened, "ollama");
	CHECK(ncm_store_open(store, &err) == 0);
	CHECK(ncm_store_open(ollama, &err) == 0);
}

static void check_decoy(void)
{
	check_text(scratch_fd, "decoy/file", "decoy");
	check_text(scratch_fd, "decoy/vae/file", "decoy");
	CHECK_U64(entries(scratch_fd, "decoy"), 2);
	CHECK_U64(entries(scratch_fd, "decoy/vae"), 1);
}

static void opening_makes_a_private_staging_folder(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct stat status;
	int fd;

	open_stores();
	CHECK(fstat(store->staging, &status) == 0 && (status.st_mode & 07777) == 0700);
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
	CHECK(fstat(store->staging, &status) == 0 && (status.st_mode & 07777) == 0700);
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
	struct stat status, final;

	open_stores();
	put(store->staging, "part", "bytes");
	CHECK(utimensat(store->staging, "part", old, 0) == 0);
	CHECK(ncm_store_commit(store, "part", "models/vae/new/x.safetensors", false, &status, &err) == 0);
	check_text(store->dirfd, "models/vae/new/x.safetensors", "bytes");
	CHECK(fstatat(store->dirfd, "models/vae/new/x.safetensors", &final, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK((final.st_mode & 07777) == 0644 && final.st_mtime > 1000);
	CHECK(final.st_ino == status.st_ino && ncm_mtime_ns(&final) == ncm_mtime_ns(&status) && status.st_size == 5);
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	CHECK_U64(entries(store->dirfd, "models/vae/new"), 1);
}

static void foreign_files_stay_unless_replaced(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	open_stores();
	put(store->dirfd, "x.gguf", "theirs");
	put(store->staging, "part", "ours");
	CHECK(ncm_store_commit(store, "part", "x.gguf", false, NULL, &err) < 0);
	CHECK(err.code == NCM_E_POLICY && strstr(err.message, "in the way") && strstr(err.hint, "--force"));
	ncm_error_clear(&err);
	check_text(store->dirfd, "x.gguf", "theirs");
	check_text(store->staging, "part", "ours");
	CHECK(ncm_store_commit(store, "part", "x.gguf", true, NULL, &err) == 0);
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
		struct stat status;

		open_stores();
		make_in_the_way(kind);
		put(store->staging, "part", "ours");
		CHECK(ncm_store_commit(store, "part", "way", false, NULL, &err) < 0 && err.code == NCM_E_POLICY);
		ncm_error_clear(&err);
		CHECK(ncm_store_commit(store, "part", "way", true, NULL, &err) == 0);
		CHECK(fstatat(store->dirfd, "way", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode));
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
	for (int replace = 0; replace < 2; replace++) {
		CHECK(ncm_store_commit(store, "part", "way", replace, NULL, &err) < 0 && err.code == NCM_E_POLICY);
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
	CHECK(symlinkat("../../../decoy/vae", store->dirfd, "models/vae") == 0);
	CHECK(symlinkat("/etc", store->dirfd, "etc") == 0);
	CHECK(ncm_store_commit(store, "part", "models/vae/file", true, NULL, &err) < 0);
	CHECK(err.code == NCM_E_POLICY && err.hint);
	CHECK(ncm_store_commit(store, "part", "models/vae/deep/file", true, NULL, &err) < 0 &&
	      err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", "etc/file", true, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit_dir(store, "tree", "models/vae/tree", true, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_duplicate(store, "models/vae/file", fd, source, &digest, true, NULL, NULL, &err) < 0);
	CHECK(err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", "../x", true, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", "/tmp/x", true, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "part", ".ncmodel/lock", true, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit_dir(store, "tree", "../tree", true, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(ollama, "part", "blobs/x", true, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	close(fd);
	check_decoy();
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 2);
}

static void only_regular_files_are_committed(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	open_stores();
	CHECK(symlinkat("../../../../decoy/file", store->staging, "link") == 0);
	CHECK(mkfifoat(store->staging, "fifo", 0600) == 0);
	CHECK(ncm_store_commit(store, "link", "x", true, NULL, &err) < 0);
	CHECK(ncm_store_commit(store, "fifo", "x", true, NULL, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_store_commit(store, "nosuch", "x", true, NULL, &err) < 0 && err.code == NCM_E_IO);
	ncm_error_clear(&err);
	CHECK(!exists(store->dirfd, "x"));
	check_decoy();
}

static void folders_are_committed_whole(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct stat status;

	open_stores();
	put(store->staging, "tree/a", "1");
	put(store->staging, "tree/sub/b", "2");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/node", false, &err) == 0);
	check_text(store->dirfd, "custom_nodes/node/sub/b", "2");
	CHECK(fstatat(store->dirfd, "custom_nodes/node", &status, 0) == 0 && (status.st_mode & 07777) == 0755);

	put(store->staging, "tree/a", "new");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/node", false, &err) < 0 && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	check_text(store->dirfd, "custom_nodes/node/a", "1");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/node", true, &err) == 0);
	check_text(store->dirfd, "custom_nodes/node/a", "new");
	CHECK(!exists(store->dirfd, "custom_nodes/node/sub"));
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);

	/* A link is replaced, not what it leads to. */
	CHECK(symlinkat("../../../decoy", store->dirfd, "custom_nodes/link") == 0);
	put(store->staging, "tree/a", "new");
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/link", false, &err) < 0 && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	CHECK(ncm_store_commit_dir(store, "tree", "custom_nodes/link", true, &err) == 0);
	check_text(store->dirfd, "custom_nodes/link/a", "new");
	check_decoy();
	CHECK(ncm_store_commit_dir(store, "nosuch", "custom_nodes/x", true, &err) < 0 && err.code == NCM_E_IO);
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
		struct stat final;

		if (!mount_private(path))
			_exit(77);
		/* What was opened before belongs to the old tree of mounts. */
		close(store->dirfd);
		close(store->staging);
		store->dirfd = store->staging = -1;
		CHECK(ncm_store_open(store, &err) == 0);
		CHECK(ncm_store_commit(store, "part", "mount/x", false, &final, &err) == 0);
		check_text(store->dirfd, "mount/x", "bytes");
		CHECK((final.st_mode & 07777) == 0644 && final.st_size == 5);
		CHECK_U64(entries(store->dirfd, "mount"), 1);
		CHECK(!exists(store->staging, "part"));
		put(store->staging, "part", "again");
		CHECK(ncm_store_commit(store, "part", "mount/x", false, NULL, &err) < 0 && err.code == NCM_E_POLICY);
		CHECK(ncm_store_commit(store, "part", "mount/x", true, NULL, &err) == 0);
		check_text(store->dirfd, "mount/x", "again");
		CHECK(ncm_store_commit_dir(store, "tree", "mount/tree", false, &err) < 0 && err.hint);
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
	struct stat first, status;
	const char *how = NULL;
	int fd;

	open_stores();
	second = ncm_layout_find(opened, "llama");
	CHECK(ncm_store_open(second, &err) == 0);
	put(store->staging, "part", "bytes");
	ncm_sha256_of("bytes", 5, &digest);
	CHECK(ncm_store_commit(store, "part", "x.gguf", false, &first, &err) == 0);
	fd = open(source, O_RDONLY | O_CLOEXEC);
	CHECK(ncm_store_duplicate(second, "sub/y.gguf", fd, source, &digest, false, &how, &status, &err) == 0);
	check_text(second->dirfd, "sub/y.gguf", "bytes");
	if (strcmp(how, "reflink") != 0) {
		CHECK_STR(how, "hard link");
		CHECK(status.st_ino == first.st_ino && status.st_dev == first.st_dev);
		CHECK(ncm_mtime_ns(&status) == ncm_mtime_ns(&first)); /* models.json knows it */
	}
	/* Again: there already, and nothing is in the way. */
	CHECK(ncm_store_duplicate(second, "sub/y.gguf", fd, source, &digest, strcmp(how, "reflink") == 0, &how, &status,
				  &err) == 0);
	put(second->dirfd, "z.gguf", "theirs");
	CHECK(ncm_store_duplicate(second, "z.gguf", fd, source, &digest, false, &how, NULL, &err) < 0);
	CHECK(err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	check_text(second->dirfd, "z.gguf", "theirs");
	CHECK(ncm_store_duplicate(second, "z.gguf", fd, source, &digest, true, &how, NULL, &err) == 0);
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
	CHECK(ncm_store_duplicate(store, "y.gguf", fd, source, &digest, false, &how, NULL, &err) == 0);
	check_text(store->dirfd, "y.gguf", "bytes");
	CHECK(strcmp(how, "hard link") != 0);
	CHECK(unlink(source) == 0);
	put(store->dirfd, "x.gguf", "other");
	CHECK(ncm_store_duplicate(store, "z.gguf", fd, source, &digest, false, &how, NULL, &err) == 0);
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
	struct stat status, here;
	const char *how = NULL;
	int fd;

	open_stores();
	if (!mkdtemp(other) || stat(other, &status) < 0 || fstat(scratch_fd, &here) < 0 ||
	    status.st_dev == here.st_dev) {
		printf("skipped: no second file system\n");
		return;
	}
	source = ncm_asprintf("%s/source", other);
	for (size_t i = 0; i < 3000001; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	fd = open(source, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && ncm_pwrite_all(fd, bytes, 3000001, 0) == 0);
	ncm_sha256_of(bytes, 3000001, &digest);
	CHECK(ncm_store_duplicate(store, "models/x.gguf", fd, source, &digest, false, &how, &status, &err) == 0);
	CHECK_STR(how, "copy");
	CHECK(status.st_size == 3000001 && status.st_dev == here.st_dev && (status.st_mode & 07777) == 0644);
	close(fd);

	fd = open(source, O_RDWR | O_CLOEXEC);
	CHECK(pwrite(fd, "!", 1, 2000000) == 1); /* changed since it was checked */
	CHECK(ncm_store_duplicate(store, "models/y.gguf", fd, source, &digest, false, &how, &status, &err) < 0);
	CHECK(err.code == NCM_E_CHECKSUM);
	ncm_error_clear(&err);
	CHECK(!exists(store->dirfd, "models/y.gguf"));
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	close(fd);
	CHECK(unlink(source) == 0 && rmdir(other) == 0);
}

/* Ollama */

#define HEX_A "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* "abc" */
#define HEX_B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" /* "b" */

static const char manifest[] =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
    "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"digest\":\"sha256:" HEX_B
    "\",\"size\":1},\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"sha256:" HEX_A
    "\",\"size\":3}]}";

static void ollama_names_are_checked(void)
{
	static const char *const good[] = {"registry.ollama.ai/library/llama3.2/3b", "localhost:5000/a_b-c/M.x/latest",
					   "h/n/m/_t", "h/Upper/MODEL/Q4_K_M"};
	static const char *const bad[] = {"",          "h/n/m",          "h/n/m/t/x",       "h/n/m/",    "/n/m/t",
					  "h//m/t",    "h/n/../t",       "../n/m/t",        "h/n/m/..",  "h/n.s/m/t",
					  "h/n/m:x/t", "h/n/m/a:b",      "h/n/m/.t",        "h/n/-m/t",  "h/n/m/t x",
					  "h/n/m/t\n", "h/n/m/\xc3\xa9", "https://h/n/m/t", "h\\x/n/m/t"};
	struct ncm_error err = NCM_ERROR_INIT;
	char name[400];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		NCM_AUTO_FREE char *path = ncm_ollama_manifest_path(good[i], &err);

		CHECK(path && strncmp(path, "manifests/", 10) == 0);
		CHECK_STR(path + 10, good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!ncm_ollama_manifest_path(bad[i], &err) && err.code == NCM_E_POLICY);
	for (size_t size = 80; size <= 81; size++) {
		NCM_AUTO_FREE char *path = NULL;

		memset(name, 'm', sizeof name);
		memcpy(name, "h/n/", 4);
		memcpy(name + 4 + size, "/t", 3);
		path = ncm_ollama_manifest_path(name, &err);
		CHECK((path != NULL) == (size == 80));
	}
	ncm_error_clear(&err);
}

static void manifests_are_parsed(void)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{}",
	    "{\"schemaVersion\":1,\"layers\":[]}",
	    "{\"schemaVersion\":2,\"layers\":[]}",
	    "{\"schemaVersion\":2,\"layers\":[3]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"" HEX_A "\",\"size\":3}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:../../../../etc/passwd\",\"size\":3}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\"}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":-1}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":9000000000000000000}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":1.5}]}",
	    "{\"schemaVersion\":2,\"config\":{\"digest\":\"x\",\"size\":1},\"layers\":[{\"digest\":\"sha256:" HEX_A
	    "\",\"size\":3}]}",
	};
	static const char bare[] =
	    "{\"schemaVersion\":2,\"config\":{\"digest\":\"\"},\"layers\":[{\"digest\":\"sha256:" HEX_A
	    "\",\"size\":3}]}";
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_sha256 *blobs = NULL;
	uint64_t *sizes = NULL;
	char **types = NULL;
	size_t count = 0;
	char hex[NCM_SHA256_HEX + 1];

	CHECK(ncm_ollama_manifest_blobs(manifest, strlen(manifest), &blobs, &sizes, &types, &count, &err) == 0);
	CHECK_U64(count, 2);
	CHECK_STR(ncm_sha256_hex(&blobs[0], hex), HEX_A);
	CHECK_STR(ncm_sha256_hex(&blobs[1], hex), HEX_B);
	CHECK(sizes[0] == 3 && sizes[1] == 1);
	CHECK_STR(types[0], "model");
	CHECK_STR(types[1], "config");
	free(types[0]);
	free(types[1]);
	free(types);
	free(sizes);
	free(blobs);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(ncm_ollama_manifest_blobs(bad[i], strlen(bad[i]), &blobs, &sizes, &types, &count, &err) < 0);
		CHECK(err.code == NCM_E_PROTOCOL);
	}
	ncm_error_clear(&err);
	CHECK(ncm_ollama_manifest_blobs(bare, strlen(bare), &blobs, &sizes, &types, &count, &err) == 0);
	CHECK_U64(count, 1);
	free(types[0]);
	free(types);
	free(sizes);
	free(blobs);
}

static void a_model_is_committed_blobs_first(void)
{
	static const char name[] = "registry.ollama.ai/library/test/latest";
	static const char path[] = "manifests/registry.ollama.ai/library/test/latest";
	const uint64_t sizes[] = {3, 1};
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_sha256 blobs[2];
	char blob[80];

	open_stores();
	ncm_sha256_of("abc", 3, &blobs[0]);
	ncm_sha256_of("b", 1, &blobs[1]);
	put(ollama->staging, "one", "abc");
	ncm_ollama_blob_path(&blobs[0], blob);
	CHECK_STR(blob, "blobs/sha256-" HEX_A);
	CHECK(ncm_store_commit(ollama, "one", blob, false, NULL, &err) == 0);

	/* One blob is missing: the manifest is not written. */
	CHECK(ncm_ollama_commit(ollama, name, manifest, strlen(manifest), blobs, sizes, 2, &err) < 0);
	CHECK(err.code == NCM_E_IO && strstr(err.message, HEX_B) && strstr(err.hint, "pull again"));
	ncm_error_clear(&err);
	CHECK(!exists(ollama->dirfd, "manifests"));

	put(ollama->staging, "two", "bb");
	ncm_ollama_blob_path(&blobs[1], blob);
	CHECK(ncm_store_commit(ollama, "two", blob, false, NULL, &err) == 0);
	CHECK(ncm_ollama_commit(ollama, name, manifest, strlen(manifest), blobs, sizes, 2, &err) < 0);
	CHECK(err.code == NCM_E_IO && strstr(err.message, "size"));
	ncm_error_clear(&err);
	put(ollama->staging, "two", "b");
	CHECK(ncm_store_commit(ollama, "two", blob, true, NULL, &err) == 0);

	CHECK(ncm_ollama_commit(ollama, name, manifest, strlen(manifest), blobs, sizes, 2, &err) == 0);
	check_text(ollama->dirfd, path, manifest);
	CHECK_U64(entries(ollama->dirfd, "manifests/registry.ollama.ai/library/test"), 1);
	CHECK_U64(entries(ollama->dirfd, "blobs"), 2);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/staging"), 0);

	/* Tags move; a link in the manifest's place is replaced, never followed. */
	CHECK(unlinkat(ollama->dirfd, path, 0) == 0);
	CHECK(symlinkat("../../../../../../../decoy/file", ollama->dirfd, path) == 0);
	CHECK(ncm_ollama_commit(ollama, name, "{}", 2, blobs, sizes, 2, &err) == 0);
	check_text(ollama->dirfd, path, "{}");
	CHECK(ncm_remove_beneath(ollama->dirfd, "manifests/registry.ollama.ai/library") == 0);
	CHECK(symlinkat("../../../../../decoy", ollama->dirfd, "manifests/registry.ollama.ai/library") == 0);
	CHECK(ncm_ollama_commit(ollama, name, "{}", 2, blobs, sizes, 2, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_ollama_commit(ollama, "a/../b/c", "{}", 2, blobs, sizes, 2, &err) < 0 && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/staging"), 0);
	check_decoy();
}

static void space_is_asked_of_the_nearest_folder(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *deep = at("not/there/yet");
	struct ncm_space space, same;
	struct stat status;

	CHECK(ncm_space_of(deep, &space, &err) == 0);
	CHECK(ncm_space_of(scratch, &same, &err) == 0);
	CHECK(fstat(scratch_fd, &status) == 0);
	CHECK(space.device == same.device && space.device == status.st_dev);
	CHECK(space.total > 0 && space.free <= space.total && space.total == same.total);
	CHECK(ncm_space_of("/nonexistent-folder/x", &space, &err) == 0);
	CHECK(stat("/", &status) == 0 && space.device == status.st_dev);
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
	if (ncm_store_duplicate(store, "y", fd, gone, &digest, false, NULL, NULL, &err) < 0)
		CHECK(err.code == NCM_E_INTERRUPTED && !exists(store->dirfd, "y"));
	CHECK_U64(entries(store->dirfd, ".ncmodel/staging"), 0);
	ncm_error_clear(&err);
	close(fd);
}

int main(void)
{
	snprintf(scratch, sizeof scratch, "/tmp/ncm-store-XXXXXX");
	CHECK(mkdtemp(scratch));
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RUN(a_layout_is_read);
	RUN(a_layout_can_be_a_path);
	RUN(folders_of_stores_can_be_given);
	RUN(bad_layouts_are_refused);
	RUN(shipped_layouts_are_good);
	RUN(opening_makes_a_private_staging_folder);
	RUN(a_store_may_be_a_link_but_its_own_folder_not);
	RUN(paths_are_below_named_folders);
	RUN(code_and_pickles_are_told_by_name);
	RUN(a_commit_moves_seals_and_tells);
	RUN(foreign_files_stay_unless_replaced);
	RUN(what_is_in_the_way_is_never_opened);
	RUN(a_folder_in_the_way_is_always_refused);
	RUN(links_inside_a_store_are_not_followed);
	RUN(only_regular_files_are_committed);
	RUN(folders_are_committed_whole);
	RUN(old_file_systems_do_too);
	RUN(mounts_inside_a_store_are_copied_into);
	RUN(one_file_in_two_stores_is_shared);
	RUN(a_swapped_source_is_not_linked);
	RUN(across_file_systems_it_is_copied_and_checked);
	RUN(ollama_names_are_checked);
	RUN(manifests_are_parsed);
	RUN(a_model_is_committed_blobs_first);
	RUN(space_is_asked_of_the_nearest_folder);
	RUN(an_interrupt_ends_a_copy);
	ncm_layout_free(opened);
	free(config.data_dir);
	free(config.root);
	CHECK(ncm_remove_beneath(scratch_fd, "root") == 0 && ncm_remove_beneath(scratch_fd, "data") == 0 &&
	      ncm_remove_beneath(scratch_fd, "decoy") == 0);
	close(scratch_fd);
	CHECK(rmdir(scratch) == 0);
	return 0;
}
