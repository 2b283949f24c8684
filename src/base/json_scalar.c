/* SPDX-License-Identifier: MIT */
/* Texts, numbers and words, by their forms. */
#include "base/json_scalar.h"

#include "base/json_told.h"
#include "base/mem.h"

#include <string.h>

static size_t code_points(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static bool is_among(const char *const *words, const char *text)
{
	while (*words && strcmp(*words, text) != 0)
		words++;
	return *words != NULL;
}

/* The fault of a text that has not the form, or NULL. */
static char *fault_of_text(struct ncm_json_reader *reader, const struct ncm_json_form *form, const char *text,
			   void *place)
{
	char *fault = form->least > 0 || form->most > 0 ? json_told_count(form, code_points(text), "characters") : NULL;

	if (fault)
		return fault;
	if (form->words && !is_among(form->words, text))
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
