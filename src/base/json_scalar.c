/* SPDX-License-Identifier: MIT */
/* Texts, numbers and words, by their forms. */
#include "base/json_scalar.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strings.h"

#include <string.h>

static size_t code_points(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* The fault of a text that has not the form, or NULL. */
static char *fault_of_text(struct ncm_json_reader *reader, const struct ncm_json_form *form, const char *text,
			   void *place)
{
	char *fault = form->least > 0 || form->most > 0 ? json_told_count(form, code_points(text), "characters") : NULL;

	if (fault)
		return fault;
	if (form->words && !ncm_is_among(text, form->words))
		return json_told_word(form, text);
	if ((form->is && !form->is(text)) || (form->take && place && !form->take(reader, text, place)))
		return json_told_form(form, text);
	return NULL;
}

static char *decode(struct ncm_json_reader *reader, const struct ncm_json_part *part)
{
	return part->escaped ? ncm_strdup(ncm_json_part_decode(part, &reader->decoded))
			     : ncm_strndup(part->text, part->size);
}

static void keep_text(struct ncm_json_reader *reader, const struct ncm_json_form *form,
		      const struct ncm_json_part *part, void *place)
{
	NCM_AUTO_FREE char *text = decode(reader, part);

	json_tell_told(reader, fault_of_text(reader, form, text, place));
	if (!place)
		return;
	free(*(char **)place);
	*(char **)place = text;
	text = NULL;
}

/* A text that is only looked at: a short one needs no memory. */
static void look_at_text(struct ncm_json_reader *reader, const struct ncm_json_form *form,
			 const struct ncm_json_part *part, void *place)
{
	NCM_AUTO_FREE char *decoded = NULL;
	char room[128];

	if (part->escaped || part->size >= sizeof room) {
		decoded = decode(reader, part);
	} else {
		memcpy(room, part->text, part->size);
		room[part->size] = '\0';
	}
	json_tell_told(reader, fault_of_text(reader, form, decoded ? decoded : room, place));
}

static bool in_range(const struct ncm_json_form *form, const struct ncm_json_part *part)
{
	const double least = (double)form->least;

	if (form->kind == NCM_FORM_I64)
		return true;
	if (form->least == 0 && form->most == 0 && !form->above)
		return *part->text != '-' || ncm_json_part_number(part) >= 0;
	if (part->kind == NCM_JSON_INTEGER && !form->above) {
		const int64_t value = ncm_json_part_integer(part);

		return value >= 0 && (uint64_t)value >= form->least &&
		       (form->most == 0 || (uint64_t)value <= form->most);
	}
	return (form->above ? ncm_json_part_number(part) > least : ncm_json_part_number(part) >= least) &&
	       (form->most == 0 || ncm_json_part_number(part) <= (double)form->most);
}

static void keep_number(struct ncm_json_reader *reader, const struct ncm_json_form *form,
			const struct ncm_json_part *part, void *place)
{
	if (!in_range(form, part))
		json_tell_told(reader, json_told_number(form, part));
	else if (!place || form->as_part)
		return;
	else if (form->kind == NCM_FORM_U64)
		*(uint64_t *)place = (uint64_t)ncm_json_part_integer(part);
	else if (form->kind == NCM_FORM_I64)
		*(int64_t *)place = ncm_json_part_integer(part);
	else if (form->kind == NCM_FORM_UNSIGNED)
		*(unsigned *)place = (unsigned)ncm_json_part_integer(part);
	else
		*(double *)place = ncm_json_part_number(part);
}

/* The kinds of value that a form may have, a bit each. */
static const unsigned kinds_of[] = {
    [NCM_FORM_ANY] = ~0u,
    [NCM_FORM_TEXT] = 1u << NCM_JSON_STRING,
    [NCM_FORM_U64] = 1u << NCM_JSON_INTEGER,
    [NCM_FORM_UNSIGNED] = 1u << NCM_JSON_INTEGER,
    [NCM_FORM_I64] = 1u << NCM_JSON_INTEGER,
    [NCM_FORM_NUMBER] = 1u << NCM_JSON_INTEGER | 1u << NCM_JSON_REAL,
    [NCM_FORM_BOOL] = 1u << NCM_JSON_TRUE | 1u << NCM_JSON_FALSE,
};

static bool has_rules(const struct ncm_json_form *form)
{
	return form->least > 1 || form->most > 0 || form->words || form->is || form->take;
}

static void keep_any_text(struct ncm_json_reader *reader, const struct ncm_json_form *form,
			  const struct ncm_json_part *part, void *place)
{
	if (form->least > 0 && part->size == 0)
		json_tell_told(reader, json_told_count(form, 0, "characters"));
	else if (!form->as_part && !form->take)
		keep_text(reader, form, part, place);
	else if (has_rules(form))
		look_at_text(reader, form, part, place);
}

static void keep(struct ncm_json_reader *reader, const struct ncm_json_form *form, const struct ncm_json_part *part,
		 void *place)
{
	if (form->kind == NCM_FORM_TEXT)
		keep_any_text(reader, form, part, place);
	else if (form->kind >= NCM_FORM_U64 && form->kind <= NCM_FORM_NUMBER)
		keep_number(reader, form, part, place);
	else if (form->kind == NCM_FORM_BOOL && place && !form->as_part)
		*(bool *)place = part->kind == NCM_JSON_TRUE;
}

void json_read_scalar(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_json_part part;

	if (!ncm_json_scan_value(reader->scan, &part) || (form->or_null && part.kind == NCM_JSON_NULL))
		return;
	reader->value = part.text - (part.kind == NCM_JSON_STRING);
	if (!(kinds_of[form->kind] >> part.kind & 1)) {
		json_tell_told(reader, json_told_other_kind(form, &part));
		return;
	}
	if (form->as_part && place)
		*(struct ncm_json_part *)place = part;
	keep(reader, form, &part, place);
}

enum { SHOWN_BYTES = 200 };

const char *json_told_kind(enum ncm_json_kind kind)
{
	static const char *const kinds[] = {
	    [NCM_JSON_NONE] = "nothing",       [NCM_JSON_STRING] = "a string",
	    [NCM_JSON_INTEGER] = "an integer", [NCM_JSON_REAL] = "a number with a point or an exponent",
	    [NCM_JSON_TRUE] = "true",          [NCM_JSON_FALSE] = "false",
	    [NCM_JSON_NULL] = "null",          [NCM_JSON_OBJECT] = "an object",
	    [NCM_JSON_ARRAY] = "an array",
	};

	return kinds[kind];
}

static const char *wanted_kind(const struct ncm_json_form *form)
{
	static const char *const kinds[] = {
	    [NCM_FORM_ANY] = "anything",        [NCM_FORM_TEXT] = "a string",  [NCM_FORM_U64] = "an integer",
	    [NCM_FORM_UNSIGNED] = "an integer", [NCM_FORM_I64] = "an integer", [NCM_FORM_NUMBER] = "a number",
	    [NCM_FORM_BOOL] = "true or false",  [NCM_FORM_LIST] = "an array",  [NCM_FORM_MAP] = "an object",
	    [NCM_FORM_OBJECT] = "an object",
	};

	return kinds[form->kind];
}

char *json_told_other_kind(const struct ncm_json_form *form, const struct ncm_json_part *part)
{
	return ncm_asprintf("is %s, must be %s%s", json_told_kind(part->kind), wanted_kind(form),
			    form->or_null ? " or null" : "");
}

char *json_told_count(const struct ncm_json_form *form, size_t count, const char *things)
{
	if (count < form->least && count == 0 && form->least == 1)
		return ncm_strdup("must not be empty");
	if (count < form->least)
		return ncm_asprintf("has %zu %s, must have at least %llu", count, things,
				    (unsigned long long)form->least);
	if (form->most > 0 && count > form->most)
		return ncm_asprintf("has %zu %s, must have at most %llu", count, things,
				    (unsigned long long)form->most);
	return NULL;
}

/* "an integer from 1 to 16", "a number above 0", "an integer, 0 or more". */
static char *range_of(const struct ncm_json_form *form)
{
	const unsigned long long least = form->least, most = form->most;
	const char *kind = wanted_kind(form);

	if (form->above)
		return most > 0 ? ncm_asprintf("%s above %llu, at most %llu", kind, least, most)
				: ncm_asprintf("%s above %llu", kind, least);
	if (most > 0 && least == most)
		return ncm_asprintf("%llu", least);
	return most > 0 ? ncm_asprintf("%s from %llu to %llu", kind, least, most)
			: ncm_asprintf("%s, %llu or more", kind, least);
}

char *json_told_number(const struct ncm_json_form *form, const struct ncm_json_part *part)
{
	NCM_AUTO_FREE char *range = range_of(form);
	const size_t shown = part->size < SHOWN_BYTES ? part->size : SHOWN_BYTES;

	return ncm_asprintf("is %.*s, must be %s", (int)shown, part->text, range);
}

char *json_told_word(const struct ncm_json_form *form, const char *text)
{
	struct ncm_nearest nearest = {.to = text};
	struct ncm_buffer list = {0};
	const char *meant;
	char *told;

	for (const char *const *word = form->words; *word; word++) {
		ncm_buffer_printf(&list, "%s\"%s\"", word > form->words ? ", " : "", *word);
		ncm_nearest_offer(&nearest, *word);
	}
	meant = ncm_nearest_close(&nearest);
	told = ncm_asprintf("is \"%.*s\", must be one of %s%s%s%s", SHOWN_BYTES, text, list.data,
			    meant ? " (did you mean \"" : "", meant ? meant : "", meant ? "\"?)" : "");
	ncm_buffer_free(&list);
	return told;
}

char *json_told_form(const struct ncm_json_form *form, const char *text)
{
	if (form->hidden)
		return ncm_asprintf("must be %s", form->expected);
	return ncm_asprintf("is \"%.*s\", must be %s", SHOWN_BYTES, text, form->expected);
}

/* " (known: "a", "b")". The caller frees it. */
static char *all_keys(const struct ncm_json_form *form)
{
	struct ncm_buffer keys = {0};

	for (size_t i = 0; i < form->field_count; i++) {
		if (*form->fields[i].key != '$')
			ncm_buffer_printf(&keys, "%s\"%s\"", keys.size > 0 ? ", " : " (known: ", form->fields[i].key);
	}
	ncm_buffer_puts(&keys, ")");
	return keys.data;
}

char *json_told_unknown(const struct ncm_json_form *form, const struct ncm_json_part *key)
{
	NCM_AUTO_FREE char *name = ncm_strndup(key->text, key->size < SHOWN_BYTES ? key->size : SHOWN_BYTES);
	struct ncm_nearest nearest = {.to = name};
	NCM_AUTO_FREE char *known = form->few ? all_keys(form) : ncm_strdup("");
	const char *meant;

	for (size_t i = 0; i < form->field_count; i++)
		ncm_nearest_offer(&nearest, form->fields[i].key);
	meant = ncm_nearest_close(&nearest);
	return meant ? ncm_asprintf("unknown key \"%s\" (did you mean \"%s\"?)", name, meant)
		     : ncm_asprintf("unknown key \"%s\"%s", name, known);
}
