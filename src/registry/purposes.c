/* SPDX-License-Identifier: MIT */
#include <ncmodel/registry.h>

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

void ncm_purposes(const struct ncm_strings *use_cases, const struct ncm_strings *tags, const char *kind,
		  struct ncm_strings *purposes)
{
	const char *word = tags->count > 0 ? tags->items[0] : kind ? kind : "";
	NCM_AUTO_FREE char *first = ncm_strndup(word, strcspn(word, " "));

	for (size_t i = 0; i < use_cases->count; i++) {
		if (!ncm_strings_contain(purposes, use_cases->items[i]))
			ncm_strings_add(purposes, use_cases->items[i]);
	}
	if (use_cases->count == 0)
		ncm_strings_add(purposes, *first ? first : "Other");
}
