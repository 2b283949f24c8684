/* SPDX-License-Identifier: MIT */
/* Who served what in this run, kept in the lock: another place of bytes that are pinned there. */
#include "carry/carry.h"

#include "base/mem.h"
#include "base/strings.h"

/* The source of the one file, where its own source can spell that. The caller frees it; NULL: nobody served it, or the
 * configuration's cache did, which is asked anyway. */
static char *place_of(const struct carry *carry, const struct task *task)
{
	const struct content *content = task->item->content;
	const struct ncm_resolution *found = content->resolution;
	const char *cache = carry->run->config->cache;
	char *spelled = NULL;

	if (!task->served_by || !content->has_sha256 || (cache && ncm_same_text(task->served_by, cache)))
		return NULL;
	if (found->revision && content->artifact->name && ncm_same_text(task->served_by, found->uri))
		spelled = ncm_source_file_at(found->uri, content->artifact->name, found->revision);
	return spelled ? spelled : ncm_strdup(task->served_by);
}

bool carry_note_places(struct carry *carry, const struct wanted *wanted)
{
	bool noted = false;

	for (size_t i = 0; wanted->contents && i < wanted->resolution->count; i++) {
		const struct task *task = &carry->tasks[wanted->contents[i]];
		NCM_AUTO_FREE char *place = place_of(carry, task);

		if (place)
			noted = ncm_lock_note_place(carry->run->lock, wanted->spec->from.items[0],
						    &task->item->content->sha256, place) ||
				noted;
	}
	return noted;
}
