/* SPDX-License-Identifier: MIT */
/*
 * The one door for JSON text: duplicate keys and deep nesting are refused, sizes are bounded, and what the parser
 * says is told with a line. Values travel as jansson's json_t; for texts too large for that there is json_scan.h.
 */
#ifndef NCM_BASE_JSON_H
#define NCM_BASE_JSON_H

#include <jansson.h>
#include <ncmodel/error.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stdint.h>

static inline void ncm_cleanup_json(json_t **value)
{
	json_decref(*value);
}
#define NCM_AUTO_JSON __attribute__((cleanup(ncm_cleanup_json)))

/* Parses a text. `what` names it in errors ("FILE" gives "FILE:LINE: reason"). The class of a fault is `fault`. New
 * reference. */
json_t *ncm_json_parse(const char *text, size_t size, const char *what, enum ncm_errc fault, struct ncm_error *err);
/* Whether a text that a NUL follows is an array or object that ncm_json_parse accepts. Returns 0 or -1. */
int ncm_json_check(const char *text, size_t size, const char *what, enum ncm_errc fault, struct ncm_error *err);
/* Reads and parses a file of at most NCM_LIMIT_MANIFEST_BYTES. NULL with errno ENOENT and an IO error if it is not
 * there. */
json_t *ncm_json_read(const char *path, enum ncm_errc fault, struct ncm_error *err);
/* Where the value at a JSON path ("$.models[3].files[0].size") starts in a valid text; NULL if not there. */
const char *ncm_json_find(const char *text, size_t size, const char *path);
/* The line (from 1) on which it starts; 0 if not there. */
size_t ncm_json_line(const char *text, size_t size, const char *path);
/* Text for a file: indented, keys in insertion order, newline at the end. The caller frees it. */
char *ncm_json_dump(const json_t *value);

/* Member readers. A member of another type counts as absent. */
const char *ncm_json_string(const json_t *object, const char *key);        /* or NULL; borrowed */
bool ncm_json_u64(const json_t *object, const char *key, uint64_t *value); /* integers >= 0 alone */
bool ncm_json_number(const json_t *object, const char *key, double *value);
bool ncm_json_bool(const json_t *object, const char *key);        /* absent is false */
json_t *ncm_json_string_array(const struct ncm_strings *strings); /* new reference */
/* Sets a member to a string, or removes it when text is NULL. Invalid UTF-8 is escaped first. */
void ncm_json_set_string(json_t *object, const char *key, const char *text);
/* The same, but that without a text the member is null. */
void ncm_json_set_or_null(json_t *object, const char *key, const char *text);
void ncm_json_set_u64(json_t *object, const char *key, uint64_t value);

#endif
