/* SPDX-License-Identifier: MIT */
#include "store/kind.h"

#include "base/buffer.h"

#include <string.h>

#define KIND_OF_LIST(name) &ncm_kind_##name,
static const struct ncm_store_kind *const kinds[] = {NCM_EACH_STORE_KIND(KIND_OF_LIST)};
enum { KINDS = sizeof kinds / sizeof *kinds };

const struct ncm_store_kind *ncm_store_kind_named(const char *name)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	return NULL;
}

char *ncm_store_kind_names(void)
{
	struct ncm_buffer names = {0};

	for (size_t i = 0; i < KINDS; i++)
		ncm_buffer_printf(&names, "%s\"%s\"", i == 0 ? "" : i + 1 < KINDS ? ", " : " or ", kinds[i]->name);
	return names.data;
}

const struct ncm_store_kind *ncm_store_kind_at(int dirfd)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i]->is_here && kinds[i]->is_here(dirfd))
			return kinds[i];
	}
	return kinds[0];
}
