/* SPDX-License-Identifier: MIT */
/* What came of a run: the result for its caller, and for the log what a repair mended. */
#include "carry/carry.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <ncmodel/log.h>

/* What one content brought for a model. */
static void add_content(const struct carry *carry, const struct task *task, size_t model, struct ncm_result_model *out)
{
	const struct content *content = task->item->content;

	out->size += content->size;
	if (carry->run->wanted[content->places[0].wanted].model == model)
		out->fetched += task->received;
	out->first_use = out->first_use || (content->first_use && task->state == TASK_PLACED && task->received > 0);
}

/*
 * Of a model's weights, which are its largest file. If they were here, what else came for it: not what came for another
 * model and is shared, as a licence.
 */
static const char *served_by(const struct carry *carry, size_t model)
{
	const struct contents *contents = &carry->planned->contents;
	const struct task *weights = NULL, *came = NULL;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct task *task = &carry->tasks[contents->of_models[i]];
		const struct content *content = task->item->content;
		const bool own = carry->run->wanted[content->places[0].wanted].model == model;

		if (!weights || content->size > weights->item->content->size)
			weights = task;
		if (own && task->served_by && (!came || content->size > came->item->content->size))
			came = task;
	}
	if (weights && weights->served_by)
		return weights->served_by;
	return came ? came->served_by : NULL;
}

static void summarize(const struct carry *carry, size_t index, struct ncm_result *result)
{
	const struct contents *contents = &carry->planned->contents;
	const struct chosen_model *model = &carry->run->models[index];
	const struct outcome *outcome = &carry->outcomes[index];
	struct ncm_result_model *out = &result->models[index];

	out->model = model->model;
	for (size_t i = contents->first[index]; i < contents->first[index + 1]; i++)
		add_content(carry, &carry->tasks[contents->of_models[i]], index, out);
	out->served_by = ncm_strdup_null(served_by(carry, index));
	result->fetched += out->fetched;
	if (model->error.code != NCM_OK) {
		out->outcome = NCM_OUTCOME_FAILED;
		model_error_copy(&out->error, model);
	} else if (!outcome->registered) {
		out->outcome = NCM_OUTCOME_FAILED;
		ncm_error_set(&out->error, NCM_E_INTERRUPTED, "%s: interrupted; what was fetched is kept",
			      model->model->id);
	} else {
		out->outcome = outcome->changed ? NCM_OUTCOME_PULLED : NCM_OUTCOME_PRESENT;
	}
	result->failed += out->outcome == NCM_OUTCOME_FAILED;
	result->pulled += out->outcome == NCM_OUTCOME_PULLED;
	result->present += out->outcome == NCM_OUTCOME_PRESENT;
}

struct ncm_result *carry_result(const struct carry *carry, double started)
{
	struct ncm_result *result = ncm_calloc(1, sizeof *result);
	bool enough;

	result->count = carry->run->model_count;
	result->models = ncm_calloc(result->count + 1, sizeof *result->models);
	for (size_t i = 0; i < result->count; i++)
		summarize(carry, i, result);
	result->seconds = ncm_monotonic() - started;
	result->unreachable = ncm_http_unreachable(carry->run->http);
	space_measure(carry->planned, &result->disks, &result->disk_count, &enough);
	return result;
}

void ncm_result_free(struct ncm_result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->count; i++) {
		ncm_error_clear(&result->models[i].error);
		free(result->models[i].served_by);
	}
	free(result->models);
	free(result->unreachable);
	plan_disks_free(result->disks, result->disk_count);
	free(result);
}

enum ncm_errc ncm_result_class(const struct ncm_result *result)
{
	enum ncm_errc class = NCM_OK;

	for (size_t i = 0; i < result->count; i++) {
		enum ncm_errc code = result->models[i].error.code;

		if (code == NCM_OK)
			continue;
		if (class != NCM_OK && ncm_errc_exit(class) != ncm_errc_exit(code))
			return NCM_E_OTHER;
		class = code;
	}
	return class;
}

/* Not what was right before: it came to its place in this run, or ranges of it did. */
static bool was_mended(const struct task *task, size_t place)
{
	return task->origins[place] != NCM_ORIGIN_UNKNOWN || task->item->mend.count > 0;
}

static struct ncm_deed_file deed_file(const struct carry *carry, const struct task *task, size_t number)
{
	const struct content *content = task->item->content;
	const struct place *place = &content->places[number];
	const bool is_file = content->kind != CONTENT_ARCHIVE;

	return (struct ncm_deed_file){.path = place->path,
				      .store = place->store->id,
				      .how = (char *)ncm_origin_name(task->origins[number]),
				      .source = carry->run->wanted[place->wanted].resolution->uri,
				      .size = is_file ? task->item->steps[number].status.size : content->size,
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
				*NCM_PUSH(files, deed.file_count) = deed_file(carry, task, k);
		}
	}
	deed.files = files;
	if (deed.file_count > 0)
		ncm_emit_deed(&carry->run->sink, &deed);
	free(files);
}
