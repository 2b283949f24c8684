/* SPDX-License-Identifier: MIT */
/* Other places of the same content: one after another when one fails, all at once when it is large. */
#include "carry/carry.h"

#include "base/mem.h"

#include <string.h>

/* Below this a second place costs more to ask than it brings. */
static const uint64_t MIRRORS_WORTH_BYTES = 16 << 20;

/* The artifact of an alternate that is the same file: by digest, else by being the only one, else by name. */
static const struct ncm_artifact *same_artifact(const struct ncm_resolution *found, const struct content *content)
{
	for (size_t i = 0; i < found->count; i++) {
		if (content->has_sha256 && found->artifacts[i].has_sha256 &&
		    ncm_sha256_equal(&content->sha256, &found->artifacts[i].sha256))
			return &found->artifacts[i];
	}
	if (found->count == 1)
		return &found->artifacts[0];
	for (size_t i = 0; i < found->count; i++) {
		if (found->artifacts[i].name && strcmp(found->artifacts[i].name, content->name) == 0)
			return &found->artifacts[i];
	}
	return NULL;
}

static bool is_other(const struct content *content, const struct ncm_artifact *artifact)
{
	return content->has_sha256 && artifact->has_sha256 && !ncm_sha256_equal(&content->sha256, &artifact->sha256);
}

int task_next_alternate(struct carry *carry, struct task *task)
{
	struct content *content = task->item->content;
	const struct wanted *wanted = &carry->run->wanted[content->wanted];

	while (task->alternate + 1 < wanted->spec->from.count && !ncm_interrupted()) {
		struct ncm_resolution *found = wanted_ask_place(carry->run, wanted, ++task->alternate, NULL);
		const struct ncm_artifact *artifact = found ? same_artifact(found, content) : NULL;

		if (artifact && !is_other(content, artifact)) {
			ncm_resolution_free(task->own);
			task->own = found;
			content->resolution = found;
			content->artifact = artifact;
			return 0;
		}
		ncm_resolution_free(found);
	}
	return -1;
}

void task_find_mirrors(struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const struct wanted *wanted = &carry->run->wanted[content->wanted];
	const size_t room = wanted->spec->from.count;

	if (!content->has_sha256 || !content->has_size || content->size < MIRRORS_WORTH_BYTES || task->mirrors)
		return;
	task->mirrors = ncm_calloc(room, sizeof(struct ncm_resolution *));
	task->places = ncm_calloc(room, sizeof *task->places);
	for (size_t i = task->alternate + 1; i < room && !ncm_interrupted(); i++) {
		struct ncm_resolution *found = wanted_ask_place(carry->run, wanted, i, NULL);
		const struct ncm_artifact *artifact = found ? same_artifact(found, content) : NULL;

		if (!artifact || !artifact->has_sha256 || is_other(content, artifact)) {
			ncm_resolution_free(found);
			continue;
		}
		task->places[task->mirror_count] = (struct ncm_place){artifact->url, found->credential, found->service};
		task->mirrors[task->mirror_count++] = found;
	}
}
