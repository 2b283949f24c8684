/* SPDX-License-Identifier: MIT */
/* A folder with a layout, two open stores and a decoy that nobody may touch. */
#ifndef NCM_TEST_STORE_CASE_H
#define NCM_TEST_STORE_CASE_H

#include "check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];
static int scratch_fd;

static inline char *at(const char *relative)
{
	return ncm_asprintf("%s/%s", scratch, relative);
}

static inline void put(int dirfd, const char *relative, const char *text)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(dirfd, relative, true, &name, NULL);
	NCM_AUTO_CLOSE int fd = -1;

	CHECK(parent >= 0);
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
	CHECK(fd >= 0 && ncm_pwrite_all(fd, text, strlen(text), 0) == 0);
}

static inline void check_text(int dirfd, const char *relative, const char *expected)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(dirfd, relative, O_RDONLY | O_NONBLOCK);
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, 1 << 20, NULL);

	CHECK_STR(text, expected);
}

static inline size_t entries(int dirfd, const char *relative)
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

static inline bool exists(int dirfd, const char *relative)
{
	struct stat status;

	return fstatat(dirfd, relative, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

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

static inline void use_layout(const char *text)
{
	put(scratch_fd, "data/layouts/test.json", text);
	free(config.data_dir);
	free(config.root);
	config = (struct ncm_config){.layout = (char *)(uintptr_t) "test"};
	config.data_dir = at("data");
	config.root = at("root");
	unsetenv("OLLAMA_MODELS");
}

static inline struct ncm_layout *load(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_layout *layout = ncm_layout_load(&config, &err);

	if (!layout)
		fprintf(stderr, "%s\n", err.message);
	CHECK(layout);
	return layout;
}

static struct ncm_layout *opened;
static struct ncm_store *store, *ollama;

/* A fresh tree with an open store "comfy" and "ollama", and a decoy beside them. */
static inline void open_stores(void)
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

static inline void check_decoy(void)
{
	check_text(scratch_fd, "decoy/file", "decoy");
	check_text(scratch_fd, "decoy/vae/file", "decoy");
	CHECK_U64(entries(scratch_fd, "decoy"), 2);
	CHECK_U64(entries(scratch_fd, "decoy/vae"), 1);
}

/* At the beginning and at the end of main. */
static inline void begin_scratch(void)
{
	snprintf(scratch, sizeof scratch, "/tmp/ncm-store-XXXXXX");
	CHECK(mkdtemp(scratch));
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void end_scratch(void)
{
	ncm_layout_free(opened);
	free(config.data_dir);
	free(config.root);
	CHECK(ncm_remove_beneath(scratch_fd, "root") == 0 && ncm_remove_beneath(scratch_fd, "data") == 0 &&
	      ncm_remove_beneath(scratch_fd, "decoy") == 0);
	close(scratch_fd);
	CHECK(rmdir(scratch) == 0);
}

#endif
