/* SPDX-License-Identifier: MIT */
/* The models as models.json could have them, in an order that does not depend on the file system's. */
#include "survey/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "store/purpose.h"

#include <stdlib.h>
#include <string.h>

/* Of several files the first whose header tells what it is. */
static const struct clue *telling_file(const struct work *work, const struct ncm_survey_model *model)
{
	const struct clue *found = NULL;

	for (size_t i = 0; i < model->file_count; i++) {
		const struct clue *clue = &work->clues[model->files[i]];

		if (!clue->is_model)
			continue;
		if (!found || (!found->facts.architecture && clue->facts.architecture) ||
		    (found->facts.format == NCM_FORMAT_UNKNOWN && clue->facts.format != NCM_FORMAT_UNKNOWN))
			found = clue;
	}
	return found;
}

static void take_facts(const struct work *work, struct ncm_survey_model *model)
{
	const struct clue *clue = telling_file(work, model);
	struct ncm_reg_model *entry = &model->entry;

	if (entry->source) {
		free(model->guess);
		model->guess = NULL;
	}
	if (!clue)
		return;
	survey_say(&entry->architecture, clue->facts.architecture);
	survey_say(&entry->quantization, clue->facts.quantization);
	survey_say(&entry->parameters, clue->facts.parameters);
	survey_say(&entry->license, clue->facts.license);
	survey_say(&entry->format, ncm_format_name(clue->facts.format));
	survey_say(&entry->kind, purpose_of_header(clue->facts.kind));
	survey_say(&entry->kind, clue->folder_kind);
	entry->context_length = clue->facts.context_length;
	entry->dimensions = clue->facts.dimensions;
	if (strcmp(model->known_by, "name") == 0 && clue->facts.format != NCM_FORMAT_UNKNOWN)
		model->known_by = "header";
}

static void take_files(const struct work *work, struct ncm_survey_model *model)
{
	struct ncm_reg_model *entry = &model->entry;

	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_survey_file *file = &work->survey->files[model->files[i]];
		struct ncm_reg_file *out;

		if (file->is_beside)
			continue;
		out = NCM_PUSH(entry->files, entry->file_count);
		out->abs = ncm_strdup(file->real ? file->real : file->path);
		out->path = ncm_strdup(out->abs);
		out->store = ncm_strdup(file->store);
		out->role = ncm_strdup(file->role);
		out->size = file->state == NCM_SURVEY_MISSING ? file->expected_size : file->size;
		out->mtime_ns = file->mtime_ns;
		if (file->has_sha256)
			out->sha256 = file->sha256;
		else if (file->has_expected)
			out->sha256 = file->expected;
		entry->size += out->size;
	}
	entry->file_path = ncm_strdup(entry->file_count > 0 ? entry->files[0].path : "");
}

static void count_store(struct work *work)
{
	json_t *seen = json_object();

	for (size_t i = 0; i < work->survey->file_count; i++) {
		const struct ncm_survey_file *file = &work->survey->files[i];
		struct ncm_survey_store *store = &work->survey->stores[work->clues[i].store];
		NCM_AUTO_FREE char *key =
		    ncm_asprintf("%zu %llx:%llx", work->clues[i].store, (unsigned long long)file->device,
				 (unsigned long long)file->inode);

		store->files++;
		if (file->inode == 0 || json_object_get(seen, key))
			continue;
		json_object_set_new_nocheck(seen, key, json_true());
		store->bytes += file->size;
	}
	json_decref(seen);
}

void survey_describe(struct work *work)
{
	struct ncm_survey *survey = work->survey;

	for (size_t i = 0; i < survey->model_count; i++) {
		struct ncm_survey_model *model = &survey->models[i];

		take_facts(work, model);
		take_files(work, model);
		if (model->file_count > 0)
			survey->stores[work->clues[model->files[0]].store].models++;
	}
	count_store(work);
}

struct place {
	struct ncm_survey_file file;
	size_t was;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->file.path, ((const struct place *)b)->file.path);
}

static int by_id(const void *a, const void *b)
{
	const struct ncm_survey_model *x = a, *y = b;
	const int order = strcmp(x->entry.id, y->entry.id);

	return order != 0 ? order : strcmp(x->entry.file_path, y->entry.file_path);
}

static void sort_files(struct ncm_survey *survey)
{
	NCM_AUTO_FREE struct place *places = ncm_calloc(survey->file_count + 1, sizeof *places);
	NCM_AUTO_FREE size_t *now = ncm_calloc(survey->file_count + 1, sizeof *now);

	for (size_t i = 0; i < survey->file_count; i++)
		places[i] = (struct place){survey->files[i], i};
	if (survey->file_count > 0)
		qsort(places, survey->file_count, sizeof *places, by_path);
	for (size_t i = 0; i < survey->file_count; i++) {
		survey->files[i] = places[i].file;
		now[places[i].was] = i;
	}
	for (size_t i = 0; i < survey->model_count; i++) {
		for (size_t k = 0; k < survey->models[i].file_count; k++)
			survey->models[i].files[k] = now[survey->models[i].files[k]];
	}
}

/* Takes the id. */
static char *unique_id(json_t *taken, char *base, const char *store)
{
	char *id = base;

	for (unsigned number = 1; json_object_get(taken, id); number++) {
		char *next =
		    number == 1 ? ncm_asprintf("%s-%s", base, store) : ncm_asprintf("%s-%s-%u", base, store, number);

		if (id != base)
			free(id);
		id = next;
	}
	if (id != base)
		free(base);
	json_object_set_new_nocheck(taken, id, json_true());
	return id;
}

void survey_sort(struct work *work)
{
	struct ncm_survey *survey = work->survey;
	json_t *taken = json_object();

	sort_files(survey);
	if (survey->model_count > 0)
		qsort(survey->models, survey->model_count, sizeof *survey->models, by_id);
	for (size_t i = 0; i < survey->model_count; i++) {
		struct ncm_reg_model *entry = &survey->models[i].entry;

		entry->id = unique_id(taken, entry->id, entry->store);
	}
	json_decref(taken);
}
