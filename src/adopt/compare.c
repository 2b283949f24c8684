/* SPDX-License-Identifier: MIT */
/* What is registered already, and what can be refused without reading it. */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "format/format.h"

#include <fcntl.h>
#include <string.h>

static const struct ncm_sha256 not_recorded;

struct record {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *file;
};

/* path → index into *records. New reference. */
static json_t *index_registry(const struct ncm_registry *registry, struct record **records)
{
	json_t *index = json_object();
	size_t count = 0;

	for (size_t i = 0; i < registry->count; i++) {
		for (size_t k = 0; k < registry->models[i].file_count; k++) {
			const struct ncm_reg_file *file = &registry->models[i].files[k];

			json_object_set_new_nocheck(index, file->abs, json_integer((json_int_t)count));
			*NCM_PUSH(*records, count) = (struct record){&registry->models[i], file};
		}
	}
	return index;
}

static const struct record *record_of(const json_t *index, const struct record *records, const struct found_file *file)
{
	const json_t *place = json_object_get(index, file->path);

	if (!place) /* registered by the link that leads to it */
		place = json_object_get(index, file->seen->path);
	return place ? &records[json_integer_value(place)] : NULL;
}

static bool is_unchanged(const struct found_file *file, const struct ncm_reg_file *recorded)
{
	return file->seen->state != NCM_SURVEY_MISSING && file->size == recorded->size &&
	       file->mtime_ns == recorded->mtime_ns && !ncm_sha256_equal(&recorded->sha256, &not_recorded);
}

/* Which file says what model it is. Tags share blobs, and commits share files beside the weights. */
static bool decides(const struct found *found, const struct found_file *file)
{
	const char *role = strcmp(found->seen->known_by, "ollama") == 0 ? "manifest" : "weights";

	return strcmp(file->role, role) == 0;
}

static void compare(struct found *found, const json_t *index, const struct record *records)
{
	size_t deciding = 0, unchanged = 0, changed = 0;

	for (size_t i = 0; i < found->file_count; i++) {
		struct found_file *file = &found->files[i];
		const struct record *record = record_of(index, records, file);

		deciding += decides(found, file);
		if (!record)
			continue;
		if (decides(found, file) && !found->registered)
			found->registered = record->model;
		if (!is_unchanged(file, record->file)) {
			changed++;
			continue;
		}
		file->has_sha256 = true;
		file->sha256 = record->file->sha256;
		unchanged += decides(found, file);
	}
	found->known = deciding > 0 && unchanged == deciding && changed == 0;
}

/* models.json's word on a file that somebody replaced says nothing against what is there now, if its header holds. */
static bool is_replaced(const struct ncm_survey_file *seen)
{
	NCM_AUTO_CLOSE int fd = -1;
	struct ncm_facts facts;
	bool sound = false;

	if (!seen->told_by || strcmp(seen->told_by, "models.json") != 0)
		return false;
	fd = open(seen->real ? seen->real : seen->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && ncm_format_read(fd, &facts, NULL) == 0) {
		sound = facts.soundness == NCM_SOUND;
		ncm_facts_clear(&facts);
	}
	return sound;
}

/* Why the model cannot be taken as it is, or NULL. The caller frees it. */
static char *fault_of(const struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		const struct ncm_survey_file *seen = found->files[i].seen;
		const bool wrong = seen->state == NCM_SURVEY_DAMAGED || seen->state == NCM_SURVEY_TRUNCATED;

		if (!wrong && seen->state != NCM_SURVEY_MISSING && seen->state != NCM_SURVEY_UNREADABLE &&
		    seen->state != NCM_SURVEY_PARTIAL)
			continue;
		if (wrong && is_replaced(seen))
			continue;
		return ncm_asprintf("%s is %s: %s", seen->path, ncm_survey_state_name(seen->state),
				    seen->detail ? seen->detail : "no more is known");
	}
	return NULL;
}

void adopt_refuse(struct adopt *adopt, struct found *found, char *detail)
{
	struct ncm_reg_model entry;

	registry_model_copy(&entry, &found->seen->entry);
	for (size_t i = 0; i < found->file_count; i++)
		entry_add_file(&entry, &found->files[i], NULL);
	found->refused = true;
	found->to_read = false;
	adopt_put(adopt, &entry, NCM_ADOPT_REFUSED, found->seen->known_by, detail);
}

void adopt_compare(struct adopt *adopt)
{
	NCM_AUTO_FREE struct record *records = NULL;
	NCM_AUTO_JSON json_t *index = index_registry(adopt->registry, &records);

	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];
		char *fault;

		compare(found, index, records);
		fault = found->known ? NULL : fault_of(found);
		found->to_read = !found->known && !fault;
		if (fault)
			adopt_refuse(adopt, found, fault);
	}
}
