/* SPDX-License-Identifier: MIT */
/* A bundle of what is installed: content first, then the manifests and pins that name it, then the index of it all. */
#include "bundle/bundle.h"
#include "bundle/pins.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "manifest/load.h"
#include "os/os.h"
#include "store/store.h"

#include <ncmodel/draft.h>
#include <ncmodel/registry.h>
#include <string.h>

enum { PHASES = 3 };

struct making {
	const struct ncm_config *config;
	const struct ncm_catalog *catalog;
	const struct ncm_sink *sink;
	struct ncm_bundle *bundle;
	struct ncm_layout *layout;
	struct ncm_lock *lock;
	struct ncm_text_map blobs; /* digests in hex, as the paths have them */
	uint64_t done, total;      /* bytes of content; what several models have counts once in `done` */
	int dirfd, blobs_fd, checkpoints;
};

static unsigned phase_of(const struct ncm_reg_model *model)
{
	return model->phase >= 1 && model->phase <= PHASES ? model->phase : 1;
}

static const char *profile_of(const struct ncm_reg_model *model)
{
	return model->profile ? model->profile : "bundle";
}

/* What was unpacked comes back with its archive, which nobody kept. */
static bool is_unpacked(const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (!ncm_sha256_is_zero(&model->files[i].archive))
			return true;
	}
	return false;
}

static void leave_out(struct making *making, const char *id, const char *why)
{
	ncm_strings_take(&making->bundle->left_out, ncm_asprintf("%s: %s", id, why));
}

static int copy_file(struct making *making, const struct ncm_reg_file *file, struct ncm_error *err)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *path = ncm_asprintf(BUNDLE_BLOBS "/%s", ncm_sha256_hex(&file->sha256, hex));
	struct bundle_copy copy = {.blobs = making->blobs_fd,
				   .from = file->abs,
				   .name = hex,
				   .sha256 = file->sha256,
				   .size = file->size,
				   .before = making->done,
				   .total = making->total,
				   .sink = making->sink};
	struct ncm_bundle_file *entry;

	if (ncm_text_map_find(&making->blobs, hex, NCM_SHA256_HEX))
		return 0;
	if (bundle_copy(&copy, err) < 0)
		return -1;
	making->done += file->size;
	entry = bundle_add(making->bundle, path, file->role ? file->role : "weights");
	ncm_text_map_add(&making->blobs, ncm_path_base(entry->path), NCM_SHA256_HEX, making->bundle->count - 1);
	entry->sha256 = file->sha256;
	entry->size = copy.checkpoints.size;
	entry->state = copy.copied ? NCM_BUNDLE_COPIED : NCM_BUNDLE_OK;
	making->bundle->copied += copy.copied ? entry->size : 0;
	if (copy.checkpoints.count > 0 && making->checkpoints < 0)
		making->checkpoints = ncm_mkdir_beneath(making->dirfd, BUNDLE_CHECKPOINTS, NULL);
	if (making->checkpoints >= 0)
		(void)ncm_checkpoints_write_in(making->checkpoints, &copy.checkpoints, NULL);
	ncm_checkpoints_clear(&copy.checkpoints);
	return 0;
}

static int write_text(struct making *making, const char *path, const char *role, const char *text,
		      struct ncm_error *err)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(making->dirfd, path, true, &name, err);
	struct ncm_bundle_file *file;

	if (parent < 0 || ncm_write_atomic(parent, name, text, strlen(text), NCM_OWN_FILE, err) < 0)
		return -1;
	if (!role)
		return 0;
	file = bundle_add(making->bundle, path, role);
	file->size = strlen(text);
	file->state = NCM_BUNDLE_COPIED;
	ncm_sha256_of(text, file->size, &file->sha256);
	return 0;
}

static bool is_gap(const struct ncm_draft *draft, const char *id)
{
	for (size_t i = 0; i < draft->gap_count; i++) {
		if (strcmp(draft->gaps[i].what, id) == 0)
			return true;
	}
	return false;
}

static int take_draft(struct making *making, const struct ncm_draft *draft, const struct ncm_reg_model *const *models,
		      size_t count, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("manifests/%s/phase-%u-%s.json", draft->profile, draft->phase,
						manifest_priority(draft->phase));
	NCM_AUTO_FREE char *text = NULL;

	for (size_t i = 0; i < draft->gap_count; i++)
		leave_out(making, draft->gaps[i].what, draft->gaps[i].why);
	for (size_t i = 0; i < count; i++) {
		if (is_gap(draft, models[i]->id))
			continue;
		for (size_t k = 0; k < models[i]->file_count; k++) {
			const struct ncm_reg_file *file = &models[i]->files[k];

			if (!bundle_is_older(making->lock, models[i], file) && copy_file(making, file, err) < 0)
				return ncm_error_wrap(err, "%s", models[i]->id);
		}
		ncm_strings_add_new(&making->bundle->models, models[i]->id);
	}
	text = draft->text ? bundle_manifest(draft->text, making->lock, making->layout) : NULL;
	return text ? write_text(making, path, "manifest", text, err) : 0;
}

/* The models of one profile and phase: they are one manifest. */
static int take_group(struct making *making, const struct ncm_reg_model *const *models, size_t count,
		      struct ncm_error *err)
{
	const struct ncm_draft_options options = {.profile = profile_of(models[0]), .phase = phase_of(models[0])};
	struct ncm_selector selector = {0};
	struct ncm_draft *draft;
	int failed;

	for (size_t i = 0; i < count; i++)
		ncm_strings_add(&selector.names, models[i]->id);
	draft = ncm_draft_dump(making->config, making->catalog, &selector, &options, err);
	ncm_strings_free(&selector.names);
	failed = draft ? take_draft(making, draft, models, count, err) : -1;
	ncm_draft_free(draft);
	return failed;
}

static int compare_models(const void *a, const void *b)
{
	const struct ncm_reg_model *x = *(const struct ncm_reg_model *const *)a;
	const struct ncm_reg_model *y = *(const struct ncm_reg_model *const *)b;
	const int order = strcmp(profile_of(x), profile_of(y));

	if (order != 0)
		return order;
	return phase_of(x) != phase_of(y) ? (phase_of(x) > phase_of(y) ? 1 : -1) : strcmp(x->id, y->id);
}

static int take_models(struct making *making, const struct ncm_reg_model **models, size_t count, struct ncm_error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_unpacked(models[i]))
			leave_out(making, models[i]->id, "it was unpacked from an archive, which is not kept");
		else
			models[kept++] = models[i];
	}
	for (size_t i = 0; i < kept; i++)
		making->total += models[i]->size;
	if (kept > 1)
		qsort(models, kept, sizeof *models, compare_models);
	for (size_t i = 0, end; i < kept; i = end) {
		for (end = i + 1; end < kept && phase_of(models[end]) == phase_of(models[i]) &&
				  strcmp(profile_of(models[end]), profile_of(models[i])) == 0;)
			end++;
		if (take_group(making, models + i, end - i, err) < 0)
			return -1;
	}
	return 0;
}

static int read_pins(struct making *making, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = NULL;

	making->layout = ncm_layout_load(making->config, err);
	path = making->layout ? ncm_layout_lock(making->layout, making->config) : NULL;
	making->lock = path ? ncm_lock_load(path, err) : NULL;
	return making->lock ? 0 : -1;
}

static int write_pins(struct making *making, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = bundle_pins(making->lock, &making->blobs);

	if (!text)
		return ncm_error_set(err, NCM_E_MANIFEST, "%s has a key that is no UTF-8", making->lock->path);
	return write_text(making, BUNDLE_LOCK, "lock", text, err);
}

static int write_index(struct making *making, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = NULL;

	bundle_settle(making->bundle);
	text = bundle_index(making->bundle);
	return write_text(making, BUNDLE_INDEX, NULL, text, err);
}

static int open_folders(struct making *making, struct ncm_error *err)
{
	making->dirfd = ncm_dir_open(making->bundle->path, true, err);
	making->blobs_fd = making->dirfd < 0 ? -1 : ncm_mkdir_beneath(making->dirfd, BUNDLE_BLOBS, err);
	if (making->blobs_fd < 0)
		return ncm_error_wrap(err, "%s", making->bundle->path);
	bundle_forget_copies(making->blobs_fd);
	return 0;
}

static int choose(const struct ncm_registry *registry, const struct ncm_selector *selector,
		  const struct ncm_reg_model ***models, size_t *count, struct ncm_error *err)
{
	if (ncm_registry_select(registry, selector, models, count, err) < 0)
		return -1;
	if (*count > 0)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "there is nothing to put into a bundle: nothing is installed");
	return ncm_error_hint(err, "`ncmodel pull` installs models");
}

static void close_folders(const struct making *making)
{
	const int folders[] = {making->dirfd, making->blobs_fd, making->checkpoints};

	for (size_t i = 0; i < 3; i++) {
		if (folders[i] >= 0)
			os_close(folders[i]);
	}
}

struct ncm_bundle *ncm_bundle_create(const struct ncm_config *config, const struct ncm_catalog *catalog,
				     const struct ncm_selector *selector, const char *path, const struct ncm_sink *sink,
				     struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(config, err);
	struct making making = {.config = config,
				.catalog = catalog,
				.sink = sink,
				.bundle = ncm_calloc(1, sizeof *making.bundle),
				.dirfd = -1,
				.blobs_fd = -1,
				.checkpoints = -1};
	NCM_AUTO_FREE const struct ncm_reg_model **models = NULL;
	size_t count = 0;
	int failed = -1;

	making.bundle->path = ncm_path_absolute(path);
	if (registry && choose(registry, selector, &models, &count, err) == 0 && read_pins(&making, err) == 0 &&
	    open_folders(&making, err) == 0 && take_models(&making, models, count, err) == 0 &&
	    write_pins(&making, err) == 0)
		failed = write_index(&making, err);
	close_folders(&making);
	ncm_lock_free(making.lock);
	ncm_layout_free(making.layout);
	ncm_text_map_free(&making.blobs);
	ncm_registry_free(registry);
	if (!failed)
		return making.bundle;
	ncm_bundle_free(making.bundle);
	return NULL;
}
