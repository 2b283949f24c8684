/* SPDX-License-Identifier: MIT */
/* What is wrong with a value, in words: what it is, and what it must be. Callers free what they get. */
#ifndef NCM_BASE_JSON_TOLD_H
#define NCM_BASE_JSON_TOLD_H

#include "base/json_table.h"

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
