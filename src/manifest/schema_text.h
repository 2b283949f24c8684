/* SPDX-License-Identifier: MIT */
/* Values and types in the words of a fault. */
#ifndef NCM_MANIFEST_SCHEMA_TEXT_H
#define NCM_MANIFEST_SCHEMA_TEXT_H

#include "base/buffer.h"

#include <jansson.h>

/* What kind of value it is: "an object". */
const char *schema_kind_of(const json_t *value);
/* Adds the words of what a "type" says; NULL adds none. */
void schema_add_types(const json_t *type, struct ncm_buffer *expected);
/* A scalar as it is written, of others their kind. The caller frees it. */
char *schema_shown(const json_t *value);
/* All of a value, the same text for equal ones. The caller frees it. */
char *schema_shown_whole(const json_t *value);

#endif
