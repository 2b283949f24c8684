/* SPDX-License-Identifier: MIT */
/* Which model an id means: a profile's ids are its own, and several profiles may have one id. */
#ifndef NCM_MANIFEST_IDS_H
#define NCM_MANIFEST_IDS_H

#include <stdbool.h>
#include <stddef.h>

struct manifest_ids;

struct manifest_ids *manifest_ids_new(void);
void manifest_ids_free(struct manifest_ids *ids);
/* Adds a model's id under a number below 2^32; profile NULL: of none. False: the profile has that id already. */
bool manifest_ids_add(struct manifest_ids *ids, const char *profile, const char *id, size_t number);
/* The number of a profile's own id. */
bool manifest_ids_own(const struct manifest_ids *ids, const char *profile, const char *id, size_t *number);
/* What a model of `profile` means by an id: its own profile's, else that of the first that has it. */
bool manifest_ids_meant(const struct manifest_ids *ids, const char *profile, const char *id, size_t *number);

#endif
