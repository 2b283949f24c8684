/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "verify.h"

#include "plan_view.h"
#include "ui/ask.h"
#include "ui/progress.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

enum { LONGEST_URI = 512 };

/* One repair under way. */
struct repair {
	struct session *session;
	const struct ncm_verify_report *found;
	struct ncm_plan *plan;
	struct ncm_result *result; /* NULL: nothing was done */
	verify_again *again;
	struct ncm_verify_report *after; /* of the models that were repaired at least; or NULL */
};

/* What a file has become: by the second verify, else by the first. */
static enum ncm_verdict verdict_now(const struct repair *repair, const struct ncm_verify_file *file)
{
	for (size_t i = 0; repair->after && i < repair->after->count; i++) {
		const struct ncm_verify_file *now = &repair->after->files[i];

		if (strcmp(now->model->id, file->model->id) == 0 && strcmp(now->file->abs, file->file->abs) == 0)
			return now->verdict;
	}
	return file->verdict;
}

static const struct ncm_plan_file *planned_file(const struct repair *repair, const struct ncm_verify_file *file)
{
	for (size_t i = 0; i < repair->plan->count; i++) {
		const struct ncm_plan_model *model = &repair->plan->models[i];

		for (size_t k = 0; strcmp(model->model->id, file->model->id) == 0 && k < model->file_count; k++) {
			if (strcmp(model->files[k].path, file->file->abs) == 0)
				return &model->files[k];
		}
	}
	return NULL;
}

static json_t *files_json(const struct repair *repair)
{
	json_t *files = json_array();

	for (size_t i = 0; i < repair->found->count; i++) {
		const struct ncm_verify_file *file = &repair->found->files[i];
		const struct ncm_plan_file *planned = planned_file(repair, file);
		json_t *object;

		if (file->verdict == NCM_VERDICT_OK)
			continue;
		object = json_object();
		json_put_text(object, "model", file->model->id);
		json_put_text(object, "path", file->file->abs);
		json_put_source(object, "source", planned ? planned->source : NULL);
		json_put_number(object, "to_get", planned ? planned->to_get : 0);
		json_put_text(object, "verdict", ncm_verdict_name(verdict_now(repair, file)));
		json_push(files, object);
	}
	return files;
}

static bool was_repaired(const struct ncm_result_model *model)
{
	return model->outcome != NCM_OUTCOME_FAILED;
}

static json_t *models_json(const struct ncm_result *result)
{
	json_t *models = json_array();

	for (size_t i = 0; result && i < result->count; i++) {
		const struct ncm_result_model *model = &result->models[i];
		json_t *object = json_object();

		json_put_text(object, "id", model->model->id);
		json_put_text(object, "outcome", was_repaired(model) ? "repaired" : "failed");
		json_put_number(object, "fetched", model->fetched);
		json_put_source(object, "served_by", model->served_by);
		json_push(models, object);
	}
	return models;
}

static size_t damaged_models(const struct ncm_verify_report *report)
{
	return report->models - report->models_ok;
}

/* The table says it on standard output; the document gets an error for each file. */
int verify_record_damage(struct session *session, const struct ncm_verify_report *report)
{
	int exit_code = 0;

	for (size_t i = 0; i < report->count; i++) {
		const struct ncm_verify_file *file = &report->files[i];
		AUTO_FREE char *message = NULL;

		if (file->verdict == NCM_VERDICT_OK)
			continue;
		message =
		    text_format("%s: %s is %s", file->model->id, file->file->abs, ncm_verdict_name(file->verdict));
		exit_code = report_silently(&session->report, NCM_E_DAMAGED, message, file->model->id);
	}
	return exit_code;
}

size_t verify_damaged_files(const struct ncm_verify_report *report)
{
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++)
		count += report->files[i].verdict != NCM_VERDICT_OK;
	return count;
}

/* Models with damage of which all is right now. A report tells a model's files together. */
static size_t mended_models(const struct repair *repair)
{
	const struct ncm_verify_report *found = repair->found;
	size_t mended = 0;

	for (size_t i = 0; i < found->count;) {
		const struct ncm_reg_model *model = found->files[i].model;
		bool was_bad = false, is_bad = false;

		for (; i < found->count && found->files[i].model == model; i++) {
			was_bad = was_bad || found->files[i].verdict != NCM_VERDICT_OK;
			is_bad = is_bad || verdict_now(repair, &found->files[i]) != NCM_VERDICT_OK;
		}
		mended += was_bad && !is_bad;
	}
	return mended;
}

static json_t *repair_json(const struct repair *repair)
{
	json_t *object = json_object();

	json_put_flag(object, "dry_run", repair->session->settings.dry_run);
	json_put_number(object, "to_get", repair->plan->to_get);
	json_put_number(object, "fetched", repair->result ? repair->result->fetched : 0);
	json_put_number(object, "models_ok", repair->found->models_ok + mended_models(repair));
	json_put(object, "models", models_json(repair->result));
	json_put(object, "files", files_json(repair));
	return object;
}

/* "  12.0 MiB of 4.1 GB  /models/x.gguf" */
static void print_plan(const struct repair *repair, FILE *out)
{
	char get[32], size[32];

	fprintf(out, "To repair: %s from the network.\n", ncm_format_size(repair->plan->to_get, get, sizeof get));
	for (size_t i = 0; i < repair->found->count; i++) {
		const struct ncm_verify_file *file = &repair->found->files[i];
		const struct ncm_plan_file *planned = planned_file(repair, file);
		AUTO_FREE char *path = text_safe_path(file->file->abs);
		AUTO_FREE char *told = ncm_source_told(planned ? planned->source : NULL, NULL);
		AUTO_FREE char *source = text_safe_long(told, LONGEST_URI);

		if (!planned || file->verdict == NCM_VERDICT_OK)
			continue;
		if (planned->to_get > 0)
			fprintf(out, "    %s of %s from %s  %s\n", ncm_format_size(planned->to_get, get, sizeof get),
				ncm_format_size(planned->size, size, sizeof size), source, path);
		else
			fprintf(out, "    from what is on this machine  %s\n", path);
	}
}

static int run_plan(struct repair *repair, struct ncm_error *err)
{
	struct session *session = repair->session;
	int failed;

	session_progress(session);
	if (repair->plan->files_to_get > 0)
		progress_expect(session->progress, repair->plan);
	failed = ncm_plan_run(repair->plan, &session->sink, &repair->result, err);
	session_quieten(session);
	return failed;
}

static int look_again(struct repair *repair, struct ncm_error *err)
{
	struct ncm_strings ids = {0};

	for (size_t i = 0; i < repair->result->count; i++) {
		if (was_repaired(&repair->result->models[i]))
			words_add(&ids, repair->result->models[i].model->id);
	}
	if (ids.count == 0)
		return 0;
	repair->after = repair->again(repair->session, &ids, err);
	ncm_strings_free(&ids);
	return repair->after ? 0 : -1;
}

static int report_failures(const struct repair *repair)
{
	int exit_code = 0;

	for (size_t i = 0; i < repair->result->count; i++) {
		const struct ncm_result_model *model = &repair->result->models[i];

		if (!was_repaired(model) && model->error.code != NCM_E_INTERRUPTED)
			exit_code = plan_join_codes(
			    exit_code, report_error(&repair->session->report, &model->error, model->model->id));
	}
	return exit_code;
}

static void print_result(const struct repair *repair)
{
	const size_t damaged = damaged_models(repair->found);
	const size_t ok = mended_models(repair);
	char size[32];

	for (size_t i = 0; repair->after && i < repair->after->count; i++) {
		const struct ncm_verify_file *file = &repair->after->files[i];
		AUTO_FREE char *path = text_safe_path(file->file->abs);

		if (file->verdict != NCM_VERDICT_OK)
			printf("    still %s  %s\n", ncm_verdict_name(file->verdict), path);
	}
	printf("Repaired %zu of %zu %s, %s fetched.\n", ok, damaged, text_plural(damaged, "model", "models"),
	       ncm_format_size(repair->result->fetched, size, sizeof size));
}

static int interrupted(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_INTERRUPTED, "Interrupted. What was fetched is kept; run the same command to go on.");
	return session_fail(session, &err);
}

static int carry_out(struct repair *repair)
{
	struct session *session = repair->session;
	struct ncm_error err = NCM_ERROR_INIT;
	int exit_code = 0;

	if (run_plan(repair, &err) < 0 && err.code != NCM_E_INTERRUPTED)
		exit_code = session_fail(session, &err);
	ncm_error_clear(&err);
	if (!repair->result)
		return exit_code ? exit_code : interrupted(session);
	exit_code = exit_code ? exit_code : report_failures(repair);
	if (ncm_interrupted())
		return interrupted(session);
	if (look_again(repair, &err) < 0)
		return err.code == NCM_E_INTERRUPTED ? (ncm_error_clear(&err), interrupted(session))
						     : session_fail(session, &err);
	if (session_prints(session))
		print_result(repair);
	if (repair->after)
		exit_code = plan_join_codes(exit_code, verify_record_damage(session, repair->after));
	return exit_code;
}

/* A file that is there and goes as it is. Of a file of ours the damaged parts were proved wrong; with `sound` they were
 * not. */
static bool is_replaced(const struct repair *repair, bool sound, const struct ncm_verify_file *file)
{
	return file->verdict != NCM_VERDICT_OK && file->verdict != NCM_VERDICT_MISSING &&
	       (sound || file->damaged_count == 0) && planned_file(repair, file);
}

static size_t count_replaced(const struct repair *repair, bool sound)
{
	size_t count = 0;

	for (size_t i = 0; i < repair->found->count; i++)
		count += is_replaced(repair, sound, &repair->found->files[i]);
	return count;
}

static void list_replaced(const struct repair *repair, bool sound)
{
	fprintf(stderr, "Replaced:\n");
	for (size_t i = 0; i < repair->found->count; i++) {
		AUTO_FREE char *path = text_safe_path(repair->found->files[i].file->abs);

		if (is_replaced(repair, sound, &repair->found->files[i]))
			fprintf(stderr, "    %s\n", path);
	}
}

static int nobody_to_ask(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_USAGE,
		      "verify asks before it replaces a file that is not known to be damaged, and there "
		      "is nobody to ask");
	ncm_error_hint(&err, "-y replaces it without asking, --dry-run says what would be fetched");
	return session_fail(session, &err);
}

/* Whether to go on; if not, *exit_code is the command's. `sound`: see verify_repair. */
static bool confirm(const struct repair *repair, bool sound, int *exit_code)
{
	struct session *session = repair->session;
	const size_t count = count_replaced(repair, sound);
	AUTO_FREE char *question = text_format("Replace %zu %s?", count, text_plural(count, "file", "files"));
	enum answer answer;

	if (session->settings.yes || count == 0)
		return true;
	if (!session_can_ask(session)) {
		*exit_code = sound ? nobody_to_ask(session) : 0;
		return !sound;
	}
	list_replaced(repair, sound);
	answer = ask(question, ANSWER_NO);
	if (answer == ANSWER_YES)
		return true;
	report_note(&session->report, "Nothing was replaced.");
	*exit_code = answer == ANSWER_INTERRUPTED ? interrupted(session)
		     : sound                      ? 0
						  : verify_record_damage(session, repair->found);
	return false;
}

/* Nothing is mended: the damage stays, and the reasons are told. */
static int dry_run(struct repair *repair)
{
	if (session_prints(repair->session))
		print_plan(repair, stdout);
	(void)plan_report(repair->session, repair->plan);
	return verify_record_damage(repair->session, repair->found);
}

int verify_repair(struct session *session, const struct ncm_verify_report *report, struct ncm_catalog *catalog,
		  bool sound, verify_again *again)
{
	struct repair repair = {.session = session, .found = report, .again = again};
	struct ncm_error err = NCM_ERROR_INIT;
	int exit_code;

	session_progress(session);
	repair.plan =
	    ncm_plan_repair(session->config, catalog, report, &session->settings.provision, &session->sink, &err);
	session_quieten(session);
	if (!repair.plan) {
		if (err.code != NCM_E_INTERRUPTED)
			return session_fail(session, &err);
		ncm_error_clear(&err);
		return interrupted(session);
	}
	if (session->settings.dry_run) {
		exit_code = dry_run(&repair);
	} else {
		if (!session->settings.quiet && !session->report.events && !session->report.json)
			print_plan(&repair, stderr);
		if (confirm(&repair, sound, &exit_code))
			exit_code = carry_out(&repair);
	}
	json_put(session->report.data, "repair", repair_json(&repair));
	ncm_verify_free(repair.after);
	ncm_result_free(repair.result);
	ncm_plan_free(repair.plan);
	return exit_code;
}
