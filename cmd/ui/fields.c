/* SPDX-License-Identifier: MIT */
#include "ui/fields.h"

#include "ui/text.h"

#include <ncmodel/text.h>

static bool is_end(const struct field *field)
{
	return !field->key && !field->title;
}

static const char *text_of(const void *member)
{
	return *(const char *const *)member;
}

static json_t *value_of(const struct field *field, const void *row)
{
	const void *member = (const char *)row + field->offset;

	if (field->value)
		return field->value(row);
	switch (field->kind) {
	case FIELD_TEXT:
		return json_text(text_of(member));
	case FIELD_SOURCE:
		return json_source(text_of(member));
	case FIELD_FLAG:
		return json_boolean(*(const bool *)member);
	case FIELD_COUNT:
		return json_number(*(const size_t *)member);
	case FIELD_NUMBER:
	case FIELD_BYTES:
		return json_number(*(const uint64_t *)member);
	case FIELD_DIGEST:
		return json_digest(member);
	case FIELD_WORDS:
		return json_words(member);
	case FIELD_MADE:
		break;
	}
	return json_null();
}

json_t *fields_object(const struct field *fields, const void *row)
{
	json_t *object = json_object();

	for (const struct field *field = fields; !is_end(field); field++) {
		if (field->key)
			json_put(object, field->key, value_of(field, row));
	}
	return object;
}

json_t *fields_array(const struct field *fields, const void *rows, size_t count, size_t size)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_push(array, fields_object(fields, (const char *)rows + i * size));
	return array;
}

void fields_columns(const struct field *fields, struct table *table)
{
	for (const struct field *field = fields; !is_end(field); field++) {
		if (field->title)
			table_column(table, field->title, field->column);
	}
}

static char *bytes_text(uint64_t bytes)
{
	char size[32];

	return text_copy(ncm_format_size(bytes, size, sizeof size));
}

static void add_cell(const struct field *field, const void *row, struct table *table)
{
	const void *member = (const char *)row + field->offset;

	if (field->cell)
		field->cell(table, row);
	else if (field->kind == FIELD_BYTES)
		table_cell(table, bytes_text(*(const uint64_t *)member));
	else if (field->kind == FIELD_COUNT)
		table_cell(table, text_format("%zu", *(const size_t *)member));
	else if (field->kind == FIELD_NUMBER)
		table_cell(table, text_format("%llu", (unsigned long long)*(const uint64_t *)member));
	else if (field->kind == FIELD_FLAG)
		table_text(table, *(const bool *)member ? "yes" : "no");
	else
		table_foreign(table, text_of(member));
}

void fields_row(const struct field *fields, const void *row, struct table *table)
{
	for (const struct field *field = fields; !is_end(field); field++) {
		if (field->title)
			add_cell(field, row, table);
	}
}

void fields_print(const struct field *fields, const void *rows, size_t count, size_t size)
{
	struct table *table = table_new(0);

	fields_columns(fields, table);
	for (size_t i = 0; i < count; i++)
		fields_row(fields, (const char *)rows + i * size, table);
	if (count > 0)
		table_print(table, stdout);
	table_free(table);
}
