/* SPDX-License-Identifier: MIT */
/* models.json as JSON: read and checked in one place for readers and writers. */
#ifndef NCM_REGISTRY_DOCUMENT_H
#define NCM_REGISTRY_DOCUMENT_H

#include <jansson.h>
#include <ncmodel/error.h>
#include <ncmodel/registry.h>
#include <stdbool.h>

enum { REGISTRY_SCHEMA_VERSION = 1 };

/* Reads and checks models.json. No file: NULL without an error, *missing set. Class REGISTRY. New reference. */
json_t *registry_document(const char *path, bool *missing, struct ncm_error *err);
/* The folder above the one that holds models.json (absolute path); file paths are relative to it. The caller frees it.
 */
char *registry_base(const char *path);
/* An entry's id: its "id", or in a file of the older scripts its "name". */
const char *registry_entry_id(const json_t *entry);

/* contract.c: what the readers' contract lets stand. */
void registry_split_use_cases(const struct ncm_reg_model *model, struct ncm_strings *use_cases,
			      struct ncm_strings *tags);
double registry_score(double score); /* 0..1, or what stands for "unknown" */
const char *registry_privacy(const char *tier);

#endif
