/* SPDX-License-Identifier: MIT */
#include "base/json_told.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <string.h>

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

char *json_told_unknown(const struct ncm_json_form *form, const struct ncm_json_part *key)
{
	NCM_AUTO_FREE char *name = ncm_strndup(key->text, key->size < SHOWN_BYTES ? key->size : SHOWN_BYTES);
	struct ncm_nearest nearest = {.to = name};
	const char *meant;

	for (size_t i = 0; i < form->field_count; i++)
		ncm_nearest_offer(&nearest, form->fields[i].key);
	meant = ncm_nearest_close(&nearest);
	return meant ? ncm_asprintf("unknown key \"%s\" (did you mean \"%s\"?)", name, meant)
		     : ncm_asprintf("unknown key \"%s\"", name);
}
