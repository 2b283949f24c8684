/* SPDX-License-Identifier: MIT */
#include "verify_store.h"

#include "verify_view.h"

static json_t *stores_json(const struct ncm_survey *survey)
{
	json_t *stores = json_array();

	for (size_t i = 0; i < survey->store_count; i++) {
		const struct ncm_survey_store *store = &survey->stores[i];
		json_t *object = json_object();

		json_put_text(object, "id", store->id);
		json_put_text(object, "kind", store->kind);
		json_put_text(object, "path", store->path);
		json_put_flag(object, "there", store->there);
		json_put_flag(object, "readable", store->readable);
		json_put_number(object, "model_count", store->models);
		json_put_number(object, "file_count", store->files);
		json_put_number(object, "bytes", store->bytes);
		json_push(stores, object);
	}
	return stores;
}

static json_t *model_object(const struct ncm_survey *survey, const struct ncm_survey_model *model)
{
	json_t *object = json_object();
	json_t *files = json_array();

	for (size_t i = 0; i < model->file_count; i++)
		json_push(files, json_text(survey->files[model->files[i]].path));
	json_put_text(object, "id", model->entry.id);
	json_put_text(object, "name", model->entry.display_name);
	json_put_text(object, "store", model->entry.store);
	json_put_text(object, "state", ncm_survey_state_name(model->state));
	json_put_text(object, "known_by", model->known_by);
	json_put_text(object, "kind", model->entry.kind);
	json_put_source(object, "source", model->entry.source);
	json_put_text(object, "guess", model->guess);
	json_put_text(object, "revision", model->entry.revision);
	json_put_text(object, "format", model->entry.format);
	json_put_text(object, "architecture", model->entry.architecture);
	json_put_text(object, "quantization", model->entry.quantization);
	json_put_text(object, "parameters", model->entry.parameters);
	json_put_number(object, "size", model->entry.size);
	json_put(object, "files", files);
	return object;
}

static json_t *file_object(const struct ncm_survey_file *file)
{
	json_t *object = json_object();

	json_put_text(object, "path", file->path);
	json_put_text(object, "real", file->real);
	json_put_text(object, "store", file->store);
	json_put_text(object, "role", file->role);
	json_put_text(object, "state", ncm_survey_state_name(file->state));
	json_put_text(object, "detail", file->detail);
	json_put_number(object, "size", file->size);
	json_put(object, "size_expected", file->has_expected_size ? json_number(file->expected_size) : json_null());
	json_put(object, "sha256", file->has_sha256 ? json_digest(&file->sha256) : json_null());
	json_put(object, "sha256_expected", file->has_expected ? json_digest(&file->expected) : json_null());
	json_put_text(object, "told_by", file->told_by);
	json_put(object, "damaged", verify_ranges_json(file->damaged, file->damaged_count));
	return object;
}

/* How many models, and how many files that are no model's, are in each state. */
static json_t *counts_json(const struct ncm_survey *survey)
{
	static const enum ncm_survey_state left_over[] = {NCM_SURVEY_ORPHANED, NCM_SURVEY_UNREFERENCED,
							  NCM_SURVEY_PARTIAL};
	json_t *counts = json_object();

	for (enum ncm_survey_state state = NCM_SURVEY_OK; state <= NCM_SURVEY_DIFFERS; state++) {
		size_t count = 0;

		for (size_t i = 0; i < survey->model_count; i++)
			count += survey->models[i].state == state;
		json_put_number(counts, ncm_survey_state_name(state), count);
	}
	for (size_t i = 0; i < sizeof left_over / sizeof *left_over; i++) {
		size_t count = 0;

		for (size_t k = 0; k < survey->file_count; k++)
			count += survey->files[k].state == left_over[i];
		json_put_number(counts, ncm_survey_state_name(left_over[i]), count);
	}
	return counts;
}

json_t *survey_json(const struct ncm_survey *survey, bool quick)
{
	json_t *object = json_object();
	json_t *models = json_array();
	json_t *files = json_array();

	for (size_t i = 0; i < survey->model_count; i++)
		json_push(models, model_object(survey, &survey->models[i]));
	for (size_t i = 0; i < survey->file_count; i++)
		json_push(files, file_object(&survey->files[i]));
	json_put_flag(object, "quick", quick);
	json_put_number(object, "bytes", survey->hashed);
	json_put(object, "seconds", json_real(survey->seconds));
	json_put(object, "counts", counts_json(survey));
	json_put(object, "stores", stores_json(survey));
	json_put(object, "models", models);
	json_put(object, "files", files);
	return object;
}
