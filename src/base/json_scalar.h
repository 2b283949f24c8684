/* SPDX-License-Identifier: MIT */
/* What the files of the table's reader share. */
#ifndef NCM_BASE_JSON_SCALAR_H
#define NCM_BASE_JSON_SCALAR_H

#include "base/json_table.h"

/* json_scalar.c: reads a value whose form is no container. It becomes the value at hand. */
void json_read_scalar(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place);
/* json_table.c: tells a fault that there are words for, and frees those. NULL: there is none. */
void json_tell_told(struct ncm_json_reader *reader, char *reason);

/* What is wrong with a value, in words: what it is, and what it must be. Callers free what they get. */

/* "a string", "an integer" …; static. */
const char *json_told_kind(enum ncm_json_kind kind);
char *json_told_other_kind(const struct ncm_json_form *form, const struct ncm_json_part *part);
/* Of a count of `things` ("items", "characters") that is out of bounds; else NULL. */
char *json_told_count(const struct ncm_json_form *form, size_t count, const char *things);
char *json_told_number(const struct ncm_json_form *form, const struct ncm_json_part *part);
/* Of a text that is none of the words: the nearest is told. */
char *json_told_word(const struct ncm_json_form *form, const char *text);
char *json_told_form(const struct ncm_json_form *form, const char *text);
char *json_told_unknown(const struct ncm_json_form *form, const struct ncm_json_part *key);

#endif
