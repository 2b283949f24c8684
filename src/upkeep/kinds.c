/* SPDX-License-Identifier: MIT */
#include "upkeep/upkeep.h"

static const struct upkeep_kind kinds[] = {
    {
	.kind = &ncm_kind_ollama,
	.tell_unread = upkeep_tell_tags_unread,
	.warn_of_names = upkeep_warn_of_tags,
	.consider_tag = upkeep_consider_tag,
    },
    {
	.kind = &ncm_kind_huggingface,
	.learn_names = upkeep_learn_cache,
	.unread_around = upkeep_unread_repository,
	.consider_links = upkeep_consider_commit,
	.consider_around = upkeep_consider_snapshot,
    },
};

const struct upkeep_kind *upkeep_kind_of(const struct ncm_store_kind *kind)
{
	static const struct upkeep_kind none = {0};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (kinds[i].kind == kind)
			return &kinds[i];
	}
	return &none;
}
