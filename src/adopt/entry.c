/* SPDX-License-Identifier: MIT */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/strings.h"
#include "store/purpose.h"

#include <stdlib.h>
#include <string.h>

/* The bytes are those that were recorded: how they came is known as well as it was then. */
static bool is_as_recorded(const struct found_file *file)
{
	return file->record && ncm_sha256_equal(&file->record->sha256, &file->sha256);
}

static void set_origin(struct ncm_reg_file *out, const struct found_file *file, const struct origin *origin)
{
	const struct ncm_reg_file *record = is_as_recorded(file) ? file->record : NULL;

	out->origin = record ? record->origin : NCM_ORIGIN_ADOPTED;
	if (record && record->source) {
		out->source = ncm_strdup(record->source);
		out->revision = ncm_strdup_null(record->revision);
	} else if (origin && out->origin != NCM_ORIGIN_UNKNOWN) {
		out->source = ncm_strdup_null(origin->source);
		out->revision = ncm_strdup_null(origin->revision);
	}
	if (record)
		out->archive = record->archive;
}

void entry_add_file(struct ncm_reg_model *entry, const struct found_file *file, const char *role,
		    const struct origin *origin)
{
	struct ncm_reg_file *out;

	if (registry_file_at(entry, file->path))
		return;
	out = NCM_PUSH(entry->files, entry->file_count);
	out->path = ncm_strdup(file->path);
	out->abs = ncm_strdup(file->path);
	out->store = ncm_strdup_null(file->store);
	out->role = ncm_strdup(role ? role : file->role);
	out->size = file->size;
	out->sha256 = file->sha256;
	out->mtime_ns = file->mtime_ns;
	out->target = ncm_strdup_null(file->target);
	set_origin(out, file, origin);
}

void entry_add_found(struct ncm_reg_model *entry, const struct found *found, const struct found_file *file,
		     const char *role)
{
	struct origin origin = origin_of(found, file);

	entry_add_file(entry, file, role, &origin);
	origin_clear(&origin);
}

static bool is_main(const struct ncm_reg_file *file)
{
	return file->role && (strcmp(file->role, "weights") == 0 || strcmp(file->role, "model") == 0);
}

static void weights_first(struct ncm_reg_model *entry)
{
	size_t front = 0;

	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_reg_file file = entry->files[i];

		if (!is_main(&file))
			continue;
		memmove(&entry->files[front + 1], &entry->files[front], (i - front) * sizeof file);
		entry->files[front++] = file;
	}
}

/* What lies in a store of one use is for that use. */
static const char *kind_of_store(const char *store)
{
	static const char *const kinds[][2] = {
	    {"llama-cpp", "llm"},      {"whisper-cpp", "stt"}, {"faster-whisper", "stt"},
	    {"openai-whisper", "stt"}, {"tts", "tts"},         {"ollama", "llm"},
	};

	for (size_t i = 0; store && i < sizeof kinds / sizeof *kinds; i++) {
		if (strncmp(store, kinds[i][0], strlen(kinds[i][0])) == 0)
			return kinds[i][1];
	}
	return NULL;
}

/* Use cases are for text models alone; what others are for stands in their tags. */
static const char *tag_of_kind(const char *kind)
{
	const struct purpose *purpose = purpose_of(kind);

	return purpose ? purpose->tag : NULL;
}

void entry_complete(struct ncm_reg_model *entry)
{
	const char *kind = kind_of_store(entry->store);
	const char *tag;

	weights_first(entry);
	entry->size = 0;
	for (size_t i = 0; i < entry->file_count; i++)
		entry->size += entry->files[i].size;
	if (!entry->kind && kind)
		entry->kind = ncm_strdup(kind);
	tag = tag_of_kind(entry->kind);
	if (entry->use_cases.count == 0 && entry->tags.count == 0 && tag)
		ncm_strings_add(&entry->tags, tag);
	free(entry->file_path);
	entry->file_path = ncm_strdup(entry->file_count > 0 ? entry->files[0].abs : "");
}

bool adopt_use_id(const struct adopt *adopt, const char *id)
{
	/* Readers find a model by its id in any case. */
	NCM_AUTO_FREE char *key = ncm_lower(id);

	if (json_object_get(adopt->ids, key))
		return false;
	json_object_set_new_nocheck(adopt->ids, key, json_true());
	return true;
}

/* Another id where another model has this one. */
static void make_unique(const struct adopt *adopt, struct ncm_reg_model *entry)
{
	NCM_AUTO_FREE char *base = ncm_strdup(entry->id);
	const char *store = entry->store ? entry->store : "files";

	for (unsigned number = 1; !adopt_use_id(adopt, entry->id); number++) {
		free(entry->id);
		entry->id =
		    number == 1 ? ncm_asprintf("%s-%s", base, store) : ncm_asprintf("%s-%s-%u", base, store, number);
	}
}

void adopt_put(struct adopt *adopt, struct ncm_reg_model *entry, enum ncm_adopt_verdict verdict, const char *known_by,
	       char *detail)
{
	struct ncm_adoption *adoption = adopt->adoption;
	struct ncm_adoption_model *model;

	entry_complete(entry);
	if (verdict == NCM_ADOPT_NEW)
		make_unique(adopt, entry);
	model = NCM_PUSH(adoption->models, adoption->count);
	*model = (struct ncm_adoption_model){*entry, verdict, known_by, detail};
	*entry = (struct ncm_reg_model){0};
	adoption->known += verdict == NCM_ADOPT_KNOWN;
	adoption->added += verdict == NCM_ADOPT_NEW;
	adoption->changed += verdict == NCM_ADOPT_CHANGED;
	adoption->refused += verdict == NCM_ADOPT_REFUSED;
	if (verdict == NCM_ADOPT_NEW)
		adoption->bytes += model->entry.size;
}
