/* SPDX-License-Identifier: MIT */
#include "registry/write.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/document.h"
#include "registry/entry.h"

#include <math.h>
#include <string.h>

static json_t *new_document(void)
{
	json_t *document = json_object();

	ncm_json_set_u64(document, "schema_version", REGISTRY_SCHEMA_VERSION);
	ncm_json_set_string(document, "registered_at", "");
	ncm_json_set_u64(document, "total_models", 0);
	json_object_set_new(document, "total_size_gb", json_real(0));
	json_object_set_new(document, "models", json_array());
	return document;
}

/* The totals are those of the entries as their readers see them, whoever wrote them. */
static void set_totals(json_t *document)
{
	const json_t *models = json_object_get(document, "models");
	const json_t *entry;
	double mib = 0;
	size_t i;

	json_array_foreach(models, i, entry) mib += json_number_value(json_object_get(entry, "size_mb"));
	ncm_json_set_u64(document, "schema_version", REGISTRY_SCHEMA_VERSION);
	ncm_json_set_u64(document, "total_models", json_array_size(models));
	json_object_set_new(document, "total_size_gb", json_real(round(mib / 1024 * 100) / 100));
}

/* The digits that bring every number back as it was read: 0.95 needs 15, what a program computed may need 17. */
static size_t digits_needed(const json_t *value)
{
	enum { FEW = 15, ALL = 17 };
	size_t digits = FEW, i;
	const char *key;
	json_t *member;
	char text[40];

	json_object_foreach((json_t *)value, key, member)
	{
		if (digits_needed(member) > digits)
			return ALL;
	}
	json_array_foreach(value, i, member)
	{
		if (digits_needed(member) > digits)
			return ALL;
	}
	if (json_is_real(value)) {
		snprintf(text, sizeof text, "%.*g", FEW, json_real_value(value));
		digits = strtod(text, NULL) < json_real_value(value) || strtod(text, NULL) > json_real_value(value)
			     ? ALL
			     : FEW;
	}
	return digits;
}

static int write_document(int dirfd, const char *path, const json_t *document, struct ncm_error *err)
{
	NCM_AUTO_FREE char *dumped =
	    json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(digits_needed(document)));
	NCM_AUTO_FREE char *text = dumped ? ncm_asprintf("%s\n", dumped) : NULL;

	if (!text)
		return ncm_error_set(err, NCM_E_REGISTRY, "%s: cannot be written as JSON", path);
	if (ncm_write_atomic(dirfd, ncm_path_base(path), text, strlen(text), 0644, err) < 0)
		return ncm_error_wrap(err, "%s", path);
	return 0;
}

/*
 * Everything that changes models.json goes through here: lock, read again, change, replace. `edit` returns whether
 * there is anything to write.
 */
static int change(const char *given, bool create, bool (*edit)(json_t *document, const char *base, void *context),
		  void *context, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_path_absolute(given);
	NCM_AUTO_FREE char *folder = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	NCM_AUTO_FREE char *base = registry_base(path);
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(folder, create, err);
	NCM_AUTO_CLOSE int ours = dirfd < 0 ? -1 : ncm_mkdir_beneath(dirfd, ".ncmodel", err);
	NCM_AUTO_LOCK int held = ours < 0 ? -1 : ncm_lock_beneath(ours, "registry.lock", path, false, NULL, err);
	bool missing = false;
	NCM_AUTO_JSON json_t *document = held < 0 ? NULL : registry_document(path, &missing, err);

	if (missing && !create)
		return 0;
	if (missing)
		document = new_document();
	if (!document)
		return -1;
	if (!edit(document, base, context))
		return 0;
	set_totals(document);
	return write_document(dirfd, path, document, err);
}

static json_t *find_entry(const json_t *document, const char *id)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(document, "models"), i, entry)
	{
		if (strcmp(registry_entry_id(entry), id) == 0 || strcmp(ncm_json_string(entry, "name"), id) == 0)
			return entry;
	}
	return NULL;
}

struct additions {
	const struct ncm_reg_model *models;
	size_t count;
};

static bool put(json_t *document, const char *base, void *context)
{
	const struct additions *additions = context;
	char now[32];

	for (size_t i = 0; i < additions->count; i++) {
		json_t *entry = find_entry(document, additions->models[i].id);

		if (!entry) {
			entry = json_object();
			json_array_append_new(json_object_get(document, "models"), entry);
		}
		registry_entry_write(&additions->models[i], base, entry);
	}
	ncm_json_set_string(document, "registered_at", ncm_time_local(now));
	return additions->count > 0;
}

int ncm_registry_put_all(const char *path, const struct ncm_reg_model *models, size_t count, struct ncm_error *err)
{
	return change(path, true, put, &(struct additions){models, count}, err);
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

static bool mark(json_t *document, const char *base, void *context)
{
	const struct marks *marks = context;
	bool changed = false;
	char now[32];

	(void)base;
	ncm_time_utc(now);
	for (size_t i = 0; i < marks->count; i++) {
		json_t *entry = find_entry(document, marks->ids[i]);

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
	return change(path, false, mark, &(struct marks){ids, results, count}, err);
}

struct touch {
	const char *id;
	const char *abs;
	int64_t mtime_ns;
};

static bool touch(json_t *document, const char *base, void *context)
{
	const struct touch *touched = context;
	const json_t *entry = find_entry(document, touched->id);
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

int ncm_registry_touch(const char *path, const char *id, const char *abs, int64_t mtime_ns, struct ncm_error *err)
{
	return change(path, false, touch, &(struct touch){id, abs, mtime_ns}, err);
}
