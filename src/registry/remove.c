/* SPDX-License-Identifier: MIT */
#include "registry/write.h"

#include "registry/change.h"

struct leaving {
	const char *const *ids;
	size_t count;
};

static bool take_out(struct registry_change *change, void *context)
{
	const struct leaving *leaving = context;
	bool changed = false;

	for (size_t i = 0; i < leaving->count; i++)
		changed = registry_change_remove(change, leaving->ids[i]) || changed;
	if (changed)
		registry_change_stamp(change);
	return changed;
}

int ncm_registry_remove(const char *path, const char *const *ids, size_t count, struct ncm_error *err)
{
	return registry_change(path, false, take_out, &(struct leaving){ids, count}, err);
}
