/* SPDX-License-Identifier: MIT */
/* The new text of models.json: what was edited, and between it pieces of the old text. */
#include "registry/change_text.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <ncmodel/limits.h>
#include <string.h>

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

static bool is_untouched(const struct registry_change_entry *entry)
{
	return !entry->tree && !entry->removed && !entry->result;
}

/* Returns where the text goes on behind the old value. */
static const char *add_value(struct output *out, const char *from, const struct ncm_json_part *old, const char *value)
{
	ncm_buffer_add(&out->made, from, (size_t)(old->text - from));
	ncm_buffer_puts(&out->made, value);
	return old->text + old->size;
}

static void add_marked(struct output *out, const struct registry_change_entry *entry, const char *verified_at)
{
	const char *at = entry->text;

	if (entry->verified_at.text < entry->verify_result.text) {
		at = add_value(out, at, &entry->verified_at, verified_at);
		at = add_value(out, at, &entry->verify_result, entry->result);
	} else {
		at = add_value(out, at, &entry->verify_result, entry->result);
		at = add_value(out, at, &entry->verified_at, verified_at);
	}
	ncm_buffer_add(&out->made, at, (size_t)(entry->text + entry->size - at));
}

/* Untouched neighbours are one piece, with what stands between them. */
static void add_entries(struct output *out, const struct registry_change *change)
{
	const char *separator = "\n    ";

	ncm_buffer_puts(&out->made, "[");
	for (size_t i = 0; i < change->count; i++) {
		const struct registry_change_entry *entry = &change->entries[i];

		if (entry->removed)
			continue;
		ncm_buffer_puts(&out->made, separator);
		separator = ",\n    ";
		if (entry->tree) {
			add_tree(out, entry->tree, "    ");
			continue;
		}
		if (entry->result) {
			add_marked(out, entry, change->verified_at);
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

int registry_change_write(const struct registry_change *change, int dirfd, const char *path, struct ncm_error *err)
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
