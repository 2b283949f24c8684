/* SPDX-License-Identifier: MIT */
/*
 * A JSON text read in one pass without a tree, for texts that are too large for one. What it accepts is what
 * ncm_json_parse accepts: the same grammar, UTF-8, numbers, nesting, and no key twice in an object. Values are handed
 * on as the pieces of the text that they are.
 */
#ifndef NCM_BASE_JSON_SCAN_H
#define NCM_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"

enum ncm_json_kind {
	NCM_JSON_NONE, /* nothing, or a fault */
	NCM_JSON_STRING,
	NCM_JSON_INTEGER, /* fits an int64_t */
	NCM_JSON_REAL,    /* fits a double */
	NCM_JSON_TRUE,
	NCM_JSON_FALSE,
	NCM_JSON_NULL,
	NCM_JSON_OBJECT,
	NCM_JSON_ARRAY,
};

/* A value as it is written; of a string, what stands between the quotes. */
struct ncm_json_part {
	enum ncm_json_kind kind;
	bool escaped; /* a string that holds backslashes */
	const char *text;
	size_t size;
};

struct ncm_json_scan;

/* The text must be followed by a NUL and outlive the scan. Free with ncm_json_scan_free. */
struct ncm_json_scan *ncm_json_scan_new(const char *text, size_t size);
void ncm_json_scan_free(struct ncm_json_scan *scan);

/*
 * Reading. After a fault each of these returns false (or NCM_JSON_NONE) for ever, so loops end and the fault is looked
 * at once, behind them.
 */

/* The kind of the value that comes next, to decide whether to enter it. Numbers count as NCM_JSON_INTEGER here. */
enum ncm_json_kind ncm_json_scan_next(struct ncm_json_scan *scan);
/* Enters the array or object that comes next. */
bool ncm_json_scan_enter(struct ncm_json_scan *scan);
/* In an object: reads the next key; the value must be read next. False at the object's end, which is left. Keys are
 * never `escaped`: those that are written with backslashes live as long as the scan. */
bool ncm_json_scan_key(struct ncm_json_scan *scan, struct ncm_json_part *key);
/*
 * A number of the caller's beside the key that was read last: 0 until the caller sets it, and 0 again where an object
 * has not the same keys in the same places as the one before it at its depth. So a key need not be looked up each time.
 */
unsigned *ncm_json_scan_note(struct ncm_json_scan *scan);
/* In an array: whether a value comes next. False at the array's end, which is left. */
bool ncm_json_scan_item(struct ncm_json_scan *scan);
/* Reads a whole value, whatever it holds. */
bool ncm_json_scan_value(struct ncm_json_scan *scan, struct ncm_json_part *value);
/* Reads a whole value as a tree; what comes behind a fault is not in it. New reference; NULL if a fault is all. */
json_t *ncm_json_scan_tree(struct ncm_json_scan *scan);
/* Checks that nothing follows the document. */
bool ncm_json_scan_end(struct ncm_json_scan *scan);

/* Where the scan is: the next byte to read. */
const char *ncm_json_scan_place(const struct ncm_json_scan *scan);
/* What is wrong at that place ("a key in quotes was expected"), or NULL. */
const char *ncm_json_scan_fault(const struct ncm_json_scan *scan);

/* Values of parts. */

bool ncm_json_part_is(const struct ncm_json_part *part, const char *text); /* not for escaped strings */
int64_t ncm_json_part_integer(const struct ncm_json_part *part);           /* of an INTEGER */
double ncm_json_part_number(const struct ncm_json_part *part);             /* of an INTEGER or a REAL */
/* Of the digits of an integer, with '-' before them or not. False: it is none that an int64_t holds. */
bool ncm_json_part_int64(const struct ncm_json_part *part, int64_t *integer);
/* A string's text with its escapes resolved, NUL-terminated, in the arena. It holds no other NUL. */
char *ncm_json_part_decode(const struct ncm_json_part *part, struct ncm_arena *arena);
/* As a tree. New reference. */
json_t *ncm_json_part_tree(const struct ncm_json_part *part);

#endif
