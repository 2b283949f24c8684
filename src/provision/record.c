/* SPDX-License-Identifier: MIT */
/* A model whose content is complete gets its final names, its lock entries and its place in models.json, in this order.
 */
#include "provision/run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "registry/model.h"
#include "registry/write.h"

#include <errno.h>
#include <string.h>

static struct ncm_reg_file *add_file(struct ncm_reg_model *out, const struct dest *dest, const char *path,
				     uint64_t size, const struct ncm_sha256 *sha256, int64_t mtime_ns)
{
	struct ncm_reg_file *file = NCM_PUSH(out->files, out->file_count);

	file->abs = ncm_strdup(path);
	file->store = ncm_strdup(dest->store->id);
	file->role = ncm_strdup(dest->role);
	file->size = size;
	file->sha256 = *sha256;
	file->mtime_ns = mtime_ns;
	out->size += size;
	return file;
}

static int add_unpacked(const struct item *item, const struct dest *dest, struct ncm_reg_model *out,
			struct ncm_error *err)
{
	for (size_t i = 0; i < item->unpacked_count; i++) {
		const struct ncm_unpacked *file = &item->unpacked[i];
		NCM_AUTO_FREE char *path = ncm_path_join(dest->path, file->path);
		struct stat status;

		if (lstat(path, &status) < 0)
			return ncm_error_errno(err, errno, "cannot see %s", path);
		add_file(out, dest, path, file->size, &file->sha256, ncm_mtime_ns(&status))->archive = item->sha256;
	}
	return 0;
}

/* What models.json knows already of the files below a folder, or of one file. */
static size_t add_known(const struct run *run, const char *id, const struct dest *dest, struct ncm_reg_model *out)
{
	const struct ncm_reg_model *old = ncm_registry_find(run->registry, id);
	size_t size = strlen(dest->path), found = 0;

	for (size_t i = 0; old && i < old->file_count; i++) {
		const struct ncm_reg_file *file = &old->files[i];

		if (strncmp(file->abs, dest->path, size) == 0 && (file->abs[size] == '/' || file->abs[size] == '\0')) {
			add_file(out, dest, file->abs, file->size, &file->sha256, file->mtime_ns)->archive =
			    file->archive;
			found++;
		}
	}
	return found;
}

static int add_files(const struct run *run, size_t model, struct ncm_reg_model *out, struct ncm_error *err)
{
	for (size_t i = 0; i < run->item_count; i++) {
		const struct item *item = &run->items[i];
		const bool extract = !item->is_manifest && run->wanted[item->wanted].spec->extract;

		for (size_t k = 0; k < item->dest_count; k++) {
			const struct dest *dest = &item->dests[k];

			if (run->wanted[dest->wanted].model != model)
				continue;
			if (extract && item->unpacked_count > 0) {
				if (add_unpacked(item, dest, out, err) < 0)
					return -1;
			} else if (extract || (!item->has_sha256 && item->state != ITEM_PLACED)) {
				add_known(run, run->models[model].model->id, dest, out);
			} else {
				add_file(out, dest, dest->path, (uint64_t)dest->status.st_size, &item->sha256,
					 ncm_mtime_ns(&dest->status));
			}
		}
	}
	return 0;
}

static const char *weaker(const char *a, const char *b)
{
	static const char *const order[] = {"first-use", "upstream", "manifest"};

	for (size_t i = 0; i < 3; i++) {
		if ((a && strcmp(a, order[i]) == 0) || (b && strcmp(b, order[i]) == 0))
			return order[i];
	}
	return "manifest";
}

static const char *first_of(const char *a, const char *b)
{
	return a && *a ? a : b;
}

/* Borrowed strings: the entry lives only as long as the call that writes it. */
static void describe(const struct run *run, size_t index, struct ncm_reg_model *out)
{
	const struct ncm_model *model = run->models[index].model;
	const struct ncm_variant *variant = model->chosen;
	const struct ncm_resolution *first = NULL;
	const char *trust = NULL;

	for (size_t i = 0; i < run->wanted_count; i++) {
		const struct wanted *wanted = &run->wanted[i];

		if (wanted->model != index || !wanted->resolution)
			continue;
		first = first ? first : wanted->resolution;
		trust = weaker(trust, wanted->trust);
	}
	registry_describe(model, variant, out);
	out->store = out->file_count > 0 ? out->files[0].store : NULL;
	out->source = first ? first->uri : NULL;
	out->revision = first ? first->revision : NULL;
	out->license = (char *)first_of(out->license, first ? first->license : NULL);
	out->architecture = (char *)first_of(out->architecture, first ? first->architecture : NULL);
	out->quantization = (char *)first_of(out->quantization, first ? first->quantization : NULL);
	out->parameters = (char *)first_of(out->parameters, first ? first->parameters : NULL);
	out->trust = (char *)trust;
}

static void entry_clear(struct ncm_reg_model *entry)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		free(entry->files[i].abs);
		free(entry->files[i].store);
		free(entry->files[i].role);
	}
	free(entry->files);
}

static const struct item *item_of(const struct run *run, const struct ncm_artifact *artifact, size_t wanted)
{
	for (size_t i = 0; i < run->item_count; i++) {
		const struct item *item = &run->items[i];

		if (item->is_manifest)
			continue;
		if (item->artifact == artifact)
			return item;
		/* Merged with another model's item, or served by an alternate: found by content or by who wants it. */
		if (artifact->has_sha256 && item->has_sha256 && ncm_sha256_equal(&artifact->sha256, &item->sha256))
			return item;
		if (item->wanted == wanted && artifact->name && strcmp(item->name, artifact->name) == 0)
			return item;
	}
	return NULL;
}

void wanted_pin(struct run *run, const struct wanted *wanted)
{
	const struct ncm_resolution *resolution = wanted->resolution;
	const char *uri = wanted->spec->from.items[0];
	NCM_AUTO_FREE struct ncm_lock_file *files = ncm_calloc(resolution->count, sizeof *files);
	char now[32];
	struct ncm_lock_entry entry = {
	    .uri = (char *)uri,
	    .pinned = resolution->uri,
	    /* A revision of another place means nothing at the first. */
	    .revision = strcmp(wanted->uri, uri) == 0 ? resolution->revision : NULL,
	    .trust = (char *)wanted->trust,
	    .resolved_at = ncm_time_utc(now),
	    .ollama_name = resolution->ollama_name,
	    .files = files,
	    .file_count = resolution->count,
	};

	for (size_t i = 0; i < resolution->count; i++) {
		const struct ncm_artifact *artifact = &resolution->artifacts[i];
		const struct item *item = item_of(run, artifact, (size_t)(wanted - run->wanted));

		files[i] = (struct ncm_lock_file){
		    .path = artifact->name ? artifact->name : (char *)uri,
		    .role = artifact->role,
		    .size = item && item->size ? item->size : artifact->size,
		    .has_sha256 = item && (item->has_sha256 || item->state == ITEM_PLACED),
		};
		if (files[i].has_sha256)
			files[i].sha256 = item->sha256;
	}
	ncm_lock_put(run->lock, &entry);
}

static bool belongs(const struct run *run, const struct item *item, size_t model)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (run->wanted[item->dests[i].wanted].model == model)
			return true;
	}
	return false;
}

/* Returns 0, -1, or 1 when an item has to be fetched once more. */
static int place_items(struct run *run, size_t model, bool manifests, struct ncm_error *err)
{
	for (size_t i = 0; i < run->item_count; i++) {
		struct item *item = &run->items[i];

		if (item->is_manifest != manifests || !belongs(run, item, model))
			continue;
		if (!item_is_right(item))
			run->models[model].changed = true;
		item_place(run, item);
		if (item->state == ITEM_OPEN)
			return 1;
		if (item->state == ITEM_FAILED) {
			ncm_error_set(err, item->error.code, "%s", item->error.message);
			if (item->error.hint)
				ncm_error_hint(err, "%s", item->error.hint);
			return -1;
		}
	}
	return 0;
}

static bool needs_record(const struct run *run, size_t model)
{
	const struct ncm_reg_model *old = ncm_registry_find(run->registry, run->models[model].model->id);

	if (!old || run->models[model].changed)
		return true;
	for (size_t i = 0; i < run->item_count; i++) {
		for (size_t k = 0; k < run->items[i].dest_count; k++) {
			const struct dest *dest = &run->items[i].dests[k];

			if (run->wanted[dest->wanted].model == model && dest->adopted)
				return true;
		}
	}
	return false;
}

/* Gives a model's content its final names. Whether it is to be recorded then. */
static bool place_model(struct run *run, size_t index)
{
	struct chosen_model *model = &run->models[index];
	int failed = place_items(run, index, false, &model->error);

	if (!failed)
		failed = place_items(run, index, true, &model->error);
	if (failed > 0)
		return false;
	/* Mending changes no record: the verify that follows writes down what it sees. */
	model->changed = model->changed || (!run->verified && needs_record(run, index));
	if (!failed && model->changed && !run->verified)
		return true;
	model->registered = !failed;
	return false;
}

static int save_lock(struct run *run, const size_t *models, size_t count, struct ncm_error *err)
{
	NCM_AUTO_FREE const char **uris = ncm_calloc(run->wanted_count + 1, sizeof *uris);
	size_t pinned = 0;

	for (size_t i = 0; i < run->wanted_count && !run->options.locked; i++) {
		const struct wanted *wanted = &run->wanted[i];

		for (size_t k = 0; k < count && !wanted->from_lock; k++) {
			if (models[k] != wanted->model)
				continue;
			wanted_pin(run, wanted);
			uris[pinned++] = wanted->spec->from.items[0];
		}
	}
	return pinned > 0 ? ncm_lock_save(run->lock, uris, pinned, err) : 0;
}

static int save_registry(const struct run *run, const size_t *models, size_t count, struct ncm_error *err)
{
	NCM_AUTO_FREE struct ncm_reg_model *entries = ncm_calloc(count, sizeof *entries);
	int failed = 0;

	for (size_t i = 0; i < count && !failed; i++) {
		failed = add_files(run, models[i], &entries[i], err);
		describe(run, models[i], &entries[i]);
	}
	if (!failed)
		failed = ncm_registry_put_all(run->registry_path, entries, count, err);
	for (size_t i = 0; i < count; i++)
		entry_clear(&entries[i]);
	return failed;
}

/* Writes down models whose files are in place: one replacement of each file, however many there are. */
static void forget_intents(struct run *run, size_t model)
{
	for (size_t i = 0; i < run->item_count; i++) {
		for (size_t k = 0; k < run->items[i].dest_count; k++) {
			struct dest *dest = &run->items[i].dests[k];

			if (run->wanted[dest->wanted].model == model)
				intent_forget(dest);
		}
	}
}

static void record(struct run *run, const size_t *models, size_t count)
{
	struct ncm_error err = NCM_ERROR_INIT;
	bool failed = save_lock(run, models, count, &err) < 0 || save_registry(run, models, count, &err) < 0;

	/* What one of them cannot have is not to cost the others theirs. */
	for (size_t i = 0; i < count && failed && count > 1; i++)
		record(run, &models[i], 1);
	for (size_t i = 0; i < count && !(failed && count > 1); i++) {
		struct chosen_model *model = &run->models[models[i]];

		model->registered = !failed;
		if (!failed) {
			forget_intents(run, models[i]);
			ncm_emit(&run->sink,
				 &(struct ncm_event){.type = NCM_EVENT_REGISTERED, .model = model->model->id});
			continue;
		}
		ncm_error_set(&model->error, err.code, "%s", err.message);
		if (err.hint)
			ncm_error_hint(&model->error, "%s", err.hint);
	}
	ncm_error_clear(&err);
}

void models_finish(struct run *run, const size_t *models, size_t count)
{
	NCM_AUTO_FREE size_t *placed = ncm_calloc(count + 1, sizeof *placed);
	size_t placed_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (place_model(run, models[i]))
			placed[placed_count++] = models[i];
	}
	if (placed_count > 0)
		record(run, placed, placed_count);
}
