/* SPDX-License-Identifier: MIT */
#include "registry/write.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/change.h"
#include "registry/entry.h"

#include <string.h>

struct puts {
	const struct ncm_reg_model *models;
	size_t count;
};

struct additions {
	const struct registry_addition *items;
	size_t count;
};

/* What we wrote, we hashed: an entry without a digest would vouch for bytes that nobody knows. */
static int check_digests(const struct ncm_reg_model *models, size_t count, struct ncm_error *err)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < models[i].file_count; k++) {
			const struct ncm_reg_file *file = &models[i].files[k];
			const bool is_ours = file->origin == NCM_ORIGIN_FETCHED || file->origin == NCM_ORIGIN_LINKED;

			if (is_ours && ncm_sha256_is_zero(&file->sha256)) {
				ncm_error_set(err, NCM_E_REGISTRY, "%s: %s was to be recorded without its SHA-256",
					      models[i].id, file->abs);
				return ncm_error_hint(err, "nothing was recorded; pull the model again");
			}
		}
	}
	return 0;
}

static bool put(struct registry_change *change, void *context)
{
	const struct puts *puts = context;

	for (size_t i = 0; i < puts->count; i++) {
		const struct ncm_reg_model *model = &puts->models[i];

		registry_entry_write(model, registry_change_base(change), registry_change_make(change, model->id));
	}
	registry_change_stamp(change);
	return puts->count > 0;
}

int ncm_registry_put_all(const char *path, const struct ncm_reg_model *models, size_t count, struct ncm_error *err)
{
	if (check_digests(models, count, err) < 0)
		return -1;
	return registry_change(path, true, put, &(struct puts){models, count}, err);
}

static bool add(struct registry_change *change, void *context)
{
	const struct additions *additions = context;

	for (size_t i = 0; i < additions->count; i++) {
		const struct registry_addition *addition = &additions->items[i];

		registry_entry_add(addition, registry_change_base(change),
				   registry_change_make(change, addition->model->id));
	}
	registry_change_stamp(change);
	return additions->count > 0;
}

int ncm_registry_add_all(const char *path, const struct registry_addition *additions, size_t count,
			 struct ncm_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (check_digests(additions[i].model, 1, err) < 0)
			return -1;
	}
	return registry_change(path, true, add, &(struct additions){additions, count}, err);
}

struct marks {
	const char *const *ids;
	const char *const *results;
	size_t count;
};

static bool mark(struct registry_change *change, void *context)
{
	const struct marks *marks = context;
	bool changed = false;

	for (size_t i = 0; i < marks->count; i++)
		changed = registry_change_mark(change, marks->ids[i], marks->results[i]) || changed;
	return changed;
}

int ncm_registry_mark(const char *path, const char *const *ids, const char *const *results, size_t count,
		      struct ncm_error *err)
{
	return registry_change(path, false, mark, &(struct marks){ids, results, count}, err);
}

struct touches {
	const struct ncm_reg_touch *items;
	size_t count;
};

static bool touch_entry(const struct ncm_reg_touch *touched, const char *base, const json_t *entry)
{
	bool changed = false;
	json_t *file;
	size_t i;

	json_array_foreach(json_object_get(entry, "files"), i, file)
	{
		NCM_AUTO_FREE char *joined = ncm_path_join(base, ncm_json_string(file, "path"));
		NCM_AUTO_FREE char *abs = ncm_path_absolute(joined);

		if (strcmp(abs, touched->abs) != 0)
			continue;
		json_object_set_new(file, "mtime_ns", json_integer(touched->mtime_ns));
		changed = true;
	}
	return changed;
}

static bool touch(struct registry_change *change, void *context)
{
	const struct touches *touches = context;
	bool changed = false;

	for (size_t i = 0; i < touches->count; i++) {
		const json_t *entry = registry_change_find(change, touches->items[i].id);

		if (entry && touch_entry(&touches->items[i], registry_change_base(change), entry))
			changed = true;
	}
	return changed;
}

int ncm_registry_touch_all(const char *path, const struct ncm_reg_touch *touches, size_t count, struct ncm_error *err)
{
	return registry_change(path, false, touch, &(struct touches){touches, count}, err);
}

struct leaving {
	const char *const *ids;
	size_t count;
};

static bool take_out(struct registry_change *change, void *context)
{
	const struct leaving *leaving = context;
	bool changed = false;

	for (size_t i = 0; i < leaving->count; i++)
		changed = registry_change_remove(change, leaving->ids[i]) || changed;
	if (changed)
		registry_change_stamp(change);
	return changed;
}

int ncm_registry_remove(const char *path, const char *const *ids, size_t count, struct ncm_error *err)
{
	return registry_change(path, false, take_out, &(struct leaving){ids, count}, err);
}
