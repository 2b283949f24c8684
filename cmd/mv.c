/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/text.h>

static json_t *state_json(const void *row)
{
	return json_text(ncm_move_state_name(((const struct ncm_move_file *)row)->state));
}

static void add_state(struct table *table, const void *row)
{
	static const enum style styles[] = {
	    [NCM_MOVE_GOES] = STYLE_NONE,
	    [NCM_MOVE_STAYS] = STYLE_WARN,
	    [NCM_MOVE_MOVED] = STYLE_GOOD,
	    [NCM_MOVE_LEFT] = STYLE_WARN,
	};
	const struct ncm_move_file *file = row;

	table_styled(table, text_copy(ncm_move_state_name(file->state)), styles[file->state]);
}

static void add_copied(struct table *table, const void *row)
{
	table_text(table, ((const struct ncm_move_file *)row)->copied ? "copy" : "");
}

#define OF(field) .offset = offsetof(struct ncm_move_file, field)

static const struct field fields[] = {
    {"state", FIELD_MADE, .offset = 0, "", 0, state_json, add_state},
    {"from", FIELD_TEXT, OF(from), "FILE", COLUMN_WHOLE},
    {"to", FIELD_TEXT, OF(to)},
    {"model", FIELD_TEXT, OF(model)},
    {"size", FIELD_BYTES, OF(size), "SIZE", COLUMN_RIGHT},
    {"copied", FIELD_FLAG, OF(copied), "", COLUMN_DROP, .cell = add_copied},
    {"why", FIELD_TEXT, OF(why)},
    {.key = NULL},
};

static json_t *move_json(const struct ncm_move *move, bool dry_run)
{
	json_t *object = json_object();

	json_put_flag(object, "dry_run", dry_run);
	json_put_text(object, "store", move->store);
	json_put_text(object, "from", move->from);
	json_put_text(object, "to", move->to);
	json_put_number(object, "going", move->going);
	json_put_number(object, "moved", move->moved);
	json_put_number(object, "staying", move->staying);
	json_put_number(object, "left", move->left);
	json_put_number(object, "unfinished", move->unfinished);
	json_put_number(object, "bytes", move->bytes);
	json_put_number(object, "to_copy", move->to_copy);
	json_put_flag(object, "sets_configuration", move->sets_configuration);
	json_put(object, "settings", json_words(&move->settings));
	json_put(object, "warnings", json_words(&move->warnings));
	json_put(object, "files", fields_array(fields, move->files, move->count, sizeof *move->files));
	return object;
}

static void add_file(struct table *table, const struct ncm_move_file *file)
{
	AUTO_FREE char *to = text_safe_path(file->to);
	AUTO_FREE char *why = file->why ? text_safe_path(file->why) : NULL;

	fields_row(fields, file, table);
	if (file->state != NCM_MOVE_STAYS)
		table_line(table, text_format("    to %s", to), STYLE_DIM);
	if (why)
		table_line(table, text_format("    %s", why), STYLE_WARN);
}

static void print_files(const struct ncm_move *move, FILE *out)
{
	struct table *table = table_new(0);

	fields_columns(fields, table);
	for (size_t i = 0; i < move->count; i++)
		add_file(table, &move->files[i]);
	if (move->count > 0)
		table_print(table, out);
	table_free(table);
}

/* The applications have settings of their own, and are told by nobody else. */
static void print_settings(const struct ncm_move *move, FILE *out)
{
	for (size_t i = 0; i < move->settings.count; i++) {
		AUTO_FREE char *line = text_safe_path(move->settings.items[i]);

		fprintf(out, "To be told: %s\n", line);
	}
}

static char *summary(const struct ncm_move *move, size_t files)
{
	char size[32], copied[32];

	if (move->to_copy == 0)
		return text_format("%zu %s (%s)", files, text_plural(files, "file", "files"),
				   ncm_format_size(move->bytes, size, sizeof size));
	return text_format("%zu %s (%s, %s of it by copying)", files, text_plural(files, "file", "files"),
			   ncm_format_size(move->bytes, size, sizeof size),
			   ncm_format_size(move->to_copy, copied, sizeof copied));
}

static void print_plan(struct session *session, const struct ncm_move *move, FILE *out)
{
	print_files(move, out);
	if (move->unfinished > 0)
		fprintf(out, "An earlier move is ended: %zu %s.\n", move->unfinished,
			text_plural(move->unfinished, "file", "files"));
	for (size_t i = 0; i < move->warnings.count; i++)
		report_warning(&session->report, move->warnings.items[i]);
}

/* Whether to go on; if not, *exit_code is the command's. */
static bool confirm(struct session *session, const struct ncm_move *move, int *exit_code)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *what = summary(move, move->going);
	AUTO_FREE char *question = text_format("Move %s?", what);

	*exit_code = 0;
	if (session->settings.yes)
		return true;
	if (!session_can_ask(session)) {
		ncm_error_set(&err, NCM_E_USAGE, "mv asks before it moves anything, and there is nobody to ask");
		ncm_error_hint(&err, "-y moves without asking, --dry-run says what would be moved");
		*exit_code = session_fail(session, &err);
		return false;
	}
	print_plan(session, move, stderr);
	return session_ask(session, question, "Nothing was moved.", exit_code);
}

static int carry_out(struct session *session, struct ncm_move *move)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *what = NULL;
	int failed;

	session_progress(session);
	failed = ncm_move_run(move, &session->sink, &err);
	session_quieten(session);
	json_decref(session->report.data);
	session->report.data = move_json(move, false);
	if (failed)
		return session_fail(session, &err);
	if (session_prints(session)) {
		what = summary(move, move->moved + move->left);
		print_plan(session, move, stdout);
		printf("Moved %s.\n", what);
		print_settings(move, stdout);
	}
	return 0;
}

static int run_plan(struct session *session, struct ncm_move *move)
{
	AUTO_FREE char *what = summary(move, move->going);
	int exit_code;

	session->report.data = move_json(move, session->settings.dry_run);
	if (session->settings.dry_run) {
		if (session_prints(session)) {
			print_plan(session, move, stdout);
			printf("Would move %s.\n", what);
			print_settings(move, stdout);
		}
		return 0;
	}
	return confirm(session, move, &exit_code) ? carry_out(session, move) : exit_code;
}

static int usage(struct session *session, const char *message)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_USAGE, "%s", message);
	ncm_error_hint(&err, "`ncmodel mv STORE PATH` moves a store, `ncmodel mv MODEL --to STORE/FOLDER` a model");
	return session_fail(session, &err);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct settings *settings = &session->settings;
	const struct ncm_strings *operands = &settings->operands;
	const bool models = settings->selector.to != NULL;
	struct ncm_move_options options = {.rest = settings->all, .no_wait = settings->no_wait};
	struct ncm_move *move;
	int exit_code;

	if (models ? operands->count == 0 : operands->count != 2)
		return usage(session,
			     models ? "which models are to be moved?" : "a store and its new folder are needed");
	if (models && settings->all)
		return usage(session, "--all is for a store");
	for (size_t i = 0; i < operands->count; i++) {
		if (!*operands->items[i])
			return usage(session, "a name is empty");
	}
	options.to = settings->selector.to;
	options.store = models ? NULL : operands->items[0];
	options.path = models ? NULL : operands->items[1];
	options.names = (const char *const *)operands->items;
	options.count = models ? operands->count : 0;
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	move = ncm_move_plan(session->config, &options, &err);
	if (!move)
		return session_fail(session, &err);
	exit_code = run_plan(session, move);
	ncm_move_free(move);
	return exit_code;
}

#define AT(field) offsetof(struct settings, field)

static const struct option own[] = {
    {0, "to", OPTION_TEXT, AT(selector.to), .argument = "STORE[/FOLDER]",
     .help = "where models go; without a folder, to the one of the name that they are in",
     .completes = COMPLETES_TARGET},
    {0, "all", OPTION_FLAG, AT(all), .help = "of a store: what nobody registered, too"},
    {'n', "dry-run", OPTION_FLAG, AT(dry_run), .help = "say what would be moved and stop"},
    {'y', "yes", OPTION_FLAG, AT(yes), .help = "do not ask"},
    {0, "no-wait", OPTION_FLAG, AT(no_wait), .help = "fail instead of waiting for another ncmodel"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel mv -n ollama /srv/ollama/models",
    "what moving the store would do, and what Ollama has to be told",
    "ncmodel mv ollama /srv/ollama/models",
    "do it, after a question",
    "ncmodel mv sdxl-base --to comfyui/checkpoints",
    "one model, to another application's folder",
    NULL,
};

const struct command command_mv = {
    .name = "mv",
    .summary = "Move a store, or models, to another place",
    .arguments = "STORE PATH | MODEL... --to STORE[/FOLDER]",
    .operands = OPERANDS_MOVED,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group},
    .description =
	"Moves registered files alone: of a store (what else lies there goes with --all), or of models. On one file "
	"system with hard links nothing is copied; elsewhere each file is copied, synced and read again, and its "
	"SHA-256 has to be "
	"that of what was read. Only then models.json has the new places, all at once, and the configuration file the "
	"store's; and only then the old files are removed, by the rules of rm: what another model, an Ollama manifest "
	"or "
	"a snapshot uses stays, and so does what lies outside every store. models.json itself stays where it is. What "
	"is "
	"in the way is never overwritten.\n\n"
	"The application is not told: mv prints its own setting, as OLLAMA_MODELS. A store that is known to be in use "
	"is "
	"refused: an Ollama that serves it, or a program that has a file of it open; what cannot be known is told.\n\n"
	"Asks on a terminal; elsewhere -y is needed. Killed at any moment nothing is lost: the old or the new files "
	"are "
	"whole and registered, and the same command goes on. What somebody moved by hand is found by `ncmodel adopt`.",
    .examples = examples,
    .run = run,
};
