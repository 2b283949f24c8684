/* SPDX-License-Identifier: MIT */
/* Paths in the cache of huggingface_hub, for those who look through it. */
#ifndef NCM_STORE_KIND_HUGGINGFACE_H
#define NCM_STORE_KIND_HUGGINGFACE_H

#include <stdbool.h>

/* "models--ORG--NAME/<folder>/<rest>": the rest, or NULL. Borrowed. */
const char *store_hub_rest_of(const char *relative, const char *folder);
/* Whether a path below the cache is a blob of a repository's. */
bool store_hub_is_blob(const char *relative);

#endif
