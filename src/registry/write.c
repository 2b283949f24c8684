/* SPDX-License-Identifier: MIT */
#include "registry/write.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/change.h"
#include "registry/entry.h"

#include <string.h>

struct additions {
	const struct ncm_reg_model *models;
	size_t count;
};

static bool put(struct registry_change *change, void *context)
{
	const struct additions *additions = context;

	for (size_t i = 0; i < additions->count; i++) {
		const struct ncm_reg_model *model = &additions->models[i];

		registry_entry_write(model, registry_change_base(change), registry_change_make(change, model->id));
	}
	registry_change_stamp(change);
	return additions->count > 0;
}

int ncm_registry_put_all(const char *path, const struct ncm_reg_model *models, size_t count, struct ncm_error *err)
{
	return registry_change(path, true, put, &(struct additions){models, count}, err);
}

int ncm_registry_put(const char *path, const struct ncm_reg_model *model, struct ncm_error *err)
{
	return ncm_registry_put_all(path, model, 1, err);
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
	char now[32];

	ncm_time_utc(now);
	for (size_t i = 0; i < marks->count; i++) {
		json_t *entry = registry_change_find(change, marks->ids[i]);

		if (!entry)
			continue;
		ncm_json_set_string(entry, "verified_at", now);
		ncm_json_set_string(entry, "verify_result", marks->results[i]);
		changed = true;
	}
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
