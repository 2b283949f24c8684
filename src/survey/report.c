/* SPDX-License-Identifier: MIT */
/* What is wrong with the surveyed models, as a verify would have found it in models.json: for a repair. */
#include <ncmodel/survey.h>

#include "base/mem.h"
#include "verify/report.h"

#include <string.h>

static bool is_bad(const struct ncm_survey_file *file)
{
	return file->state == NCM_SURVEY_DAMAGED || file->state == NCM_SURVEY_TRUNCATED ||
	       file->state == NCM_SURVEY_MISSING;
}

static enum ncm_verdict verdict_of(const struct ncm_survey_file *file)
{
	static const enum ncm_verdict verdicts[] = {
	    [NCM_SURVEY_DAMAGED] = NCM_VERDICT_DAMAGED,
	    [NCM_SURVEY_TRUNCATED] = NCM_VERDICT_SIZE,
	    [NCM_SURVEY_MISSING] = NCM_VERDICT_MISSING,
	};

	return is_bad(file) ? verdicts[file->state] : NCM_VERDICT_OK;
}

/*
 * As models.json would have recorded it when it was right. Of a file that git names by its sha1 the sha256 is not
 * known, and of one that no manifest describes the size: then they are zero.
 */
static void describe(struct ncm_verify_report *report, const struct ncm_survey_file *file, struct ncm_reg_file *out)
{
	/* Some of its spans are where checkpoints of the right digest have them: then all but some bytes is right. */
	const bool is_whole = !is_bad(file) || file->damaged_count > 0;

	out->abs = out->path = verify_report_text(report, file->real ? file->real : file->path);
	out->store = verify_report_text(report, file->store);
	out->role = verify_report_text(report, file->role);
	out->mtime_ns = file->mtime_ns;
	out->size = file->has_expected_size ? file->expected_size : is_whole ? file->size : 0;
	if (file->has_expected)
		out->sha256 = file->expected;
	else if (file->has_sha256 && !is_bad(file))
		out->sha256 = file->sha256;
}

static struct ncm_reg_model *copy_entry(struct ncm_verify_report *report, const struct ncm_survey *survey,
					const struct ncm_survey_model *model)
{
	struct ncm_reg_model *copy = verify_report_take(report, sizeof *copy);

	copy->id = verify_report_text(report, model->entry.id);
	copy->display_name = verify_report_text(report, model->entry.display_name);
	copy->kind = verify_report_text(report, model->entry.kind);
	copy->store = verify_report_text(report, model->entry.store);
	copy->source = verify_report_text(report, model->entry.source);
	copy->revision = verify_report_text(report, model->entry.revision);
	copy->file_path = verify_report_text(report, model->entry.file_path);
	copy->size = model->entry.size;
	copy->file_count = model->file_count;
	copy->files = verify_report_take(report, model->file_count * sizeof *copy->files);
	for (size_t i = 0; i < model->file_count; i++)
		describe(report, &survey->files[model->files[i]], &copy->files[i]);
	return copy;
}

static void add_file(struct ncm_verify_report *report, const struct ncm_reg_model *model, size_t index,
		     const struct ncm_survey_file *file)
{
	struct ncm_verify_file *out = NCM_PUSH(report->files, report->count);

	out->model = model;
	out->file = &model->files[index];
	out->verdict = verdict_of(file);
	out->size_found = file->state == NCM_SURVEY_MISSING ? 0 : file->size;
	if (file->has_sha256)
		out->sha256_found = file->sha256;
	out->detail = ncm_strdup_null(file->detail);
	for (size_t i = 0; i < file->damaged_count; i++)
		*NCM_PUSH(out->damaged, out->damaged_count) = file->damaged[i];
}

/* Something has to tell what the right bytes are, and where to get them. */
static bool can_be_mended(const struct ncm_survey_model *model, const struct ncm_survey_file *file)
{
	return model->entry.source && file->told_by;
}

/* Returns how many of the model's files are beyond help. */
static size_t add_model(struct ncm_verify_report *report, const struct ncm_survey *survey,
			const struct ncm_survey_model *model)
{
	const struct ncm_reg_model *copy = copy_entry(report, survey, model);
	bool is_ok = true;
	size_t lost = 0;

	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_survey_file *file = &survey->files[model->files[i]];

		is_ok = is_ok && !is_bad(file);
		if (is_bad(file) && !can_be_mended(model, file))
			lost++;
		else
			add_file(report, copy, i, file);
	}
	report->models++;
	report->models_ok += is_ok;
	return lost;
}

struct ncm_verify_report *ncm_survey_report(const struct ncm_survey *survey, size_t *hopeless)
{
	struct ncm_verify_report *report = ncm_calloc(1, sizeof *report);
	size_t lost = 0;

	for (size_t i = 0; i < survey->model_count; i++)
		lost += add_model(report, survey, &survey->models[i]);
	report->bytes = survey->hashed;
	report->seconds = survey->seconds;
	if (hopeless)
		*hopeless = lost;
	return report;
}
