/* SPDX-License-Identifier: MIT */
/* What a repair mended, for the log: models.json is not written for it. */
#include "carry/carry.h"

#include "base/mem.h"

#include <ncmodel/log.h>

/* Not what was right before: it came to its place in this run, or ranges of it did. */
static bool was_mended(const struct task *task, size_t place)
{
	return task->origins[place] != NCM_ORIGIN_UNKNOWN || task->item->mend.count > 0;
}

static struct ncm_deed_file describe(const struct carry *carry, const struct task *task, size_t number)
{
	const struct content *content = task->item->content;
	const struct place *place = &content->places[number];
	const bool is_file = content->kind != CONTENT_ARCHIVE;

	return (struct ncm_deed_file){.path = place->path,
				      .store = place->store->id,
				      .how = (char *)ncm_origin_name(task->origins[number]),
				      .source = carry->run->wanted[place->wanted].resolution->uri,
				      .size =
					  is_file ? (uint64_t)task->item->steps[number].status.st_size : content->size,
				      .sha256 = content->sha256};
}

void carry_tell_repaired(const struct carry *carry, size_t model)
{
	const struct contents *contents = &carry->planned->contents;
	struct ncm_deed deed = {.action = "repaired", .model = carry->run->models[model].id};
	struct ncm_deed_file *files = NULL;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct task *task = &carry->tasks[contents->of_models[i]];
		const struct content *content = task->item->content;

		for (size_t k = 0; k < content->place_count; k++) {
			if (carry->run->wanted[content->places[k].wanted].model == model && was_mended(task, k))
				*NCM_PUSH(files, deed.file_count) = describe(carry, task, k);
		}
	}
	deed.files = files;
	if (deed.file_count > 0)
		ncm_emit_deed(&carry->run->sink, &deed);
	free(files);
}
