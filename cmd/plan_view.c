/* SPDX-License-Identifier: MIT */
#include "plan_view.h"

#include "cut_off.h"
#include "model_name.h"
#include "ui/progress.h"
#include "ui/table.h"
#include "ui/text.h"
#include "workflow_view.h"

#include <ncmodel/text.h>

#include <string.h>

static int check_together(const struct ncm_provision_options *options, struct ncm_error *err)
{
	if (!options->update || (!options->locked && !options->offline))
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "--update and %s contradict each other",
		      options->locked ? "--locked" : "--offline");
	return ncm_error_hint(err, "leave out one of them");
}

struct ncm_plan *plan_make(struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	struct ncm_model **chosen = NULL;
	struct ncm_plan *plan;
	size_t count = 0;

	if (check_together(&settings->provision, err) < 0 || session_selector(session, err) < 0 ||
	    (settings->workflow && workflow_widen(session, err) < 0) || session_catalog(session, err) < 0 ||
	    (settings->workflow ? workflow_choose(session, &chosen, &count, err)
				: ncm_select(session->catalog, &settings->selector, &chosen, &count, err)) < 0)
		return NULL;
	session_progress(session);
	plan = ncm_plan_make(session->config, chosen, count, &settings->provision, &session->sink, err);
	session_quieten(session);
	free(chosen);
	return plan;
}

static enum style style_of(const char *mark)
{
	return *mark == '+' ? STYLE_GOOD : *mark == '~' ? STYLE_WARN : *mark == '!' ? STYLE_BAD : STYLE_NONE;
}

/* "llama-cpp, comfyui/loras": as the manifest says it, else where the files go. The caller frees it. */
static char *where(const struct ncm_plan_model *planned)
{
	const struct ncm_model *model = planned->model;
	const struct ncm_file_spec *specs = model->chosen ? model->chosen->files : model->files;
	const size_t count = model->chosen ? model->chosen->file_count : model->file_count;
	struct ncm_strings places = {0};
	char *joined;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < specs[i].to_count; k++) {
			const struct ncm_target *to = &specs[i].to[k];
			AUTO_FREE char *place =
			    text_format("%s%s%s", to->store, to->folder ? "/" : "", to->folder ? to->folder : "");

			words_add_new(&places, place);
		}
	}
	for (size_t i = 0; places.count == 0 && i < planned->file_count; i++) {
		if (planned->files[i].store)
			words_add(&places, planned->files[i].store);
	}
	joined = words_join(&places, ", ");
	ncm_strings_free(&places);
	return joined;
}

static void add_required_by(const struct ncm_plan *plan, const struct ncm_model *model, struct ncm_strings *notes)
{
	for (size_t i = 0; model->required_only && i < plan->count; i++) {
		if (ncm_strings_contain(&plan->models[i].model->requires_ids, model->id)) {
			AUTO_FREE char *note = text_format("required by %s", plan->models[i].model->id);

			words_add(notes, note);
			return;
		}
	}
}

static bool first_use(const struct ncm_plan_model *planned)
{
	for (size_t i = 0; i < planned->file_count; i++) {
		if (planned->files[i].first_use && planned->files[i].step != NCM_STEP_KEEP)
			return true;
	}
	return false;
}

static bool is_unconfirmed(const struct ncm_plan_model *planned)
{
	for (size_t i = 0; i < planned->file_count; i++) {
		if (planned->files[i].unconfirmed)
			return true;
	}
	return false;
}

static bool sets_aside(const struct ncm_plan_model *planned)
{
	for (size_t i = 0; i < planned->file_count; i++) {
		if (planned->files[i].sets_aside)
			return true;
	}
	return false;
}

/* Where the bytes are that need not be fetched. */
static void add_from(const struct ncm_plan_model *planned, struct ncm_strings *notes)
{
	for (size_t i = 0; i < planned->file_count; i++) {
		const struct ncm_plan_file *file = &planned->files[i];
		AUTO_FREE char *note = NULL;

		if (file->step != NCM_STEP_LINK && file->step != NCM_STEP_COPY)
			continue;
		if (file->from)
			note = text_format("%s from %s", file->step == NCM_STEP_LINK ? "linked" : "copied", file->from);
		else if (file->step == NCM_STEP_COPY)
			note = text_copy("copied to another file system");
		else
			continue;
		words_add(notes, note);
		return;
	}
}

/* Of small layers that are here already, as a licence that others have too, nothing is said. */
static bool is_fetched_in_part(const struct ncm_plan_model *planned)
{
	return planned->to_get > 0 && planned->to_get < planned->size - planned->size / 100;
}

static void add_spared(const struct ncm_plan_model *planned, unsigned steps, bool in_part, struct ncm_strings *notes)
{
	if (steps & 1u << NCM_STEP_ADOPT)
		words_add(notes, in_part ? "a part is there already, will be registered"
					 : "there already, will be registered");
	add_from(planned, notes);
}

/* The caller frees it. */
static char *notes_of(const struct ncm_plan *plan, const struct ncm_plan_model *planned)
{
	const struct ncm_model *model = planned->model;
	const unsigned steps = plan_steps(planned);
	const bool in_part = is_fetched_in_part(planned);
	struct ncm_strings notes = {0};
	char left[32];
	char *joined;

	if (planned->error.code != NCM_OK) {
		AUTO_FREE char *note = text_format("cannot be planned: %s", ncm_errc_name(planned->error.code));

		words_add(&notes, note);
	}
	if (model->chosen) {
		AUTO_FREE char *note = text_format("variant %s", model->chosen->name);

		words_add(&notes, note);
	}
	if (planned->untold.code != NCM_OK) {
		AUTO_FREE char *note = ncm_errc_retryable(planned->untold.code)
					   ? text_format("look-up failed: %s", ncm_errc_name(planned->untold.code))
					   : text_copy("size not told by its source");

		words_add(&notes, note);
	}
	if (in_part) {
		AUTO_FREE char *note = text_format("%s to fetch", ncm_format_size(planned->to_get, left, sizeof left));

		words_add(&notes, note);
	}
	if (steps & 1u << NCM_STEP_REPLACE)
		words_add(&notes, "replaces what is damaged or outdated");
	if (in_part || planned->to_get == 0)
		add_spared(planned, steps, in_part, &notes);
	if (sets_aside(planned))
		words_add(&notes, "keeps aside what is there now");
	if (is_unconfirmed(planned))
		words_add(&notes, "as trusted on first use, source not asked");
	if (model->gated)
		words_add(&notes, "gated");
	if (first_use(planned))
		words_add(&notes, "trusted on first use");
	add_required_by(plan, model, &notes);
	joined = words_join(&notes, ", ");
	ncm_strings_free(&notes);
	return joined;
}

static char *scheme_of(const char *source)
{
	const char *colon = source ? strchr(source, ':') : NULL;
	AUTO_FREE char *scheme = colon ? text_format("%.*s", (int)(colon - source), source) : text_copy("");

	return text_safe(scheme);
}

static void print_files(const struct ncm_plan_model *planned, struct table *table)
{
	for (size_t i = 0; i < planned->file_count; i++) {
		const struct ncm_plan_file *file = &planned->files[i];
		AUTO_FREE char *path = text_safe_path(file->path ? file->path : file->name);
		char size[32];

		AUTO_FREE char *from = text_safe_path(file->from);

		table_line(table,
			   text_format("       %s %s  %s%s%s%s%s%s", plan_steps_mark(1u << file->step), path,
				       file->size_expected ? "~" : "",
				       file->size_unknown ? "?"
				       : file->size       ? ncm_format_size(file->size, size, sizeof size)
							  : "",
				       *from ? "  from " : "", from,
				       file->sets_aside ? "  (what is there is kept aside)" : "",
				       file->unconfirmed ? "  (source not asked)" : ""),
			   STYLE_DIM);
	}
}

/* As far as anybody tells it. The caller frees it. */
static char *model_size(const struct ncm_plan_model *planned)
{
	char size[32];

	if (planned->size == 0)
		return text_copy("?");
	return text_format("%s%s%s", planned->size_doubt.expected > 0 ? "~" : "",
			   ncm_format_size(planned->size, size, sizeof size),
			   planned->size_doubt.unknown > 0 ? " + ?" : "");
}

static void add_model(const struct session *session, const struct ncm_plan *plan, const struct ncm_plan_model *planned,
		      struct table *table)
{
	const char *mark = planned->error.code != NCM_OK ? "!" : plan_mark(planned);

	table_styled(table, text_copy(mark), style_of(mark));
	table_foreign(table, model_name(planned->model));
	table_cell(table, model_size(planned));
	table_cell(table, scheme_of(planned->source));
	table_cell(table, where(planned));
	table_foreign(table, planned->model->license);
	table_cell(table, notes_of(plan, planned));
	if (session->settings.verbose)
		print_files(planned, table);
}

static void print_models(const struct session *session, const struct ncm_plan *plan, FILE *out)
{
	struct table *table = table_new(2);

	table_column(table, "", 0);
	table_column(table, "", COLUMN_WHOLE);
	table_column(table, "", COLUMN_RIGHT);
	table_column(table, "", COLUMN_DROP);
	table_column(table, "", COLUMN_DROP);
	table_column(table, "", COLUMN_DROP);
	table_column(table, "", COLUMN_BELOW);
	for (size_t i = 0; i < plan->count; i++) {
		const unsigned phase = plan->models[i].model->phase;
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen = seen || plan->models[k].model->phase == phase;
		if (seen)
			continue;
		table_line(table, plan_phase_title(plan, phase), STYLE_BOLD);
		for (size_t k = i; k < plan->count; k++) {
			if (plan->models[k].model->phase == phase)
				add_model(session, plan, &plan->models[k], table);
		}
	}
	table_print(table, out);
	table_free(table);
}

char *plan_in_place(size_t models, uint64_t size)
{
	char text[32];

	ncm_format_size(size, text, sizeof text);
	if (models == 1)
		return text_format("The model is in place (%s).", text);
	return text_format("All %zu models are in place (%s).", models, text);
}

void plan_print_unconfirmed(const struct ncm_plan *plan, FILE *out)
{
	const struct ncm_plan_model *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++) {
		if (!is_unconfirmed(&plan->models[i]))
			continue;
		first = first ? first : &plan->models[i];
		count++;
	}
	if (count == 1) {
		AUTO_FREE char *id = text_safe(first->model->id);

		fprintf(out,
			"%s is as it was trusted on first use; whether its source still serves that was not asked "
			"(--update fetches it again).\n",
			id);
	} else if (count > 1) {
		fprintf(out,
			"%zu models are as they were trusted on first use; whether their sources still serve that was "
			"not asked (--update fetches them again).\n",
			count);
	}
}

void plan_print(const struct session *session, const struct ncm_plan *plan, FILE *out)
{
	if (plan->changes || plan->left_out > 0 || session->settings.verbose) {
		print_models(session, plan, out);
		plan_print_disks(plan->disks, plan->disk_count, out);
		plan_print_times(session, plan, out);
	}
	workflow_print(session, out);
	if (session->workflow && plan->count == 0)
		return;
	if (plan->changes || plan->left_out > 0) {
		plan_print_total(plan, out);
	} else {
		AUTO_FREE char *line = plan_in_place(plan->count, plan->size);

		fprintf(out, "%s\n", line);
	}
	plan_print_odd(plan, out);
	plan_print_unconfirmed(plan, out);
}

int plan_join_codes(int before, int code)
{
	if (before == 0 || before == code)
		return code ? code : before;
	return code ? 1 : before;
}

static int report_space(struct session *session, const struct ncm_plan *plan)
{
	struct ncm_error err = NCM_ERROR_INIT;
	char need[32], free_now[32], reserve[32];

	for (size_t i = 0; i < plan->disk_count && err.code == NCM_OK; i++) {
		const struct ncm_plan_disk *disk = &plan->disks[i];

		if (!disk->enough)
			ncm_error_set(&err, NCM_E_NO_SPACE,
				      "not enough disk space at %s: %s%s needed and %s reserve, %s free", disk->path,
				      disk->doubt.expected > 0 ? "~" : "",
				      ncm_format_size(disk->needed, need, sizeof need),
				      ncm_format_size(disk->reserve, reserve, sizeof reserve),
				      ncm_format_size(disk->free, free_now, sizeof free_now));
	}
	if (err.code == NCM_OK)
		ncm_error_set(&err, NCM_E_NO_SPACE, "not enough disk space");
	ncm_error_hint(&err, "%s%sfree some space, choose fewer models, or lower --reserve",
		       plan->fits ? plan->fits : "", plan->fits ? "; " : "");
	return session_fail(session, &err);
}

int plan_report(struct session *session, const struct ncm_plan *plan)
{
	struct cut_off cut_off = {.report = &session->report, .how = plan->unreachable};
	int exit_code = 0;

	for (size_t i = 0; i < plan->count; i++) {
		struct ncm_plan_model *planned = &plan->models[i];

		model_name_error(planned->model, &planned->error);
		model_name_error(planned->model, &planned->untold);
		if (planned->error.code != NCM_OK && !cut_off_takes(&cut_off, &planned->error, planned->model->id))
			exit_code = plan_join_codes(
			    exit_code, report_error(&session->report, &planned->error, planned->model->id));
		/* Another class says that the server does not tell sizes beforehand, not that it cannot be had. */
		else if (ncm_errc_retryable(planned->untold.code))
			exit_code = plan_join_codes(
			    exit_code, report_error(&session->report, &planned->untold, planned->model->id));
	}
	exit_code = plan_join_codes(exit_code, cut_off_tell(&cut_off));
	return plan->enough_space ? exit_code : report_space(session, plan);
}
