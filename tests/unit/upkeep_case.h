/* SPDX-License-Identifier: MIT */
/* On top of verify_case.h: a layout with a Hugging Face cache too, models in each kind of store, removals. */
#ifndef NCM_TEST_UPKEEP_CASE_H
#define NCM_TEST_UPKEEP_CASE_H

#include "verify_case.h"

#include <ncmodel/upkeep.h>

#include <time.h>

static inline void begin(void)
{
	start();
	unsetenv("HF_HUB_CACHE");
	unsetenv("HUGGINGFACE_HUB_CACHE");
	unsetenv("HF_HOME");
	unsetenv("XDG_CACHE_HOME");
	temp_write(folder, "layout.json",
		   "{\"schema_version\":1,\"layout\":\"test\",\"title\":\"t\",\"registry\":\"ai/models/models.json\","
		   "\"stores\":{\"llama-cpp\":{\"kind\":\"folders\",\"path\":\"ai/models\",\"folders\":{}},"
		   "\"comfyui\":{\"kind\":\"folders\",\"path\":\"comfy\",\"folders\":{\"vae\":\"models/vae\",\"nodes\":"
		   "\"nodes\"}},\"hf\":{\"kind\":\"huggingface\",\"path\":\"hub\"},"
		   "\"ollama\":{\"kind\":\"ollama\",\"path\":\"ollama\"}}}");
}

static inline bool is_there(const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	struct stat status;

	return lstat(path, &status) == 0;
}

static inline void link_to(const char *target, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	temp_write(folder, name, "");
	CHECK(unlink(path) == 0 && symlink(target, path) == 0);
}

static inline void hard_link(const char *from, const char *name)
{
	NCM_AUTO_FREE char *old = ncm_path_join(folder, from);
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	temp_write(folder, name, "");
	CHECK(unlink(path) == 0 && link(old, path) == 0);
}

/* Later than now: whatever depends on age takes the file for young. */
static inline void make_young(const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	const struct timespec later = {.tv_sec = time(NULL) + 10000};
	const struct timespec times[2] = {later, later};

	CHECK(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

/* "ollama/blobs/sha256-<hex>" of a text. The caller frees it. */
static inline char *blob_name(const char *text)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(text, strlen(text), &digest);
	return ncm_asprintf("ollama/blobs/sha256-%s", ncm_sha256_hex(&digest, hex));
}

static inline bool has_blob(const char *text)
{
	NCM_AUTO_FREE char *name = blob_name(text);

	return is_there(name);
}

/* The manifest of a model with two layers, and the blobs of both. */
static inline char *ollama_model(const char *name, const char *first, const char *second)
{
	NCM_AUTO_FREE char *a = blob_name(first);
	NCM_AUTO_FREE char *b = blob_name(second);
	NCM_AUTO_FREE char *path = ncm_asprintf("ollama/manifests/registry.ollama.ai/library/%s", name);
	char *text =
	    ncm_asprintf("{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:%s\",\"size\":%zu},{\"digest\":"
			 "\"sha256:%s\",\"size\":%zu}]}",
			 strrchr(a, '-') + 1, strlen(first), strrchr(b, '-') + 1, strlen(second));

	temp_write(folder, a, first);
	temp_write(folder, b, second);
	temp_write(folder, path, text);
	return text;
}

/* The same, registered with its manifest and both blobs. */
static inline void put_ollama_model(const char *id, const char *name, const char *first, const char *second)
{
	NCM_AUTO_FREE char *manifest = ollama_model(name, first, second);
	NCM_AUTO_FREE char *a = blob_name(first);
	NCM_AUTO_FREE char *b = blob_name(second);
	NCM_AUTO_FREE char *path = ncm_asprintf("ollama/manifests/registry.ollama.ai/library/%s", name);

	add(a, first, "ollama", "model");
	add(b, second, "ollama", "template");
	add(path, manifest, "ollama", "manifest");
	put(id);
}

static inline bool is_registered(const char *id)
{
	struct ncm_registry *registry = ncm_registry_read(registry_path, NULL);
	bool found = false;

	CHECK(registry);
	for (size_t i = 0; i < registry->count; i++)
		found = found || strcmp(registry->models[i].id, id) == 0;
	ncm_registry_free(registry);
	return found;
}

static inline struct ncm_removal *try_rm(const char *id, bool force, struct ncm_error *err)
{
	char *names[] = {(char *)(uintptr_t)id};
	const struct ncm_selector selector = {.names = {.items = names, .count = 1}};

	return ncm_remove_plan(&config, &(struct ncm_remove_options){.selector = &selector, .force = force}, err);
}

static inline struct ncm_removal *plan_rm(const char *id, bool force)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_removal *removal = try_rm(id, force, &err);

	if (!removal)
		fprintf(stderr, "%s\n", err.message);
	CHECK(removal);
	return removal;
}

static inline void carry_out(struct ncm_removal *removal)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (ncm_removal_run(removal, true, NULL, &err) < 0)
		fprintf(stderr, "%s\n", err.message);
	CHECK(err.code == NCM_OK);
}

static inline struct ncm_removal *rm(const char *id)
{
	struct ncm_removal *removal = plan_rm(id, false);

	carry_out(removal);
	return removal;
}

static inline struct ncm_removal *plan_gc(const struct ncm_gc_options *options)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_removal *removal = ncm_gc_plan(&config, options, &err);

	if (!removal)
		fprintf(stderr, "%s\n", err.message);
	CHECK(removal);
	return removal;
}

static inline struct ncm_removal *gc(const struct ncm_gc_options *options)
{
	struct ncm_removal *removal = plan_gc(options);

	carry_out(removal);
	return removal;
}

/* The file of the list at this place, or NULL. */
static inline const struct ncm_removal_file *listed(const struct ncm_removal *removal, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	for (size_t i = 0; i < removal->count; i++) {
		if (strcmp(removal->files[i].path, path) == 0)
			return &removal->files[i];
	}
	return NULL;
}

static inline uint64_t blocks(const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	struct stat status;

	CHECK(lstat(path, &status) == 0);
	return (uint64_t)status.st_blocks * 512;
}

#endif
