/* SPDX-License-Identifier: MIT */
/* What goes into a bundle of what is installed: content, the manifests and pins that name it, the index of it all. */
#include "bundle/making.h"
#include "bundle/pins.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/hash.h"
#include "manifest/load.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/draft.h>
#include <string.h>

enum { PHASES = 3, LEAST_LEFT_OUT = 1 << 20 };

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

const struct bundle_source *making_source(const struct making *making, const struct ncm_bundle_file *file)
{
	const uint32_t *number = bundle_is_blob(file->path)
				     ? ncm_text_map_find(&making->blobs, ncm_path_base(file->path), NCM_SHA256_HEX)
				     : NULL;

	return number ? &making->sources[*number] : NULL;
}

void making_tell(struct making *making, const char *file, uint64_t bytes)
{
	making->done += bytes;
	ncm_emit(making->sink, &(struct ncm_event){.type = NCM_EVENT_VERIFIED,
						   .file = file,
						   .done = making->done,
						   .total = making->total,
						   .stage = "hashing"});
}

/* Small files are all there: what a manifest of Ollama's weighs is not worth missing it. */
static bool is_theirs(const struct making *making, const struct ncm_reg_file *file, const char *hex)
{
	return file->size >= LEAST_LEFT_OUT && ncm_text_map_find(&making->theirs, hex, NCM_SHA256_HEX) != NULL;
}

/* Its digest counts as the bundle's, so that its pins come along. */
static void assume(struct making *making, const struct ncm_reg_file *file, const char *hex)
{
	struct ncm_bundle *bundle = making->bundle;

	ncm_strings_add(&making->words, hex);
	ncm_text_map_add(&making->blobs, making->words.items[making->words.count - 1], NCM_SHA256_HEX, 0);
	*NCM_PUSH(bundle->assumed, bundle->assumed_count) =
	    (struct ncm_bundle_assumed){.sha256 = file->sha256, .size = file->size};
}

static void take_file(struct making *making, const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *path = ncm_asprintf(BUNDLE_BLOBS "/%s", ncm_sha256_hex(&file->sha256, hex));
	struct ncm_bundle_file *entry;

	if (ncm_text_map_find(&making->blobs, hex, NCM_SHA256_HEX))
		return;
	if (is_theirs(making, file, hex)) {
		assume(making, file, hex);
		return;
	}
	entry = bundle_add(making->bundle, path, file->role ? file->role : "weights");
	entry->sha256 = file->sha256;
	entry->size = file->size;
	making->total += file->size;
	ncm_text_map_add(&making->blobs, ncm_path_base(entry->path), NCM_SHA256_HEX, making->source_count);
	*NCM_PUSH(making->sources, making->source_count) = (struct bundle_source){file->abs, model->id};
}

/* Takes the text. `role`: what the index says of it; NULL: nothing. */
static void take_document(struct making *making, const char *path, const char *role, char *text)
{
	struct bundle_document *document = NCM_PUSH(making->documents, making->document_count);
	struct ncm_bundle_file *file;

	*document = (struct bundle_document){.path = ncm_strdup(path), .text = text, .size = strlen(text)};
	if (!role)
		return;
	file = bundle_add(making->bundle, path, role);
	file->size = document->size;
	file->state = NCM_BUNDLE_COPIED;
	ncm_sha256_of(text, file->size, &file->sha256);
}

static bool is_gap(const struct ncm_draft *draft, const char *id)
{
	for (size_t i = 0; i < draft->gap_count; i++) {
		if (strcmp(draft->gaps[i].what, id) == 0)
			return true;
	}
	return false;
}

static void take_draft(struct making *making, const struct ncm_draft *draft, const struct ncm_reg_model *const *models,
		       size_t count)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("manifests/%s/phase-%u-%s.json", draft->profile, draft->phase,
						manifest_priority(draft->phase));

	for (size_t i = 0; i < draft->gap_count; i++)
		leave_out(making, draft->gaps[i].what, draft->gaps[i].why);
	for (size_t i = 0; i < count; i++) {
		if (is_gap(draft, models[i]->id))
			continue;
		for (size_t k = 0; k < models[i]->file_count; k++) {
			if (!bundle_is_older(making->lock, models[i], &models[i]->files[k]))
				take_file(making, models[i], &models[i]->files[k]);
		}
		ncm_strings_add_new(&making->bundle->models, models[i]->id);
	}
	if (draft->text)
		take_document(making, path, "manifest", bundle_manifest(draft->text, making->lock, making->layout));
}

/* The models of one profile and phase: they are one manifest. */
static int take_group(struct making *making, const struct ncm_reg_model *const *models, size_t count,
		      struct ncm_error *err)
{
	const struct ncm_draft_options options = {.profile = profile_of(models[0]), .phase = phase_of(models[0])};
	struct ncm_selector selector = {0};
	struct ncm_draft *draft;

	for (size_t i = 0; i < count; i++)
		ncm_strings_add(&selector.names, models[i]->id);
	draft = ncm_draft_dump(making->config, making->catalog, &selector, &options, err);
	ncm_strings_free(&selector.names);
	if (!draft)
		return -1;
	take_draft(making, draft, models, count);
	ncm_draft_free(draft);
	return 0;
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

static int tell_no_lock(const char *path, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "--for %s: %s", path, why);
	return ncm_error_hint(err, "it is the ncmodel.lock of the machine that gets the bundle: copy it from there");
}

/* What the receiver's lock pins. */
static int read_theirs(struct making *making, const char *path, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = path ? os_open(OS_HERE, path, OS_READ) : -1;
	struct os_stat status;
	struct ncm_lock *lock;

	if (!path)
		return 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return tell_no_lock(path, "there is no lock", err);
	if (fd >= 0 && os_fstat(fd, &status) == 0 && status.kind != OS_IS_FILE)
		return tell_no_lock(path, "that is no file", err);
	lock = ncm_lock_load(path, err);
	for (size_t i = 0; lock && i < lock->count; i++) {
		for (size_t k = 0; k < lock->entries[i].file_count; k++) {
			char hex[NCM_SHA256_HEX + 1];

			if (!lock->entries[i].files[k].has_sha256)
				continue;
			ncm_strings_add(&making->words, ncm_sha256_hex(&lock->entries[i].files[k].sha256, hex));
			ncm_text_map_add(&making->theirs, making->words.items[making->words.count - 1], NCM_SHA256_HEX,
					 0);
		}
	}
	making->their_lock = lock;
	return lock ? 0 : -1;
}

static int read_pins(struct making *making, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = NULL;

	making->layout = ncm_layout_load(making->config, err);
	path = making->layout ? ncm_layout_lock(making->layout, making->config) : NULL;
	making->lock = path ? ncm_lock_load(path, err) : NULL;
	return making->lock ? 0 : -1;
}

/* The pins and the index, once it is known what they are of. */
static int take_rest(struct making *making, struct ncm_error *err)
{
	char *pins = bundle_pins(making->lock, &making->blobs);

	if (!pins)
		return ncm_error_set(err, NCM_E_MANIFEST, "%s has a key that is no UTF-8", making->lock->path);
	take_document(making, BUNDLE_LOCK, "lock", pins);
	bundle_settle(making->bundle);
	take_document(making, BUNDLE_INDEX, NULL, bundle_index(making->bundle));
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

/* A folder is a mirror, too: its files are whole. */
static int write_bundle(struct making *making, uint64_t volume, struct ncm_error *err)
{
	const bool in_volumes = volume > 0 || ncm_path_has_suffix(making->bundle->path, BUNDLE_ENDING);

	if ((in_volumes && making_find_bases(making, err) < 0) || take_rest(making, err) < 0)
		return -1;
	return in_volumes ? making_write_volumes(making, volume, err) : making_write_folder(making, err);
}

static void forget(struct making *making)
{
	for (size_t i = 0; i < making->document_count; i++) {
		free(making->documents[i].path);
		free(making->documents[i].text);
	}
	free(making->documents);
	free(making->sources);
	ncm_lock_free(making->lock);
	ncm_lock_free(making->their_lock);
	ncm_layout_free(making->layout);
	ncm_text_map_free(&making->blobs);
	ncm_text_map_free(&making->theirs);
	ncm_strings_free(&making->words);
}

struct ncm_bundle *ncm_bundle_create(const struct ncm_config *config, const struct ncm_catalog *catalog,
				     const struct ncm_selector *selector, const struct ncm_bundle_options *options,
				     const struct ncm_sink *sink, struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(config, err);
	struct making making = {
	    .config = config, .catalog = catalog, .sink = sink, .bundle = ncm_calloc(1, sizeof *making.bundle)};
	NCM_AUTO_FREE const struct ncm_reg_model **models = NULL;
	size_t count = 0;
	int failed = -1;

	making.bundle->path = ncm_path_absolute(options->path);
	if (registry && choose(registry, selector, &models, &count, err) == 0 && read_pins(&making, err) == 0 &&
	    read_theirs(&making, options->lock, err) == 0 && take_models(&making, models, count, err) == 0)
		failed = write_bundle(&making, options->volume, err);
	forget(&making);
	ncm_registry_free(registry);
	if (!failed)
		return making.bundle;
	ncm_bundle_free(making.bundle);
	return NULL;
}
