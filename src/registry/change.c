/* SPDX-License-Identifier: MIT */
#include "registry/change.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/document.h"
#include "registry/entry.h"
#include "registry/scan.h"

#include <math.h>
#include <ncmodel/limits.h>
#include <string.h>

/* An entry as the file has it, and as a tree once an edit asked for it. A new one is a tree alone. */
struct entry {
	const char *text;
	size_t size;
	double size_mb;
	json_t *tree;
	bool removed;
};

struct registry_change {
	char *base;
	char *text;
	struct registry_index index;
	struct entry *entries;
	size_t count;
	json_t *document; /* all but the entries; "models" is an empty array, for its place in the order */
};

static void make_tree(struct entry *entry)
{
	entry->tree = ncm_json_part_tree(
	    &(struct ncm_json_part){.kind = NCM_JSON_OBJECT, .text = entry->text, .size = entry->size});
	(void)registry_entry_clean(entry->tree);
}

static bool may_hold_secret(const struct ncm_json_part *source)
{
	return source->kind == NCM_JSON_STRING && (source->escaped || memchr(source->text, '?', source->size) ||
						   memmem(source->text, source->size, "://", 3));
}

/* Entries of older versions may have secrets in their sources: what is written next is without them. */
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
	struct entry *entry = NCM_PUSH(change->entries, change->count);

	entry->text = text->text;
	entry->size = text->size;
	if (size_mb->kind == NCM_JSON_INTEGER || size_mb->kind == NCM_JSON_REAL)
		entry->size_mb = ncm_json_part_number(size_mb);
	if (has_secret(text))
		make_tree(entry);
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
static struct entry *find(const struct registry_change *change, const char *id)
{
	const uint32_t *number = registry_index_find(&change->index, id);

	return number ? &change->entries[*number] : NULL;
}

json_t *registry_change_find(struct registry_change *change, const char *id)
{
	struct entry *entry = find(change, id);

	if (!entry || entry->removed)
		return NULL;
	if (!entry->tree)
		make_tree(entry);
	return entry->tree;
}

json_t *registry_change_make(struct registry_change *change, const char *id)
{
	json_t *found = registry_change_find(change, id);
	struct entry *entry = find(change, id);

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
	struct entry *entry = find(change, id);

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
		const struct entry *entry = &change->entries[i];

		if (entry->removed)
			continue;
		count++;
		mib += entry->tree ? json_number_value(json_object_get(entry->tree, "size_mb")) : entry->size_mb;
	}
	ncm_json_set_u64(change->document, "schema_version", REGISTRY_SCHEMA_VERSION);
	ncm_json_set_u64(change->document, "total_models", count);
	json_object_set_new(change->document, "total_size_gb", json_real(round(mib / 1024 * 100) / 100));
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

/* The new file: what is made, and between it pieces of the old text, which is not copied for that. */
struct output {
	struct ncm_buffer made;
	struct ncm_piece *pieces; /* without data: of `made`, in order */
	size_t count;
	size_t noted; /* bytes of `made` that the pieces have */
	size_t size;
	bool failed; /* a value could not be made into text */
};

static void add_piece(struct output *out, const char *data, size_t size)
{
	if (size > 0)
		*NCM_PUSH(out->pieces, out->count) = (struct ncm_piece){data, size};
	out->size += size;
}

static void note_made(struct output *out)
{
	add_piece(out, NULL, out->made.size - out->noted);
	out->noted = out->made.size;
}

/* Adds a value, its lines but the first moved in by `indent`: line breaks in strings are written as escapes. */
static void add_tree(struct output *out, const json_t *value, const char *indent)
{
	NCM_AUTO_FREE char *text =
	    json_dumps(value, JSON_ENCODE_ANY | JSON_INDENT(2) | JSON_REAL_PRECISION(digits_needed(value)));

	out->failed = out->failed || !text;
	for (const char *at = text; at && *at;) {
		const size_t line = strcspn(at, "\n");

		ncm_buffer_add(&out->made, at, line);
		at += line;
		if (*at == '\n') {
			ncm_buffer_puts(&out->made, "\n");
			ncm_buffer_puts(&out->made, indent);
			at++;
		}
	}
}

static bool is_untouched(const struct entry *entry)
{
	return !entry->tree && !entry->removed;
}

/* Untouched neighbours are one piece, with what stands between them. */
static void add_entries(struct output *out, const struct registry_change *change)
{
	const char *separator = "\n    ";

	ncm_buffer_puts(&out->made, "[");
	for (size_t i = 0; i < change->count; i++) {
		const struct entry *entry = &change->entries[i];

		if (entry->removed)
			continue;
		ncm_buffer_puts(&out->made, separator);
		separator = ",\n    ";
		if (entry->tree) {
			add_tree(out, entry->tree, "    ");
			continue;
		}
		while (i + 1 < change->count && is_untouched(&change->entries[i + 1]))
			i++;
		note_made(out);
		add_piece(out, entry->text, (size_t)(change->entries[i].text + change->entries[i].size - entry->text));
	}
	ncm_buffer_puts(&out->made, *separator == ',' ? "\n  ]" : "]");
}

static void add_document(struct output *out, const struct registry_change *change)
{
	const char *separator = "{\n  ";
	const char *key;
	json_t *member;

	json_object_foreach(change->document, key, member)
	{
		NCM_AUTO_JSON json_t *name = json_string(key);

		ncm_buffer_puts(&out->made, separator);
		separator = ",\n  ";
		add_tree(out, name, "");
		ncm_buffer_puts(&out->made, ": ");
		if (strcmp(key, "models") == 0)
			add_entries(out, change);
		else
			add_tree(out, member, "  ");
	}
	ncm_buffer_puts(&out->made, "\n}\n");
	note_made(out);
}

/* Where `made` lies is known when it is whole. */
static void find_made(struct output *out)
{
	const char *made = out->made.data;

	for (size_t i = 0; i < out->count; i++) {
		if (out->pieces[i].data)
			continue;
		out->pieces[i].data = made;
		made += out->pieces[i].size;
	}
}

static int write_registry(const struct registry_change *change, int dirfd, const char *path, struct ncm_error *err)
{
	struct output out = {0};
	int failed;

	add_document(&out, change);
	find_made(&out);
	if (out.failed)
		failed = ncm_error_set(err, NCM_E_REGISTRY, "%s: cannot be written as JSON", path);
	else if (out.size > NCM_LIMIT_REGISTRY_BYTES)
		failed = ncm_error_set(err, NCM_E_REGISTRY, "%s: would be larger than %u bytes", path,
				       NCM_LIMIT_REGISTRY_BYTES);
	else if ((failed = ncm_write_atomic_pieces(dirfd, ncm_path_base(path), out.pieces, out.count, NCM_OWN_FILE,
						   err)) < 0)
		ncm_error_wrap(err, "%s", path);
	ncm_buffer_free(&out.made);
	free(out.pieces);
	return failed;
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
		failed = write_registry(&change, dirfd, path, err);
	}
	clear(&change);
	return failed;
}
