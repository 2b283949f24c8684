/* SPDX-License-Identifier: MIT */
/*
 * The rows of a report, described once: each field is a member of the JSON object that a row becomes, and, with a
 * title, a column of the table. So what people read and what programs read cannot part.
 */
#ifndef CMD_UI_FIELDS_H
#define CMD_UI_FIELDS_H

#include "ui/json.h"
#include "ui/table.h"

enum field_kind {               /* and the type of the row's member */
		  FIELD_TEXT,   /* char *: what others wrote, or NULL */
		  FIELD_SOURCE, /* the same, a source: without the mark of one that was signed */
		  FIELD_FLAG,   /* bool; "yes" or "no" in a table */
		  FIELD_COUNT,  /* size_t */
		  FIELD_NUMBER, /* uint64_t */
		  FIELD_BYTES,  /* uint64_t; "4.9 GB" in a table */
		  FIELD_DIGEST, /* struct ncm_sha256; null when it is all zero */
		  FIELD_WORDS,  /* struct ncm_strings */
		  FIELD_MADE,   /* none: `value` and `cell` make it of the row */
};

struct field {
	const char *key; /* in the JSON object; NULL: it is none of its members */
	enum field_kind kind;
	size_t offset;                                      /* of the member of the row */
	const char *title;                                  /* of its column; NULL: it has none */
	unsigned column;                                    /* enum column_flags */
	json_t *(*value)(const void *row);                  /* what the object has, if not the member; new reference */
	void (*cell)(struct table *table, const void *row); /* adds its cell, if that is not the member */
};

/* The fields end with one that has neither key nor title. */
/* A new reference. */
json_t *fields_object(const struct field *fields, const void *row);
/* An array of `count` rows of `size` bytes each. A new reference. */
json_t *fields_array(const struct field *fields, const void *rows, size_t count, size_t size);
void fields_columns(const struct field *fields, struct table *table);
void fields_row(const struct field *fields, const void *row, struct table *table);
/* The table of them all, on standard output; nothing without rows. */
void fields_print(const struct field *fields, const void *rows, size_t count, size_t size);

#endif
