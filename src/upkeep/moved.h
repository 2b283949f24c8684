/* SPDX-License-Identifier: MIT */
/* What is left behind by a move goes by the rules of rm. */
#ifndef NCM_UPKEEP_MOVED_H
#define NCM_UPKEEP_MOVED_H

#include "registry/authority.h"

#include <ncmodel/upkeep.h>

struct upkeep_moved {
	const char *path;  /* absolute; models.json has it no more */
	const char *store; /* id; or NULL */
	bool is_name;      /* what bytes are found by: it goes before them */
	uint64_t size;     /* as it was when the new one was made */
	int64_t mtime_ns;
};

/* Plans their removal; `by` says who claims them (NULL: models.json did). All is borrowed until ncm_removal_free. */
struct ncm_removal *upkeep_moved_plan(const struct ncm_config *config, const struct upkeep_moved *files, size_t count,
				      const struct authority *by, struct ncm_error *err);

#endif
