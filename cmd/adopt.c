/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "plan_view.h"

#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

enum {
	LONGEST_DETAIL = 1024,
};

static enum style verdict_style(enum ncm_adopt_verdict verdict)
{
	static const enum style styles[] = {
	    [NCM_ADOPT_KNOWN] = STYLE_DIM,
	    [NCM_ADOPT_NEW] = STYLE_GOOD,
	    [NCM_ADOPT_CHANGED] = STYLE_WARN,
	    [NCM_ADOPT_REFUSED] = STYLE_BAD,
	};

	return styles[verdict];
}

static void add_files(const struct ncm_adoption_model *model, struct table *table)
{
	for (size_t i = 0; i < model->entry.file_count; i++) {
		AUTO_FREE char *path = text_safe_long(model->entry.files[i].abs, LONGEST_DETAIL);

		table_line(table, text_format("    %s", path), STYLE_DIM);
	}
}

static void add_model(const struct ncm_adoption_model *model, bool verbose, struct table *table)
{
	AUTO_FREE char *detail = text_safe_long(model->detail, LONGEST_DETAIL);
	char size[32];

	table_styled(table, text_copy(ncm_adopt_verdict_name(model->verdict)), verdict_style(model->verdict));
	table_foreign(table, model->entry.id);
	table_foreign(table, model->entry.kind);
	table_cell(table, text_format("by %s", model->known_by));
	table_cell(table, text_copy(ncm_format_size(model->entry.size, size, sizeof size)));
	table_foreign(table, model->entry.store);
	if (*detail)
		table_line(table, text_format("    %s", detail), STYLE_NONE);
	if (verbose)
		add_files(model, table);
}

/* What is known already is worth a line of the summary alone. */
static void print_models(const struct session *session, const struct ncm_adoption *adoption)
{
	const bool verbose = session->settings.verbose > 0;
	struct table *table = table_new(0);

	table_column(table, "", 0);
	table_column(table, "MODEL", COLUMN_WHOLE);
	table_column(table, "KIND", COLUMN_DROP);
	table_column(table, "KNOWN", COLUMN_DROP);
	table_column(table, "SIZE", COLUMN_RIGHT);
	table_column(table, "STORE", COLUMN_DROP);
	for (size_t i = 0; i < adoption->count; i++) {
		if (adoption->models[i].verdict != NCM_ADOPT_KNOWN || verbose)
			add_model(&adoption->models[i], verbose, table);
	}
	if (adoption->count > adoption->known || verbose)
		table_print(table, stdout);
	table_free(table);
}

static void print_total(const struct session *session, const struct ncm_adoption *adoption)
{
	const bool dry = session->settings.dry_run;
	char size[32], hashed[32], time[32];

	if (adoption->count == 0) {
		printf("No model was found.\n");
		return;
	}
	printf("%s %zu (%s)", dry ? "To register:" : "Registered", adoption->added,
	       ncm_format_size(adoption->bytes, size, sizeof size));
	if (adoption->changed > 0)
		printf(", %zu brought up to date", adoption->changed);
	printf(", %zu known already, %zu refused", adoption->known, adoption->refused);
	if (adoption->hashed > 0)
		printf("; %s hashed in %s", ncm_format_size(adoption->hashed, hashed, sizeof hashed),
		       ncm_format_duration(adoption->seconds, time, sizeof time));
	printf(".\n");
}

static json_t *files_json(const struct ncm_reg_model *entry)
{
	json_t *files = json_array();

	for (size_t i = 0; i < entry->file_count; i++) {
		json_t *file = json_object();

		json_put_text(file, "path", entry->files[i].abs);
		json_put_text(file, "store", entry->files[i].store);
		json_put_text(file, "role", entry->files[i].role);
		json_put_number(file, "size", entry->files[i].size);
		json_put(file, "sha256", json_digest(&entry->files[i].sha256));
		json_push(files, file);
	}
	return files;
}

static json_t *model_object(const struct ncm_adoption_model *model)
{
	json_t *object = json_object();

	json_put_text(object, "verdict", ncm_adopt_verdict_name(model->verdict));
	json_put_text(object, "id", model->entry.id);
	json_put_text(object, "name", model->entry.display_name);
	json_put_text(object, "kind", model->entry.kind);
	json_put_text(object, "known_by", model->known_by);
	json_put_text(object, "store", model->entry.store);
	json_put_source(object, "source", model->entry.source);
	json_put_text(object, "revision", model->entry.revision);
	json_put_number(object, "size", model->entry.size);
	json_put_text(object, "detail", model->detail);
	json_put(object, "files", files_json(&model->entry));
	return object;
}

static json_t *adoption_json(const struct ncm_adoption *adoption, bool dry_run)
{
	json_t *object = json_object();
	json_t *models = json_array();

	for (size_t i = 0; i < adoption->count; i++)
		json_push(models, model_object(&adoption->models[i]));
	json_put_flag(object, "dry_run", dry_run);
	json_put_number(object, "new", adoption->added);
	json_put_number(object, "changed", adoption->changed);
	json_put_number(object, "known", adoption->known);
	json_put_number(object, "refused", adoption->refused);
	json_put_number(object, "bytes", adoption->bytes);
	json_put_number(object, "hashed", adoption->hashed);
	json_put(object, "seconds", json_real(adoption->seconds));
	json_put(object, "models", models);
	json_put(object, "unreadable", unread_json(adoption->unread, adoption->unread_count));
	return object;
}

/* The table says why; the document gets an error for each. */
static int record_refusals(struct session *session, const struct ncm_adoption *adoption)
{
	int exit_code = 0;

	for (size_t i = 0; i < adoption->count; i++) {
		const struct ncm_adoption_model *model = &adoption->models[i];
		AUTO_FREE char *message = NULL;

		if (model->verdict != NCM_ADOPT_REFUSED)
			continue;
		message = text_format("%s: %s", model->entry.id, model->detail);
		exit_code = report_silently(&session->report, NCM_E_DAMAGED, message, model->entry.id);
	}
	return exit_code;
}

static bool identify;

/* What leaves the machine is asked about. If it is not to go on, *exit_code says so. */
static bool confirm(struct session *session, int *exit_code)
{
	struct ncm_error err = NCM_ERROR_INIT;

	*exit_code = 0;
	if (!identify || session->settings.yes)
		return true;
	if (!session_can_ask(session)) {
		ncm_error_set(
		    &err, NCM_E_USAGE,
		    "adopt --identify asks before it tells Civitai the SHA-256 of files, and there is nobody to "
		    "ask");
		ncm_error_hint(&err, "-y asks Civitai without a question");
		*exit_code = session_fail(session, &err);
		return false;
	}
	return session_ask(session,
			   "Tell Civitai the SHA-256 of the files that nothing here knows, to learn what they are?",
			   "Nothing was asked, and nothing was registered.", exit_code);
}

static struct ncm_adoption *adopt(struct session *session, struct ncm_error *err)
{
	const struct settings *settings = &session->settings;
	const struct ncm_adopt_options options = {
	    .stores = (const char *const *)settings->selector.stores.items,
	    .store_count = settings->selector.stores.count,
	    .paths = (const char *const *)settings->operands.items,
	    .path_count = settings->operands.count,
	    .identify = identify,
	    .dry_run = settings->dry_run,
	    .no_wait = settings->no_wait,
	};
	struct ncm_adoption *adoption;

	if (session_config(session, err) < 0)
		return NULL;
	session_catalog_if_any(session, "what it pins is not recognised");
	session_progress(session);
	adoption = ncm_adopt(session->config, session->catalog, &options, &session->sink, err);
	session_quieten(session);
	return adoption;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_adoption *adoption;
	int exit_code;

	if (!confirm(session, &exit_code))
		return exit_code;
	adoption = adopt(session, &err);
	if (!adoption)
		return session_fail(session, &err);
	session->report.data = adoption_json(adoption, session->settings.dry_run);
	exit_code = plan_join_codes(record_refusals(session, adoption),
				    unread_record(&session->report, adoption->unread, adoption->unread_count));
	if (!session->report.json && !(session->settings.quiet && exit_code == 0)) {
		print_models(session, adoption);
		unread_print(adoption->unread, adoption->unread_count);
		print_total(session, adoption);
	}
	if (session->settings.dry_run && adoption->added + adoption->changed > 0)
		report_note(&session->report, "Nothing was written. Without --dry-run they are registered.");
	ncm_adoption_free(adoption);
	return exit_code;
}

static const struct option own[] = {
    {'n', "dry-run", OPTION_FLAG, offsetof(struct settings, dry_run),
     .help = "say what would be registered, and write nothing"},
    {0, "store", OPTION_WORDS, offsetof(struct settings, selector.stores), .argument = "STORE",
     .help = "look through these stores; without one and without PATH, through all that are there",
     .completes = COMPLETES_STORE},
    {0, "identify", OPTION_FLAG, .value = &identify,
     .help = "ask Civitai by SHA-256 what files are that nothing here knows, and register their source and licence"},
    {'y', "yes", OPTION_FLAG, offsetof(struct settings, yes), .help = "do not ask before --identify asks Civitai"},
    {0, "no-wait", OPTION_FLAG, offsetof(struct settings, no_wait),
     .help = "fail instead of waiting for another ncmodel"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel adopt --dry-run",
    "what other tools put into the applications' folders, and what it is",
    "ncmodel adopt",
    "register it, where it lies",
    "ncmodel adopt --store ollama,hf",
    "these stores alone",
    "ncmodel adopt ~/Downloads",
    "a folder outside every store",
    "ncmodel adopt --identify",
    "and ask Civitai what the files are that nothing here knows",
    NULL,
};

const struct command command_adopt = {
    .name = "adopt",
    .summary = "Register models that other tools put here, where they lie",
    .arguments = "[PATH...]",
    .operands = OPERANDS_FILES,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group},
    .description =
	"Looks for models in the stores of the layout, or in the files and folders that are named, and registers them "
	"in models.json. No file is moved, changed or written to.\n\n"
	"Every byte of what is new is read once. What a manifest of any profile or the lock pins is recognised by its "
	"digest and gets its id, name and scores; other models are known by Ollama's manifest, by their place in "
	"Hugging Face's cache, by a sidecar of Civitai's, or by their own header. What is registered already and has "
	"not changed is not read.\n\n"
	"--identify: of files whose source nothing here tells (those registered before, too) the SHA-256 goes to "
	"Civitai, "
	"after a question; what it has is registered with source, version, terms of use and trigger words, and pinned "
	"in the lock, so "
	"that verify --repair and manifest dump can bring it again. Nothing else of a file leaves the machine.\n\n"
	"A file that was moved or renamed since it was registered is found again by its digest, and its entry follows; "
	"what is no model by itself, as an unpacked archive, follows a store that was moved as a whole. A link is "
	"registered as the link, so that rm takes that and not what it leads to. Links to folders are followed if "
	"root or the store's owner made them, to a folder of theirs; each folder is looked through once.\n\n"
	"What is damaged, truncated, no model or not complete is refused and named; the exit code is 4 then. A folder "
	"that cannot be read is named too; the exit code is 1 then. The rest is registered all the same. After an "
	"interruption the same command goes on with what it had not read yet.",
    .examples = examples,
    .run = run,
};
