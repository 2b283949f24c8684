/* SPDX-License-Identifier: MIT */
/* `ncmodel verify --store STORE... [PATH]`: with no manifest and no models.json. */
#include "verify_store.h"

#include "plan_view.h"
#include "ui/text.h"
#include "verify_view.h"

#include <string.h>

enum { LONGEST_PATH = 1024 };

static int check_arguments(const struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	const struct ncm_selector *selector = &settings->selector;

	if (settings->all || selector->phases || selector->priorities.count || selector->use_cases.count ||
	    selector->tags.count || selector->sources.count || selector->variant || selector->to) {
		ncm_error_set(err, NCM_E_USAGE,
			      "--store checks whatever lies in a store, the other selectors choose among what is "
			      "registered");
		return ncm_error_hint(err, "leave out one of them");
	}
	if (settings->operands.count > 1)
		return ncm_error_set(err, NCM_E_USAGE, "with --store at most one word follows: where that store lies");
	return 0;
}

/* The path counts for everything that follows, a repair too. */
static int take_path(struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	AUTO_FREE char *assignment = NULL;

	if (settings->operands.count == 0)
		return 0;
	assignment = text_format("%s=%s", settings->selector.stores.items[0], settings->operands.items[0]);
	return ncm_config_set_store(session->config, assignment, err);
}

static struct ncm_survey *survey_again(struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	const struct ncm_survey_options options = {
	    .stores = (const char *const *)settings->selector.stores.items,
	    .store_count = settings->selector.stores.count,
	    .path = settings->operands.count > 0 ? settings->operands.items[0] : NULL,
	    .depth = settings->quick ? NCM_SURVEY_HEADERS : NCM_SURVEY_CONTENT,
	};
	struct ncm_survey *survey;

	session_progress(session);
	survey = ncm_survey_make(session->config, &options, &session->sink, err);
	session_quieten(session);
	return survey;
}

/* The table says it on standard output; the document gets an error for each file. */
static int record_damage(struct session *session, const struct ncm_survey *survey)
{
	int exit_code = 0;

	for (size_t i = 0; i < survey->model_count; i++) {
		const struct ncm_survey_model *model = &survey->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_survey_file *file = &survey->files[model->files[k]];
			AUTO_FREE char *message = NULL;

			if (!survey_is_bad(file->state))
				continue;
			message = text_format("%s: %s is %s", model->entry.id, file->path,
					      ncm_survey_state_name(file->state));
			exit_code = report_silently(&session->report, NCM_E_DAMAGED, message, model->entry.id);
		}
	}
	return exit_code;
}

static bool is_reported(const struct ncm_verify_report *report, const char *model, const char *path)
{
	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->files[i].file->abs, path) == 0 && strcmp(report->files[i].model->id, model) == 0)
			return true;
	}
	return false;
}

/* What no repair can help, in so many words. Returns the exit code. */
static int tell_hopeless(struct session *session, const struct ncm_survey_model *model,
			 const struct ncm_survey_file *file)
{
	AUTO_FREE char *path = text_safe_long(file->path, LONGEST_PATH);
	const char *what = model->entry.source ? "what it should be" : "where it came from";
	AUTO_FREE char *message = text_format("%s: %s is %s, and nothing tells %s", model->entry.id, file->path,
					      ncm_survey_state_name(file->state), what);

	report_note(&session->report, "Cannot be repaired, because nothing tells %s: %s", what, path);
	return report_silently(&session->report, NCM_E_DAMAGED, message, model->entry.id);
}

static int tell_all_hopeless(struct session *session, const struct ncm_survey *survey,
			     const struct ncm_verify_report *report)
{
	int exit_code = 0;

	for (size_t i = 0; i < survey->model_count; i++) {
		const struct ncm_survey_model *model = &survey->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_survey_file *file = &survey->files[model->files[k]];

			if (survey_is_bad(file->state) &&
			    !is_reported(report, model->entry.id, file->real ? file->real : file->path))
				exit_code = tell_hopeless(session, model, file);
		}
	}
	return exit_code;
}

static struct ncm_verify_report *look_again(struct session *session, const struct ncm_strings *repaired,
					    struct ncm_error *err)
{
	struct ncm_survey *survey = survey_again(session, err);
	struct ncm_verify_report *report = survey ? ncm_survey_report(survey, NULL) : NULL;

	(void)repaired;
	ncm_survey_free(survey);
	return report;
}

static int repair(struct session *session, const struct ncm_survey *survey)
{
	struct ncm_verify_report *report = ncm_survey_report(survey, NULL);
	int exit_code = tell_all_hopeless(session, survey, report);

	if (verify_damaged_files(report) > 0)
		exit_code = plan_join_codes(exit_code, verify_repair(session, report, NULL, look_again));
	ncm_verify_free(report);
	return exit_code;
}

static bool is_all_well(const struct ncm_survey *survey)
{
	for (size_t i = 0; i < survey->model_count; i++) {
		if (survey_is_bad(survey->models[i].state))
			return false;
	}
	return true;
}

static int run(struct session *session, struct ncm_error *err)
{
	struct ncm_survey *survey = survey_again(session, err);
	const bool mend = survey && session->settings.repair && !is_all_well(survey);
	int exit_code = 0;

	if (!survey)
		return session_fail(session, err);
	session->report.data = survey_json(survey, session->settings.quick);
	if (!mend)
		exit_code = record_damage(session, survey);
	if (!session->report.json && !(session->settings.quiet && exit_code == 0))
		survey_print(session, survey, mend);
	if (mend)
		exit_code = repair(session, survey);
	ncm_survey_free(survey);
	return exit_code;
}

int verify_stores(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (check_arguments(session, &err) < 0 || session_config(session, &err) < 0 || take_path(session, &err) < 0)
		return session_fail(session, &err);
	return run(session, &err);
}
