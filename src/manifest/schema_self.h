/* SPDX-License-Identifier: MIT */
/* Is a schema one that we understand whole? A keyword passed over would be a rule not kept. */
#ifndef NCM_MANIFEST_SCHEMA_SELF_H
#define NCM_MANIFEST_SCHEMA_SELF_H

#include <jansson.h>

/* What is wrong with the schema, or NULL. The caller frees it. */
char *ncm_schema_self_check(const json_t *schema);
/* The schema that a "$ref" leads to in the end, or the schema itself. NULL if it leads nowhere or in a circle. */
const json_t *ncm_schema_target(const json_t *root, const json_t *schema);

#endif
