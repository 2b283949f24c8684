/* SPDX-License-Identifier: MIT */
#include "base/json_table.h"

#include "base/buffer.h"
#include "base/json_scalar.h"
#include "base/mem.h"
#include "base/strings.h"
#include "base/text_map.h"

#include <string.h>

/* Where a value lies: made into text only for a fault. */
struct ncm_json_at {
	const struct ncm_json_at *above; /* NULL: the whole document */
	const char *key;                 /* or NULL: */
	size_t number;                   /* its size, or the index */
};

static void add_path(const struct ncm_json_at *at, struct ncm_buffer *path)
{
	if (!at) {
		ncm_buffer_puts(path, "$");
		return;
	}
	add_path(at->above, path);
	if (at->key)
		ncm_buffer_printf(path, ".%.*s", (int)at->number, at->key);
	else
		ncm_buffer_printf(path, "[%zu]", at->number);
}

void ncm_json_tell(struct ncm_json_reader *reader, const char *format, ...)
{
	NCM_AUTO_FREE char *reason = NULL;
	struct ncm_buffer path = {0};
	va_list args;

	reader->faults++;
	va_start(args, format);
	reason = ncm_vasprintf(format, args);
	va_end(args);
	add_path(reader->at, &path);
	reader->fault(reader->fault_context, reader->value, path.data, reason);
	ncm_buffer_free(&path);
}

void ncm_json_refuse(struct ncm_json_reader *reader, const char *expected)
{
	struct ncm_json_part part;

	if (ncm_json_scan_value(reader->scan, &part))
		ncm_json_tell(reader, "is %s, must be %s", json_told_kind(part.kind), expected);
}

void json_tell_told(struct ncm_json_reader *reader, char *reason)
{
	if (reason)
		ncm_json_tell(reader, "%s", reason);
	free(reason);
}

static bool read_below(struct ncm_json_reader *reader, const char *key, size_t number, const struct ncm_json_form *form,
		       void *place)
{
	const struct ncm_json_at at = {reader->at, key, number};
	bool sound;

	reader->at = &at;
	sound = ncm_json_read_as(reader, form, place);
	reader->at = at.above;
	return sound;
}

bool ncm_json_enter(struct ncm_json_reader *reader, enum ncm_json_kind kind, const char *expected)
{
	if (ncm_json_scan_next(reader->scan) == kind)
		return ncm_json_scan_enter(reader->scan);
	ncm_json_refuse(reader, expected);
	return false;
}

bool ncm_json_read_member(struct ncm_json_reader *reader, const struct ncm_json_part *key,
			  const struct ncm_json_form *form, void *place)
{
	return read_below(reader, key->text, key->size, form, place);
}

bool ncm_json_read_item(struct ncm_json_reader *reader, size_t index, const struct ncm_json_form *form, void *place)
{
	return read_below(reader, NULL, index, form, place);
}

static bool is_own_key(const struct ncm_json_part *key)
{
	return key->size >= 2 && memcmp(key->text, "x-", 2) == 0;
}

enum { NOTE_FIELDS = 2 * NCM_FIELDS_MOST }; /* a power of two, with room for a key of none */

/* Whether any string that comes for it is right, and kept as it is. */
static bool is_piece(const struct ncm_json_field *field)
{
	const struct ncm_json_form *form = field->form;

	return form->kind == NCM_FORM_TEXT && form->as_part && form->least == 0 && form->most == 0 && !form->words &&
	       !form->is && !form->take && !form->read && field->has == 0 && field->place != NCM_NOT_KEPT;
}

static struct ncm_json_noted note_of(const struct ncm_json_form *form)
{
	struct ncm_json_noted noted = {form, 0, 0};

	for (size_t i = 0; i < form->field_count; i++) {
		noted.required |= (uint64_t)form->fields[i].required << i;
		noted.pieces |= (uint64_t)is_piece(&form->fields[i]) << i;
	}
	return noted;
}

/* By which a form is known in the notes beside the keys; 0: there is no room for more. */
static unsigned form_number(struct ncm_json_reader *reader, const struct ncm_json_form *form)
{
	unsigned number = 0;

	while (number < NCM_FORMS_NOTED && reader->noted[number].form && reader->noted[number].form != form)
		number++;
	if (number == NCM_FORMS_NOTED)
		return 0;
	if (!reader->noted[number].form)
		reader->noted[number] = note_of(form);
	return number + 1;
}

static unsigned field_number(const struct ncm_json_form *form, const struct ncm_json_part *key)
{
	unsigned i = 0;

	while (i < form->field_count && !ncm_json_part_is(key, form->fields[i].key))
		i++;
	return i;
}

/* The field of a key, or NULL. Objects mostly have the keys of the one before them: the note then says which it is. */
static const struct ncm_json_field *find_field(struct ncm_json_reader *reader, const struct ncm_json_form *form,
					       unsigned number, const struct ncm_json_part *key)
{
	unsigned *note = ncm_json_scan_note(reader->scan);
	unsigned field;

	if (number == 0 || *note / NOTE_FIELDS != number)
		*note = number * NOTE_FIELDS + field_number(form, key);
	field = *note % NOTE_FIELDS;
	return field < form->field_count ? &form->fields[field] : NULL;
}

static void read_field(struct ncm_json_reader *reader, const struct ncm_json_field *field,
		       const struct ncm_json_part *key, void *structure)
{
	const bool kept = structure && field->place != NCM_NOT_KEPT;
	const bool may_be_had = structure && field->has > 0 && ncm_json_scan_next(reader->scan) != NCM_JSON_NULL;
	const bool sound =
	    read_below(reader, key->text, key->size, field->form, kept ? (char *)structure + field->place : NULL);

	if (may_be_had && sound)
		*(bool *)((char *)structure + field->has) = true;
}

static void pass_over(struct ncm_json_reader *reader)
{
	struct ncm_json_part part;

	(void)ncm_json_scan_value(reader->scan, &part);
}

static void tell_unknown(struct ncm_json_reader *reader, const struct ncm_json_form *form,
			 const struct ncm_json_part *key)
{
	const struct ncm_json_at at = {reader->at, key->text, key->size};
	const char *object = reader->value;

	(void)ncm_json_scan_next(reader->scan);
	reader->value = ncm_json_scan_place(reader->scan);
	reader->at = &at;
	json_tell_told(reader, json_told_unknown(form, key));
	reader->at = at.above;
	reader->value = object;
}

static void read_unknown(struct ncm_json_reader *reader, const struct ncm_json_form *form,
			 const struct ncm_json_part *key)
{
	if (!form->open && !is_own_key(key))
		tell_unknown(reader, form, key);
	pass_over(reader);
}

static void tell_missing(struct ncm_json_reader *reader, const struct ncm_json_form *form, uint64_t missing)
{
	for (; missing != 0 && !ncm_json_scan_fault(reader->scan); missing &= missing - 1)
		ncm_json_tell(reader, "the key \"%s\" is missing", form->fields[__builtin_ctzll(missing)].key);
}

static void read_object(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *structure)
{
	const unsigned number = form_number(reader, form);
	const struct ncm_json_noted noted = number > 0 ? reader->noted[number - 1] : note_of(form);
	const uint64_t pieces = structure ? noted.pieces : 0;
	struct ncm_json_part key;
	uint64_t seen = 0;

	while (ncm_json_scan_key(reader->scan, &key)) {
		const struct ncm_json_field *field = find_field(reader, form, number, &key);
		const uint64_t bit = field ? UINT64_C(1) << (field - form->fields) : 0;

		seen |= bit;
		if (pieces & bit && ncm_json_scan_next(reader->scan) == NCM_JSON_STRING)
			(void)ncm_json_scan_value(reader->scan, (void *)((char *)structure + field->place));
		else if (field)
			read_field(reader, field, &key, structure);
		else
			read_unknown(reader, form, &key);
	}
	tell_missing(reader, form, noted.required & ~seen);
}

/* Items and their count, as structures have them. */
struct items {
	void *items;
	size_t count;
};

static void *new_item(const struct ncm_json_form *form, struct items *items)
{
	if (!items)
		return NULL;
	ncm_grow(&items->items, items->count, form->size);
	return (char *)items->items + form->size * items->count++;
}

static void read_word(struct ncm_json_reader *reader, const struct ncm_json_form *form, size_t index,
		      struct ncm_strings *strings)
{
	char *text = NULL;

	(void)read_below(reader, NULL, index, form->of, &text);
	if (strings && text)
		ncm_strings_take(strings, text);
	else
		free(text);
}

/* A few are compared with one another. */
static const char *first_twin(const struct ncm_strings *strings)
{
	enum { FEW = 16 };
	struct ncm_text_map seen = {0};
	const char *twin = NULL;

	for (size_t i = 0; i < strings->count && !twin; i++) {
		const char *text = strings->items[i];

		for (size_t k = 0; k < i && strings->count <= FEW && !twin; k++)
			twin = strcmp(strings->items[k], text) == 0 ? text : NULL;
		if (strings->count > FEW && !ncm_text_map_add(&seen, text, strlen(text), i))
			twin = text;
	}
	ncm_text_map_free(&seen);
	return twin;
}

static void check_unique(struct ncm_json_reader *reader, const struct ncm_strings *strings)
{
	const char *twin = first_twin(strings);

	if (twin)
		ncm_json_tell(reader, "holds \"%s\" twice", twin);
}

static void check_count(struct ncm_json_reader *reader, const struct ncm_json_form *form, size_t count)
{
	if (!ncm_json_scan_fault(reader->scan))
		json_tell_told(reader, json_told_count(form, count, "items"));
}

/* What comes behind the most that there may be is passed over. */
static void read_list(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	size_t count = 0;

	for (; ncm_json_scan_item(reader->scan); count++) {
		if (form->most > 0 && count >= form->most)
			pass_over(reader);
		else if (form->size == 0)
			read_word(reader, form, count, place);
		else
			(void)read_below(reader, NULL, count, form->of, new_item(form, place));
	}
	check_count(reader, form, count);
	if (form->unique && place)
		check_unique(reader, place);
}

static void read_member(struct ncm_json_reader *reader, const struct ncm_json_form *form,
			const struct ncm_json_part *key, void *place)
{
	NCM_AUTO_FREE char *name = ncm_strndup(key->text, key->size);
	const struct ncm_json_at at = {reader->at, key->text, key->size};
	char *item = new_item(form, place);

	if (form->is && !form->is(name)) {
		reader->at = &at;
		ncm_json_tell(reader, "its name must be %s", form->expected);
		reader->at = at.above;
	}
	(void)read_below(reader, key->text, key->size, form->of, item ? item + form->at : NULL);
	if (item) {
		*(char **)item = name;
		name = NULL;
	}
}

static void read_map(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_json_part key;
	size_t count = 0;

	for (; ncm_json_scan_key(reader->scan, &key); count++) {
		if (form->own_keys && is_own_key(&key))
			pass_over(reader);
		else
			read_member(reader, form, &key, place);
	}
	check_count(reader, form, count);
}

/* Arrays and objects are entered if they are what was expected. */
static void read_container(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	const bool is_list = form->kind == NCM_FORM_LIST;
	struct ncm_json_part other;

	if (ncm_json_scan_next(reader->scan) == (is_list ? NCM_JSON_ARRAY : NCM_JSON_OBJECT)) {
		(void)ncm_json_scan_enter(reader->scan);
		(is_list ? read_list : form->kind == NCM_FORM_MAP ? read_map : read_object)(reader, form, place);
	} else if (ncm_json_scan_value(reader->scan, &other) && !(form->or_null && other.kind == NCM_JSON_NULL)) {
		json_tell_told(reader, json_told_other_kind(form, &other));
	}
}

bool ncm_json_read_as(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	const char *above = reader->value;
	const size_t faults = reader->faults;

	if (!form->read && form->kind < NCM_FORM_LIST) {
		json_read_scalar(reader, form, place);
	} else {
		(void)ncm_json_scan_next(reader->scan);
		reader->value = ncm_json_scan_place(reader->scan);
		(form->read ? form->read : read_container)(reader, form, place);
	}
	reader->value = above;
	return reader->faults == faults;
}

void ncm_json_reader_free(struct ncm_json_reader *reader)
{
	ncm_arena_free(&reader->decoded);
}

bool ncm_json_read_text(const char *text, size_t size, const struct ncm_json_form *form, void *place, void *context,
			ncm_json_fault fault, void *fault_context)
{
	struct ncm_json_reader reader = {
	    .scan = ncm_json_scan_new(text, size), .fault = fault, .fault_context = fault_context, .context = context};

	(void)ncm_json_read_as(&reader, form, place);
	ncm_json_scan_free(reader.scan);
	ncm_json_reader_free(&reader);
	return reader.faults == 0;
}
