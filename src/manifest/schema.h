/* SPDX-License-Identifier: MIT */
/* The part of JSON Schema 2020-12 that our schemas use, so that the shipped schema is the one truth about the format.
 */
#ifndef NCM_MANIFEST_SCHEMA_H
#define NCM_MANIFEST_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

struct ncm_schema;

/* Makes a schema of its JSON, which it keeps. NULL with *wrong, which the caller frees, if there is anything in it that
 * we do not understand: a keyword passed over would be a rule not kept. */
struct ncm_schema *ncm_schema_compile(json_t *json, char **wrong);
void ncm_schema_free(struct ncm_schema *schema);

static inline void ncm_cleanup_schema(struct ncm_schema **schema)
{
	ncm_schema_free(*schema);
}
#define NCM_AUTO_SCHEMA __attribute__((cleanup(ncm_cleanup_schema)))

/* Told of each fault: the JSON path of the value ("$.models[2].id") and the reason, in words. */
typedef void (*ncm_schema_fault)(void *context, const char *path, const char *reason);

/* Checks a value; every fault is told. Returns whether there was none. */
bool ncm_schema_check(const struct ncm_schema *schema, const json_t *value, ncm_schema_fault fault, void *context);

#endif
