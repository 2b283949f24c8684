/* SPDX-License-Identifier: MIT */
#include "plan_view.h"

#include "ui/text.h"

static const char *step_name(enum ncm_step step)
{
	static const char *const names[] = {
	    [NCM_STEP_KEEP] = "keep",       [NCM_STEP_ADOPT] = "adopt", [NCM_STEP_FETCH] = "fetch",
	    [NCM_STEP_RESUME] = "resume",   [NCM_STEP_LINK] = "link",   [NCM_STEP_COPY] = "copy",
	    [NCM_STEP_REPLACE] = "replace",
	};

	return names[step];
}

/* How far the number of that key is to be believed: the bytes of it that are expected, and the files not in it. */
static void put_doubt(json_t *object, const char *key, const struct ncm_doubt *doubt)
{
	AUTO_FREE char *expected = text_format("%s_expected", key);
	AUTO_FREE char *unknown = text_format("%s_unknown", key);

	json_put_number(object, expected, doubt->expected);
	json_put_number(object, unknown, doubt->unknown);
}

static json_t *files_json(const struct ncm_plan_model *planned)
{
	json_t *files = json_array();

	for (size_t i = 0; i < planned->file_count; i++) {
		const struct ncm_plan_file *file = &planned->files[i];
		json_t *object = json_object();

		json_put_text(object, "name", file->name);
		json_put_text(object, "path", file->path);
		json_put_text(object, "store", file->store);
		json_put_source(object, "source", file->source);
		json_put_text(object, "from", file->from);
		json_put_text(object, "step", step_name(file->step));
		json_put_number(object, "size", file->size);
		json_put_flag(object, "size_unknown", file->size_unknown);
		json_put_flag(object, "size_expected", file->size_expected);
		json_put_number(object, "present", file->present);
		json_put_flag(object, "first_use", file->first_use);
		json_put_flag(object, "unconfirmed", file->unconfirmed);
		json_put_flag(object, "sets_aside", file->sets_aside);
		json_push(files, object);
	}
	return files;
}

static json_t *odd_json(const struct ncm_plan_model *planned)
{
	json_t *array = json_array();

	for (size_t i = 0; i < planned->odd_count; i++) {
		json_t *object = json_object();

		json_put_text(object, "name", planned->odd[i].name);
		json_put_text(object, "as", planned->odd[i].as);
		json_push(array, object);
	}
	return array;
}

json_t *plan_disks_json(const struct ncm_plan_disk *disks, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *object = json_object();

		json_put_text(object, "path", disks[i].path);
		json_put_number(object, "needed", disks[i].needed);
		put_doubt(object, "needed", &disks[i].doubt);
		json_put(object, "free", disks[i].free_known ? json_number(disks[i].free) : json_null());
		json_put_number(object, "reserve", disks[i].reserve);
		json_put(object, "enough", disks[i].free_known ? json_boolean(disks[i].enough) : json_null());
		json_push(array, object);
	}
	return array;
}

/* Of a look-up that left sizes open the model can be planned all the same. */
static void put_failure(json_t *object, const struct ncm_plan_model *planned)
{
	const bool failed = planned->error.code != NCM_OK;
	const struct ncm_error *why = failed ? &planned->error : &planned->untold;

	json_put_text(object, "error", failed ? ncm_errc_name(planned->error.code) : NULL);
	json_put_text(object, "lookup_error",
		      planned->untold.code != NCM_OK ? ncm_errc_name(planned->untold.code) : NULL);
	json_put_text(object, "reason", why->message);
}

static json_t *planned_json(const struct ncm_plan_model *planned)
{
	const struct ncm_model *model = planned->model;
	json_t *object = json_object();

	json_put_text(object, "id", model->id);
	json_put_text(object, "name", model->name);
	json_put_number(object, "phase", model->phase);
	json_put_text(object, "priority", model->priority);
	json_put_text(object, "variant", model->chosen ? model->chosen->name : NULL);
	json_put_flag(object, "required_only", model->required_only);
	json_put_text(object, "license", model->license);
	json_put_flag(object, "gated", model->gated);
	json_put_source(object, "source", planned->source);
	json_put_text(object, "revision", planned->revision);
	json_put_number(object, "size", planned->size);
	put_doubt(object, "size", &planned->size_doubt);
	json_put_number(object, "to_get", planned->to_get);
	put_doubt(object, "to_get", &planned->to_get_doubt);
	put_failure(object, planned);
	json_put(object, "odd_names", odd_json(planned));
	json_put(object, "files", files_json(planned));
	return object;
}

json_t *plan_json(const struct ncm_plan *plan)
{
	json_t *object = json_object();
	json_t *models = json_array();

	for (size_t i = 0; i < plan->count; i++)
		json_push(models, planned_json(&plan->models[i]));
	json_put_flag(object, "changes", plan->changes);
	json_put_flag(object, "enough_space", plan->enough_space);
	json_put_text(object, "fits", plan->fits);
	json_put_number(object, "size", plan->size);
	put_doubt(object, "size", &plan->size_doubt);
	json_put_number(object, "to_get", plan->to_get);
	put_doubt(object, "to_get", &plan->to_get_doubt);
	json_put_number(object, "left_out", plan->left_out);
	json_put_number(object, "left_out_size", plan->left_out_size);
	put_doubt(object, "left_out_size", &plan->left_out_doubt);
	json_put_number(object, "files_to_get", plan->files_to_get);
	json_put(object, "models", models);
	json_put(object, "disks", plan_disks_json(plan->disks, plan->disk_count));
	return object;
}
