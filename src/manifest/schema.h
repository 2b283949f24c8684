/* SPDX-License-Identifier: MIT */
/* The part of JSON Schema 2020-12 that our schemas use, so that the shipped schema is the one truth about the format.
 */
#ifndef NCM_MANIFEST_SCHEMA_H
#define NCM_MANIFEST_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

/* Told of each fault: the JSON path of the value ("$.models[2].id") and the reason, in words. */
typedef void (*ncm_schema_fault)(void *context, const char *path, const char *reason);

/* Checks a value; every fault is told. Returns whether there was none. */
bool ncm_schema_check(const json_t *schema, const json_t *value, ncm_schema_fault fault, void *context);

#endif
