/* SPDX-License-Identifier: MIT */
#include "registry/change_text.h"

#include "base/address.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/document.h"
#include "registry/entry.h"

#include <math.h>
#include <string.h>

static void set_result(json_t *tree, const char *verified_at, const char *result)
{
	ncm_json_set_string(tree, "verified_at", verified_at);
	ncm_json_set_string(tree, "verify_result", result);
}

static void make_tree(const struct registry_change *change, struct registry_change_entry *entry)
{
	entry->tree = ncm_json_part_tree(
	    &(struct ncm_json_part){.kind = NCM_JSON_OBJECT, .text = entry->text, .size = entry->size});
	(void)registry_entry_clean(entry->tree);
	if (entry->result)
		set_result(entry->tree, change->verified_at, entry->result);
	entry->result = NULL;
}

/* Entries of older versions may have secrets in their sources: what is written next is without them. */
static bool may_hold_secret(const struct ncm_json_part *source)
{
	NCM_AUTO_FREE char *text = NULL, *kept = NULL;

	if (source->kind != NCM_JSON_STRING || source->escaped)
		return source->kind == NCM_JSON_STRING;
	if (!memchr(source->text, '?', source->size) && !memmem(source->text, source->size, "://", 3))
		return false;
	text = ncm_strndup(source->text, source->size);
	kept = ncm_address_remembered(text);
	return !kept || strcmp(kept, text) != 0;
}

static bool has_secret(const struct registry_entry_text *text)
{
	bool found = may_hold_secret(&text->source);
	bool changed = false;

	for (size_t i = 0; i < text->file_count && !found; i++)
		found = may_hold_secret(&text->files[i].source);
	if (found) {
		NCM_AUTO_JSON json_t *tree = ncm_json_part_tree(
		    &(struct ncm_json_part){.kind = NCM_JSON_OBJECT, .text = text->text, .size = text->size});

		changed = registry_entry_clean(tree);
	}
	return changed;
}

static void keep_entry(void *context, const struct registry_entry_text *text)
{
	struct registry_change *change = context;
	const struct ncm_json_part *size_mb = &text->size_mb;
	struct registry_change_entry *entry = NCM_PUSH(change->entries, change->count);

	entry->text = text->text;
	entry->size = text->size;
	if (size_mb->kind == NCM_JSON_INTEGER || size_mb->kind == NCM_JSON_REAL)
		entry->size_mb = ncm_json_part_number(size_mb);
	entry->verified_at = text->verified_at;
	entry->verify_result = text->verify_result;
	if (has_secret(text))
		make_tree(change, entry);
}

static void keep_member(void *context, const struct ncm_json_part *key, const struct ncm_json_part *value)
{
	struct registry_change *change = context;
	NCM_AUTO_FREE char *name = ncm_strndup(key->text, key->size);

	json_object_set_new(change->document, name, value ? ncm_json_part_tree(value) : json_array());
}

static int read_registry(struct registry_change *change, const char *path, bool *missing, struct ncm_error *err)
{
	const struct registry_sink sink = {change, keep_entry, keep_member};
	size_t size = 0;

	change->document = json_object();
	change->text = registry_read_text(path, &size, missing, err);
	if (change->text)
		return registry_scan(path, change->text, size, &sink, &change->index, err);
	if (!*missing)
		return -1;
	ncm_json_set_u64(change->document, "schema_version", REGISTRY_SCHEMA_VERSION);
	ncm_json_set_string(change->document, "registered_at", "");
	ncm_json_set_u64(change->document, "total_models", 0);
	json_object_set_new(change->document, "total_size_gb", json_real(0));
	json_object_set_new(change->document, "models", json_array());
	return 0;
}

/* The entry of that id or name, which may be a removed one. */
static struct registry_change_entry *find(const struct registry_change *change, const char *id)
{
	const uint32_t *number = registry_index_find(&change->index, id);

	return number ? &change->entries[*number] : NULL;
}

json_t *registry_change_find(struct registry_change *change, const char *id)
{
	struct registry_change_entry *entry = find(change, id);

	if (!entry || entry->removed)
		return NULL;
	if (!entry->tree)
		make_tree(change, entry);
	return entry->tree;
}

bool registry_change_mark(struct registry_change *change, const char *id, const char *result)
{
	struct registry_change_entry *entry = find(change, id);

	if (!entry || entry->removed)
		return false;
	if (!*change->verified_at)
		ncm_time_utc(change->verified_at);
	if (!entry->tree && entry->verified_at.kind == NCM_JSON_STRING && entry->verify_result.kind == NCM_JSON_STRING)
		entry->result = result;
	else
		set_result(registry_change_find(change, id), change->verified_at, result);
	return true;
}

json_t *registry_change_make(struct registry_change *change, const char *id)
{
	json_t *found = registry_change_find(change, id);
	struct registry_change_entry *entry = find(change, id);

	if (found)
		return found;
	if (!entry) {
		entry = NCM_PUSH(change->entries, change->count);
		registry_index_put(&change->index, id, change->count - 1);
	}
	entry->removed = false;
	entry->tree = json_object();
	ncm_json_set_string(entry->tree, "name", id);
	return entry->tree;
}

bool registry_change_remove(struct registry_change *change, const char *id)
{
	struct registry_change_entry *entry = find(change, id);

	if (!entry || entry->removed)
		return false;
	json_decref(entry->tree);
	entry->tree = NULL;
	entry->removed = true;
	return true;
}

void registry_change_stamp(struct registry_change *change)
{
	char now[32];

	ncm_json_set_string(change->document, "registered_at", ncm_time_local(now));
}

const char *registry_change_base(const struct registry_change *change)
{
	return change->base;
}

/* The totals are those of the entries as their readers see them, whoever wrote them. */
static void set_totals(struct registry_change *change)
{
	size_t count = 0;
	double mib = 0;

	for (size_t i = 0; i < change->count; i++) {
		const struct registry_change_entry *entry = &change->entries[i];

		if (entry->removed)
			continue;
		count++;
		mib += entry->tree ? json_number_value(json_object_get(entry->tree, "size_mb")) : entry->size_mb;
	}
	ncm_json_set_u64(change->document, "schema_version", REGISTRY_SCHEMA_VERSION);
	ncm_json_set_u64(change->document, "total_models", count);
	json_object_set_new(change->document, "total_size_gb", json_real(round(mib / 1024 * 100) / 100));
}

static void clear(struct registry_change *change)
{
	for (size_t i = 0; i < change->count; i++)
		json_decref(change->entries[i].tree);
	free(change->entries);
	json_decref(change->document);
	registry_index_free(&change->index);
	free(change->text);
	free(change->base);
}

int registry_change(const char *given, bool create, registry_edit *edit, void *context, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_path_absolute(given);
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(folder, create, err);
	NCM_AUTO_CLOSE int ours = dirfd < 0 ? -1 : ncm_mkdir_beneath(dirfd, ".ncmodel", err);
	NCM_AUTO_LOCK int held = ours < 0 ? -1 : ncm_lock_beneath(ours, "registry.lock", path, false, NULL, err);
	struct registry_change change = {.base = registry_base(path)};
	bool missing = false;
	int failed = held < 0 ? -1 : read_registry(&change, path, &missing, err);

	if (!failed && (!missing || create) && edit(&change, context)) {
		set_totals(&change);
		failed = registry_change_write(&change, dirfd, path, err);
	}
	clear(&change);
	return failed;
}
