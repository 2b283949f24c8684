/* SPDX-License-Identifier: MIT */
/* JSON for programs: valid UTF-8 whatever the strings held, and no byte of it can steer a terminal. */
#ifndef CMD_UI_JSON_H
#define CMD_UI_JSON_H

#include <jansson.h>
#include <ncmodel/digest.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* New references. NULL text gives null; invalid bytes become U+FFFD. */
json_t *json_text(const char *text);
/* A source without the mark of one that was signed. */
json_t *json_source(const char *source);
json_t *json_words(const struct ncm_strings *words);
json_t *json_number(uint64_t number);                 /* at most INT64_MAX */
json_t *json_digest(const struct ncm_sha256 *digest); /* "sha256:…"; null when all zero: not recorded */

/* Adds a text to a set of texts (at first an empty object). False: it is there already. */
bool json_add_new(json_t *set, const char *text);

/* Put a member into an object; json_put steals the value. */
void json_put(json_t *object, const char *key, json_t *value);
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_source(json_t *object, const char *key, const char *source);
void json_put_number(json_t *object, const char *key, uint64_t number);
void json_put_flag(json_t *object, const char *key, bool flag);
void json_push(json_t *array, json_t *value);

/* Puts "time": now, RFC 3339 UTC with milliseconds. */
void json_put_now(json_t *object);

/* Writes a value in ASCII and a line break: over several lines, or on one. */
void json_print(const json_t *value, bool one_line, FILE *out);

#endif
