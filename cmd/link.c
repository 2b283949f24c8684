/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "link_configure.h"

#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

enum {
	LONGEST_DETAIL = 1024,
};

static struct {
	bool unlink;
	struct option_number least;
} given;

static bool is_worth_a_row(const struct ncm_link_group *group)
{
	for (size_t i = 0; i < group->file_count; i++) {
		if (group->files[i].detail)
			return true;
	}
	return group->gain > 0;
}

static void add_file(const struct ncm_link_file *file, struct table *table)
{
	AUTO_FREE char *path = text_safe_path(file->path);
	AUTO_FREE char *detail = text_safe_long(file->detail, LONGEST_DETAIL);

	table_line(table,
		   text_format("    %-8s  %s%s%s", ncm_link_state_name(file->state), path, *detail ? ": " : "", detail),
		   file->state == NCM_LINK_FAILED ? STYLE_BAD : STYLE_DIM);
}

static void add_group(const struct ncm_link_group *group, bool verbose, struct table *table)
{
	char size[32];

	table_cell(table, text_copy(ncm_format_size(group->size, size, sizeof size)));
	table_cell(table, text_format("%zu", group->file_count));
	table_cell(table, text_copy(group->gain > 0 ? ncm_format_size(group->gain, size, sizeof size) : "-"));
	table_cell(table, text_safe_path(group->files[0].path));
	for (size_t i = 0; i < group->file_count; i++) {
		if (verbose || group->files[i].detail)
			add_file(&group->files[i], table);
	}
}

static void print_groups(const struct session *session, const struct ncm_link_report *report)
{
	const bool verbose = session->settings.verbose > 0;
	struct table *table = table_new(0);
	size_t rows = 0;

	table_column(table, "SIZE", COLUMN_RIGHT);
	table_column(table, "COPIES", COLUMN_RIGHT);
	table_column(table, given.unlink ? "TAKES" : "GAIN", COLUMN_RIGHT);
	table_column(table, "KEPT", COLUMN_WHOLE);
	for (size_t i = 0; i < report->count; i++) {
		if (!verbose && !is_worth_a_row(&report->groups[i]))
			continue;
		add_group(&report->groups[i], verbose, table);
		rows++;
	}
	if (rows > 0)
		table_print(table, stdout);
	table_free(table);
}

static size_t count_state(const struct ncm_link_report *report, enum ncm_link_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++) {
		for (size_t k = 0; k < report->groups[i].file_count; k++)
			count += report->groups[i].files[k].state == state;
	}
	return count;
}

static void print_done(const struct settings *settings, const struct ncm_link_report *report)
{
	const char *would = settings->dry_run ? "would be " : "",
		   *files = text_plural(report->linked, "copy", "copies");
	char size[32];

	ncm_format_size(report->gain, size, sizeof size);
	if (given.unlink)
		printf("%zu %s %s of %s own%s, %s taken", report->linked, text_plural(report->linked, "file", "files"),
		       settings->dry_run ? "would get bytes" : "got bytes", text_plural(report->linked, "its", "their"),
		       settings->dry_run ? "" : " again", size);
	else
		printf("%zu %s %slinked, %s given back", report->linked, files, would, size);
}

static void print_total(const struct settings *settings, const struct ncm_link_report *report)
{
	const size_t skipped = count_state(report, NCM_LINK_SKIPPED);
	const size_t shared = count_state(report, NCM_LINK_LINKED);
	char size[32], time[32];

	if (report->linked > 0)
		print_done(settings, report);
	else if (given.unlink)
		printf("Nothing to take apart: every name is a file of its own");
	else if (shared > 0)
		printf("Nothing to link: %zu %s bytes with another already", shared,
		       text_plural(shared, "file shares its", "files share their"));
	else
		printf("Nothing to link");
	if (skipped > 0)
		printf(", %zu skipped", skipped);
	if (report->failed > 0)
		printf(", %zu failed", report->failed);
	if (report->hashed > 0)
		printf(" (%s compared in %s)", ncm_format_size(report->hashed, size, sizeof size),
		       ncm_format_duration(report->seconds, time, sizeof time));
	printf(".\n");
}

static json_t *file_json(const struct ncm_link_file *file)
{
	json_t *object = json_object();

	json_put_text(object, "path", file->path);
	json_put_text(object, "store", file->store);
	json_put_text(object, "state", ncm_link_state_name(file->state));
	json_put_text(object, "detail", file->detail);
	return object;
}

static json_t *report_json(const struct settings *settings, const struct ncm_link_report *report)
{
	json_t *object = json_object();
	json_t *groups = json_array();

	for (size_t i = 0; i < report->count; i++) {
		const struct ncm_link_group *group = &report->groups[i];
		json_t *out = json_object();
		json_t *files = json_array();

		for (size_t k = 0; k < group->file_count; k++)
			json_push(files, file_json(&group->files[k]));
		json_put(out, "sha256", json_digest(&group->sha256));
		json_put_number(out, "size", group->size);
		json_put_number(out, "gain", group->gain);
		json_put(out, "files", files);
		json_push(groups, out);
	}
	json_put_flag(object, "unlink", given.unlink);
	json_put_flag(object, "dry_run", settings->dry_run);
	json_put(object, "groups", groups);
	json_put(object, "unreadable", unread_json(report->unread, report->unread_count));
	json_put_number(object, "linked", report->linked);
	json_put_number(object, "failed", report->failed);
	json_put_number(object, "gain", report->gain);
	json_put_number(object, "hashed", report->hashed);
	json_put(object, "seconds", json_real(report->seconds));
	return object;
}

/* The table names them on standard output; the document gets an error for each. */
static int report_failures(struct session *session, const struct ncm_link_report *report)
{
	int exit_code = 0;

	for (size_t i = 0; i < report->count; i++) {
		for (size_t k = 0; k < report->groups[i].file_count; k++) {
			const struct ncm_link_file *file = &report->groups[i].files[k];
			AUTO_FREE char *message = NULL;

			if (file->state != NCM_LINK_FAILED)
				continue;
			message = text_format("%s: %s", file->path, file->detail);
			exit_code = report_silently(&session->report, NCM_E_IO, message, NULL);
		}
	}
	return report->unread_count > 0 ? unread_record(&session->report, report->unread, report->unread_count)
					: exit_code;
}

static int run(struct session *session)
{
	const struct settings *settings = &session->settings;
	const struct ncm_link_options options = {
	    .stores = (const char *const *)settings->selector.stores.items,
	    .store_count = settings->selector.stores.count,
	    .paths = (const char *const *)settings->operands.items,
	    .path_count = settings->operands.count,
	    .least = given.least.given && given.least.value == 0 ? 1 : given.least.value,
	    .unlink = given.unlink,
	    .dry_run = settings->dry_run,
	    .no_wait = settings->no_wait,
	};
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_link_report *report;
	int exit_code;

	if (configure_given.application || configure_given.undo)
		return link_configure(session, given.unlink || given.least.given);
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	report = ncm_link(session->config, &options, &session->sink, &err);
	session_quieten(session);
	if (!report)
		return session_fail(session, &err);
	session->report.data = report_json(settings, report);
	exit_code = report_failures(session, report);
	if (!session->report.json && !(settings->quiet && exit_code == 0)) {
		print_groups(session, report);
		unread_print(report->unread, report->unread_count);
		print_total(settings, report);
	}
	ncm_link_free(report);
	return exit_code;
}

#define AT(field) offsetof(struct settings, field)

static const struct option own[] = {
    {'n', "dry-run", OPTION_FLAG, AT(dry_run), .help = "say what would be gained and change nothing"},
    {0, "unlink", OPTION_FLAG, .value = &given.unlink,
     .help = "the other way: give files that are one bytes of their own again"},
    {0, "least", OPTION_SIZE, .value = &given.least, .argument = "SIZE",
     .help = "pass by smaller files; 1 MiB unless given"},
    {0, "store", OPTION_WORDS, AT(selector.stores), .argument = "STORE",
     .help = "look through these stores alone, and the folders that are named", .completes = COMPLETES_STORE},
    {0, "no-wait", OPTION_FLAG, AT(no_wait), .help = "fail instead of waiting for another ncmodel"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel link --dry-run",
    "what one copy for all applications would give back",
    "ncmodel link /mnt/models",
    "the stores of the layout, and this folder",
    "ncmodel link --unlink",
    "every application has bytes of its own again",
    "ncmodel link --configure comfyui --dry-run",
    "what ComfyUI would be told of the other applications' folders",
    NULL,
};

const struct command command_link = {
    .name = "link",
    .summary = "Make equal files of several applications one copy",
    .arguments = "[PATH...]",
    .operands = OPERANDS_FILES,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group, &options_configure},
    .description =
	"Finds model files and blobs with the same bytes in the stores of the layout and in the folders and files "
	"that are named, and makes them one copy for all applications. Every byte is compared first. Where the file "
	"system can share blocks (XFS, Btrfs) each file stays one of its own; elsewhere they become one file with "
	"several names, which is read-only then: programs that replace it still can, one that writes into it cannot "
	"change it for the others.\n\n"
	"A file that is open for writing, changes meanwhile, lies on another file system or belongs to somebody "
	"else is skipped; what cannot be read is named, and ends it with 1. A crash leaves each file as it was or "
	"linked. link does not ask: nothing is lost by it, "
	"and --unlink undoes it.\n\n"
	"--configure tells an application where the other stores' folders are, in its own settings; no file of a model "
	"is "
	"touched. ComfyUI's extra_model_paths.yaml (Forge Neo reads it, too) gets one marked block, "
	"and all its other bytes stay. It is written only if it is yours, no program has it open for writing, nobody "
	"changed it meanwhile, and it says the same as before besides; else it is told what could be added by hand. "
	"Run "
	"again it brings the block up to date; --undo takes it out, unless somebody edited it. Fooocus' config.txt, "
	"SD.Next's config.json and SwarmUI's Settings.fds get keys that are absent, and no others; the old bytes stay "
	"beside "
	"the file, and --undo brings them back if it was not changed since. llama.cpp's server (presets, models.ini) "
	"and Jan (a model.yml each) are told of registered GGUF "
	"models, wherever they lie. Options to start A1111 "
	"and "
	"Forge with are printed, and so is what LM Studio has to be told.",
    .examples = examples,
    .run = run,
};
