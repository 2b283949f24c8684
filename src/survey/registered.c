/* SPDX-License-Identifier: MIT */
/* models.json has digests and sources of what ncmodel put there or was shown. A survey does without it, too. */
#include "survey/work.h"

#include "base/mem.h"

#include <string.h>

static const struct ncm_sha256 not_recorded;

struct registered {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *file;
};

/* path → index into *list, of every file with a recorded digest. New reference. */
static json_t *index_files(const struct ncm_registry *registry, struct registered **list)
{
	json_t *index = json_object();
	size_t count = 0;

	for (size_t i = 0; i < registry->count; i++) {
		const struct ncm_reg_model *model = &registry->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			if (ncm_sha256_equal(&model->files[k].sha256, &not_recorded))
				continue;
			json_object_set_new_nocheck(index, model->files[k].abs, json_integer((json_int_t)count));
			*NCM_PUSH(*list, count) = (struct registered){model, &model->files[k]};
		}
	}
	return index;
}

/* A sidecar may be newer than what we recorded, but not if the file is still what we saw. */
static void take_digest(struct work *work, size_t index, const struct ncm_reg_file *recorded)
{
	struct ncm_survey_file *file = &work->survey->files[index];
	const bool is_as_seen = file->size == recorded->size && file->mtime_ns == recorded->mtime_ns;
	const bool is_hearsay =
	    file->told_by && (strcmp(file->told_by, "sidecar") == 0 || strcmp(file->told_by, "cache.json") == 0);

	if (is_hearsay && is_as_seen)
		file->told_by = NULL;
	if (!file->told_by)
		survey_tell_size(work, index, recorded->size);
	survey_tell_sha256(work, index, &recorded->sha256, "models.json");
}

static void take_source(struct work *work, size_t index, const struct ncm_reg_model *recorded)
{
	struct ncm_reg_model *entry;

	if (work->clues[index].model == NO_MODEL)
		return;
	entry = &work->survey->models[work->clues[index].model].entry;
	if (!entry->source && recorded->source) {
		entry->source = ncm_strdup(recorded->source);
		entry->revision = ncm_strdup_null(recorded->revision);
	}
}

void survey_consult_registry(struct work *work, const struct ncm_config *config)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_registry *registry = ncm_registry_load(config, &why);
	NCM_AUTO_FREE struct registered *list = NULL;
	json_t *index;

	if (!registry) {
		ncm_emit_text(work->sink, NCM_EVENT_WARNING, "surveyed without models.json: %s", why.message);
		ncm_error_clear(&why);
		return;
	}
	index = index_files(registry, &list);
	for (size_t i = 0; i < work->survey->file_count; i++) {
		const struct ncm_survey_file *file = &work->survey->files[i];
		const json_t *known = json_object_get(index, file->real ? file->real : file->path);

		if (!known)
			known = json_object_get(index, file->path);
		if (!known)
			continue;
		take_digest(work, i, list[json_integer_value(known)].file);
		take_source(work, i, list[json_integer_value(known)].model);
	}
	json_decref(index);
	ncm_registry_free(registry);
}
