/* SPDX-License-Identifier: MIT */
/* What is wrong with the surveyed models, as a verify would have found it in models.json: for a repair. */
#include <ncmodel/survey.h>

#include "base/mem.h"
#include "verify/report.h"

#include <string.h>

/* `named`: somebody asked for what is told instead. */
static bool is_bad(const struct ncm_survey_file *file, bool named)
{
	return (named && file->state == NCM_SURVEY_DIFFERS) || file->state == NCM_SURVEY_DAMAGED ||
	       file->state == NCM_SURVEY_TRUNCATED || file->state == NCM_SURVEY_MISSING;
}

static enum ncm_verdict verdict_of(const struct ncm_survey_file *file, bool named)
{
	static const enum ncm_verdict verdicts[] = {
	    [NCM_SURVEY_DAMAGED] = NCM_VERDICT_DAMAGED,
	    [NCM_SURVEY_TRUNCATED] = NCM_VERDICT_SIZE,
	    [NCM_SURVEY_MISSING] = NCM_VERDICT_MISSING,
	    [NCM_SURVEY_DIFFERS] = NCM_VERDICT_DAMAGED,
	};

	return is_bad(file, named) ? verdicts[file->state] : NCM_VERDICT_OK;
}

/*
 * As models.json would have recorded it when it was right. Of a file that git names by its sha1 the sha256 is not
 * known, and of one that no manifest describes the size: then they are zero.
 */
static void describe(struct ncm_verify_report *report, const struct ncm_survey_file *file, bool named,
		     struct ncm_reg_file *out)
{
	/* Some of its spans are where checkpoints of the right digest have them: then all but some bytes is right. */
	const bool is_whole = !is_bad(file, named) || file->damaged_count > 0;

	out->abs = out->path = verify_report_text(report, file->real ? file->real : file->path);
	out->store = verify_report_text(report, file->store);
	out->role = verify_report_text(report, file->role);
	out->mtime_ns = file->mtime_ns;
	out->size = file->has_expected_size ? file->expected_size : is_whole ? file->size : 0;
	if (file->has_expected)
		out->sha256 = file->expected;
	else if (file->has_sha256 && !is_bad(file, named))
		out->sha256 = file->sha256;
}

static struct ncm_reg_model *copy_entry(struct ncm_verify_report *report, const struct ncm_survey *survey,
					const struct ncm_survey_model *model, bool named)
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
		describe(report, &survey->files[model->files[i]], named, &copy->files[i]);
	return copy;
}

static void add_file(struct ncm_verify_report *report, const struct ncm_reg_model *model, size_t index,
		     const struct ncm_survey_file *file, bool named)
{
	struct ncm_verify_file *out = NCM_PUSH(report->files, report->count);

	out->model = model;
	out->file = &model->files[index];
	out->verdict = verdict_of(file, named);
	out->size_found = file->state == NCM_SURVEY_MISSING ? 0 : file->size;
	if (file->has_sha256)
		out->sha256_found = file->sha256;
	out->detail = ncm_strdup_null(file->detail);
	for (size_t i = 0; i < file->damaged_count; i++)
		*NCM_PUSH(out->damaged, out->damaged_count) = file->damaged[i];
}

/* Something has to tell what the right bytes are, and where to get them; what is truncated at its source stays so, and
 * what Ollama converted here has no source. */
static bool can_be_mended(const struct ncm_survey_model *model, const struct ncm_survey_file *file, bool named)
{
	const bool is_right =
	    file->has_sha256 && file->has_expected && ncm_sha256_equal(&file->sha256, &file->expected);

	return model->entry.source && file->told_by && !file->is_beside && !is_right && (named || !file->claim_is_open);
}

/* Returns how many of the model's files are beyond help. */
static size_t add_model(struct ncm_verify_report *report, const struct ncm_survey *survey,
			const struct ncm_survey_model *model, bool named)
{
	const struct ncm_reg_model *copy = copy_entry(report, survey, model, named);
	bool is_ok = true;
	size_t lost = 0;

	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_survey_file *file = &survey->files[model->files[i]];

		is_ok = is_ok && !is_bad(file, named);
		if (is_bad(file, named) && !can_be_mended(model, file, named))
			lost++;
		else
			add_file(report, copy, i, file, named);
	}
	report->models++;
	report->models_ok += is_ok;
	return lost;
}

struct ncm_verify_report *ncm_survey_report(const struct ncm_survey *survey, const struct ncm_strings *named,
					    size_t *hopeless)
{
	const bool some = named && named->count > 0;
	struct ncm_verify_report *report = ncm_calloc(1, sizeof *report);
	size_t lost = 0;

	for (size_t i = 0; i < survey->model_count; i++)
		if (!some || ncm_strings_contain(named, survey->models[i].entry.id))
			lost += add_model(report, survey, &survey->models[i], some);
	report->bytes = survey->hashed;
	report->seconds = survey->seconds;
	if (hopeless)
		*hopeless = lost;
	return report;
}
