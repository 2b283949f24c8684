/* SPDX-License-Identifier: MIT */
/* `ncmodel verify --store STORE... [PATH]`: with no manifest and no models.json. */
#include "verify.h"

#include "plan_view.h"
#include "ui/text.h"

#include <ncmodel/console.h>
#include <string.h>

static int check_arguments(const struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	const struct ncm_selector *selector = &settings->selector;

	if (settings->all || selector->phases || selector->priorities.count || selector->use_cases.count ||
	    selector->licenses.count || selector->tags.count || selector->sources.count || selector->variant) {
		ncm_error_set(err, NCM_E_USAGE,
			      "--store checks whatever lies in a store, the other selectors choose among what is "
			      "registered");
		return ncm_error_hint(err, "leave out one of them");
	}
	if (!verify_given.repair && settings->operands.count > (verify_store_path(settings) ? 1 : 0)) {
		ncm_error_set(err, NCM_E_USAGE,
			      "with --store one folder that is there may follow: where that store lies");
		return ncm_error_hint(err, "models are named with --repair alone: for what is to be replaced");
	}
	return 0;
}

/* The first word, if it is a folder or can be nothing else: ids may have slashes, but none in front. */
const char *verify_store_path(const struct settings *settings)
{
	const char *word = settings->operands.count > 0 ? settings->operands.items[0] : NULL;

	if (!word)
		return NULL;
	return ncm_path_is_absolute(word) || word[0] == '.' || ncm_console_kind_of(word) == NCM_CONSOLE_FOLDER ? word
													       : NULL;
}

/* The other words. Borrowed. */
static struct ncm_strings named_models(const struct settings *settings)
{
	const size_t first = verify_store_path(settings) ? 1 : 0;

	if (settings->operands.count == 0)
		return (struct ncm_strings){0};
	return (struct ncm_strings){.items = settings->operands.items + first,
				    .count = settings->operands.count - first};
}

static int check_named(const struct ncm_survey *survey, const struct ncm_strings *named, struct ncm_error *err)
{
	for (size_t i = 0; i < named->count; i++) {
		size_t k = 0;

		while (k < survey->model_count && strcmp(survey->models[k].entry.id, named->items[i]) != 0)
			k++;
		if (k < survey->model_count)
			continue;
		ncm_error_set(err, NCM_E_USAGE, "there is no model %s in what was looked through", named->items[i]);
		return ncm_error_hint(err, "the same command without --repair and model lists them by their ids");
	}
	return 0;
}

/* The path counts for everything that follows, a repair too. */
static int take_path(struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	AUTO_FREE char *assignment = NULL;

	if (!verify_store_path(settings))
		return 0;
	assignment = text_format("%s=%s", settings->selector.stores.items[0], verify_store_path(settings));
	return ncm_config_set_store(session->config, assignment, err);
}

static struct ncm_survey *survey_again(struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	const struct ncm_survey_options options = {
	    .stores = (const char *const *)settings->selector.stores.items,
	    .store_count = settings->selector.stores.count,
	    .path = verify_store_path(settings),
	    .depth = verify_given.quick ? NCM_SURVEY_HEADERS : NCM_SURVEY_CONTENT,
	};
	struct ncm_survey *survey;

	session_progress(session);
	survey = ncm_survey_make(session->config, &options, &session->sink, err);
	session_quieten(session);
	return survey;
}

/* Nobody knows what lies there: neither that all is well nor that anything is wrong. */
static int record_unread(struct session *session, const struct ncm_survey *survey)
{
	int exit_code = 0;

	for (size_t i = 0; i < survey->file_count; i++) {
		const struct ncm_unread unread = {survey->files[i].path, survey->files[i].detail};

		if (survey_is_unread(survey, i))
			exit_code = unread_record(&session->report, &unread, 1);
	}
	return exit_code;
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
	return plan_join_codes(exit_code, record_unread(session, survey));
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
	AUTO_FREE char *path = text_safe_path(file->path);
	const char *what = model->entry.source ? "what it should be" : "where it came from";
	AUTO_FREE char *message = text_format("%s: %s is %s, and nothing tells %s", model->entry.id, file->path,
					      ncm_survey_state_name(file->state), what);

	report_note(&session->report, "Cannot be repaired, because nothing tells %s: %s", what, path);
	return report_silently(&session->report, NCM_E_DAMAGED, message, model->entry.id);
}

/* What differs is mended when it is named alone. */
static bool is_to_mend(const struct ncm_survey_model *model, const struct ncm_survey_file *file,
		       const struct ncm_strings *named)
{
	if (named->count == 0)
		return survey_is_bad(file->state);
	return ncm_strings_contain(named, model->entry.id) &&
	       (survey_is_bad(file->state) || file->state == NCM_SURVEY_DIFFERS);
}

static int tell_all_hopeless(struct session *session, const struct ncm_survey *survey, const struct ncm_strings *named,
			     const struct ncm_verify_report *report)
{
	int exit_code = 0;

	for (size_t i = 0; i < survey->model_count; i++) {
		const struct ncm_survey_model *model = &survey->models[i];

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_survey_file *file = &survey->files[model->files[k]];

			if (is_to_mend(model, file, named) &&
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
	const struct ncm_strings named = named_models(&session->settings);
	struct ncm_verify_report *report = survey ? ncm_survey_report(survey, &named, NULL) : NULL;

	(void)repaired;
	ncm_survey_free(survey);
	return report;
}

static bool has_sound_files(const struct ncm_survey *survey, const struct ncm_strings *named)
{
	for (size_t i = 0; i < survey->model_count; i++) {
		const struct ncm_survey_model *model = &survey->models[i];

		for (size_t k = 0; k < model->file_count && ncm_strings_contain(named, model->entry.id); k++) {
			if (survey->files[model->files[k]].state == NCM_SURVEY_DIFFERS)
				return true;
		}
	}
	return false;
}

static int repair(struct session *session, const struct ncm_survey *survey)
{
	const struct ncm_strings named = named_models(&session->settings);
	struct ncm_verify_report *report = ncm_survey_report(survey, &named, NULL);
	int exit_code =
	    plan_join_codes(tell_all_hopeless(session, survey, &named, report), record_unread(session, survey));

	if (verify_damaged_files(report) > 0)
		exit_code = plan_join_codes(
		    exit_code, verify_repair(session, report, NULL, has_sound_files(survey, &named), look_again));
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
	const struct ncm_strings named = named_models(&session->settings);
	const bool mend = survey && verify_given.repair && (named.count > 0 || !is_all_well(survey));
	int exit_code = 0;

	if (!survey || check_named(survey, &named, err) < 0) {
		ncm_survey_free(survey);
		return session_fail(session, err);
	}
	session->report.data = survey_json(survey, verify_given.quick);
	if (!mend)
		exit_code = record_damage(session, survey);
	if (!session->report.json && !(session->settings.quiet && exit_code == 0))
		survey_print(session, survey, verify_store_path(&session->settings), mend);
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
