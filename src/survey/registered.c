/* SPDX-License-Identifier: MIT */
/* models.json has digests and sources of what ncmodel put there or was shown. A survey does without it, too. */
#include "survey/work.h"

#include "base/mem.h"
#include "registry/identity.h"

#include <string.h>

/* The last that recorded a digest of the file at this path; or NULL. */
static const struct registry_ref *recorded_at(const struct registry_lookup *lookup, const char *path)
{
	size_t count;
	const struct registry_ref *refs = registry_at(lookup, path, &count);

	while (count > 0 && ncm_sha256_is_zero(&refs[count - 1].file->sha256))
		count--;
	return count > 0 ? &refs[count - 1] : NULL;
}

/* Whether the digest was somebody's word before the bytes came; else it is of what came, whole or not. */
static bool is_published(const char *trust)
{
	return trust && (strcmp(trust, "manifest") == 0 || strcmp(trust, "upstream") == 0);
}

/* A sidecar may be newer than what we recorded, but not if the file is still what we saw. */
static void take_digest(struct work *work, size_t index, const struct registry_ref *registered)
{
	const struct ncm_reg_file *recorded = registered->file;
	struct ncm_survey_file *file = &work->survey->files[index];
	const bool is_as_seen = file->size == recorded->size && file->mtime_ns == recorded->mtime_ns;

	if (is_as_seen && claim_is_all(file))
		file->told_by = NULL;
	/* The manifest itself was recorded, and the store may have it in another form. */
	if (survey_is_form_of(work, index, registered->model, recorded)) {
		file->sha256 = recorded->sha256;
		file->size = recorded->size;
	}
	if (file->told_by)
		return;
	survey_tell_size(work, index, recorded->size);
	survey_tell_sha256(work, index, &recorded->sha256, "models.json");
	work->clues[index].first_use = !is_published(registered->model->trust);
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
	const struct registry_lookup *lookup;

	if (!registry) {
		ncm_emit_text(work->sink, NCM_EVENT_WARNING, "surveyed without models.json: %s", why.message);
		ncm_error_clear(&why);
		return;
	}
	lookup = registry_lookup_of(registry);
	for (size_t i = 0; i < work->survey->file_count; i++) {
		const struct ncm_survey_file *file = &work->survey->files[i];
		const struct registry_ref *known = file->real ? recorded_at(lookup, file->real) : NULL;

		if (!known)
			known = recorded_at(lookup, file->path);
		if (!known)
			continue;
		take_digest(work, i, known);
		take_source(work, i, known->model);
	}
	ncm_registry_free(registry);
}
