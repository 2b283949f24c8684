/* SPDX-License-Identifier: MIT */
/*
 * JSON into structures, by tables. A form says what a value must be and how it is kept; a field, under which key of an
 * object it stands, where it goes, and whether it must be there. One pass over the text does it all, so that each fault
 * has its place: what is wrong, and what was expected, is told with the JSON path, and the rest is read all the same.
 * What a fault is in is filled as far as it goes.
 */
#ifndef NCM_BASE_JSON_TABLE_H
#define NCM_BASE_JSON_TABLE_H

#include "base/json_scan.h"

#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ncm_json_reader;
struct ncm_json_field;

/* What a value must be, and as what it is kept. */
enum ncm_form_kind {
	NCM_FORM_ANY,      /* whatever it is: not kept */
	NCM_FORM_TEXT,     /* char *, from malloc; what was there is freed */
	NCM_FORM_U64,      /* uint64_t; an integer, 0 or more: 1.0 is none */
	NCM_FORM_UNSIGNED, /* unsigned; as before */
	NCM_FORM_I64,      /* int64_t; any integer */
	NCM_FORM_NUMBER,   /* double */
	NCM_FORM_BOOL,     /* bool */
	NCM_FORM_LIST,     /* array: struct ncm_strings, or items and their count */
	NCM_FORM_MAP,      /* object with any keys: items and their count, the first member of an item is the key */
	NCM_FORM_OBJECT,   /* the structure that its fields fill */
};

struct ncm_json_form {
	enum ncm_form_kind kind;
	bool or_null; /* null counts as absent */
	bool
	    as_part; /* of texts and numbers: kept as the struct ncm_json_part that it is, which points into the text */
	bool hidden; /* what it is is not told: it may hold a secret */
	bool above;  /* of numbers: more than `least` */
	bool unique; /* of lists of texts: none twice */
	bool own_keys; /* of maps: keys that begin with "x-" are passed over, as those of an object always are */
	bool open;     /* of objects: keys that are in no field are passed over */
	bool few;      /* of objects: all keys are told where an unknown one is like none of them */
	/* Bounds of numbers, of the characters of a text, of the members of a list or map. `most` 0: none. */
	uint64_t least, most;
	const char *expected;         /* what it must be: told with what is not. A noun ("an id: …"), or NULL */
	const char *const *words;     /* of texts: the only ones, ended by NULL */
	bool (*is)(const char *text); /* of texts, and of a map's keys: whether it has the form */
	/* Of texts: keeps it otherwise. False: it has not the form. */
	bool (*take)(struct ncm_json_reader *reader, const char *text, void *place);
	/* Reads the value instead of all this; it must read exactly that. */
	void (*read)(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place);
	const struct ncm_json_form *of;      /* of lists and maps: their members */
	size_t size;                         /* of an item; 0: a list of texts is a struct ncm_strings */
	size_t at;                           /* of maps: where in its item a member goes; 0: it fills the item */
	const struct ncm_json_field *fields; /* of objects: at most NCM_FIELDS_MOST */
	size_t field_count;
};

enum { NCM_FIELDS_MOST = 64, NCM_FORMS_NOTED = 16 };
#define NCM_FIELDS(table) .fields = (table), .field_count = sizeof(table) / sizeof *(table)

/* A place that is none: the value is looked at alone. */
#define NCM_NOT_KEPT SIZE_MAX
/* The place of items and their count, which must be neighbours. */
#define NCM_ITEMS(type, items, count)                                                                                  \
	(offsetof(type, items) +                                                                                       \
	 0 * sizeof(char[offsetof(type, count) == offsetof(type, items) + sizeof(void *) ? 1 : -1]))

struct ncm_json_field {
	const char *key;
	const struct ncm_json_form *form;
	size_t place; /* in the structure that the object fills, or NCM_NOT_KEPT */
	bool required;
	size_t has; /* of a bool there that tells that it was read; 0: none */
};

/* `place` is where in the text what is wrong is, `path` is "$.models[3].id", `reason` says what was found and what was
 * expected. Nothing in them is escaped. */
typedef void (*ncm_json_fault)(void *context, const char *place, const char *path, const char *reason);

struct ncm_json_at;
struct ncm_json_reader {
	struct ncm_json_scan *scan;
	ncm_json_fault fault;
	void *fault_context;
	void *context; /* of the forms' functions */
	size_t faults; /* so far */
	/* its own */
	const struct ncm_json_at *at;
	const char *value; /* the one at hand */
	struct ncm_json_noted {
		const struct ncm_json_form *form;
		/* A bit for each of its fields that must be there, and that is a text to keep as it is. */
		uint64_t required, pieces;
	} noted[NCM_FORMS_NOTED];
	struct ncm_arena decoded;
};

/* Reads the value that comes next. Returns whether nothing was wrong with it; what is no JSON is the scan's to tell. */
bool ncm_json_read_as(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place);
/* The same of a whole text, which must be JSON. Returns whether there was no fault. */
bool ncm_json_read_text(const char *text, size_t size, const struct ncm_json_form *form, void *place, void *context,
			ncm_json_fault fault, void *fault_context);
/* For readers of their own: tells a fault of the value at hand. */
void ncm_json_tell(struct ncm_json_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For readers of their own: enters the array or object that must come next. False: another value did, which was passed
 * over, and what was expected told. */
bool ncm_json_enter(struct ncm_json_reader *reader, enum ncm_json_kind kind, const char *expected);
/* For readers of their own: passes over a value of the wrong kind, and tells what was expected. */
void ncm_json_refuse(struct ncm_json_reader *reader, const char *expected);
/* For readers of their own: reads the value of a key, or the item of an index, in what was entered. */
bool ncm_json_read_member(struct ncm_json_reader *reader, const struct ncm_json_part *key,
			  const struct ncm_json_form *form, void *place);
bool ncm_json_read_item(struct ncm_json_reader *reader, size_t index, const struct ncm_json_form *form, void *place);
/* Frees what a reader keeps for itself. */
void ncm_json_reader_free(struct ncm_json_reader *reader);

#endif
