/* SPDX-License-Identifier: MIT */
#include "link_configure.h"

#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/configure.h>
#include <ncmodel/text.h>

#include <string.h>

enum { LONGEST_LINE = 4096 };

struct configure_given configure_given;

static json_t *file_json(const struct ncm_configure_file *file)
{
	json_t *object = json_object();

	json_put_text(object, "path", file->path);
	json_put_text(object, "state", ncm_configure_state_name(file->state));
	json_put_text(object, "text", file->text);
	json_put_text(object, "kept", file->kept);
	json_put_text(object, "why", file->why);
	return object;
}

static json_t *setting_json(const struct ncm_setting *setting)
{
	json_t *object = json_object();

	json_put_text(object, "key", setting->key);
	json_put_text(object, "value", setting->value);
	json_put_text(object, "store", setting->store);
	json_put_text(object, "state", ncm_setting_state_name(setting->state));
	json_put_text(object, "why", setting->why);
	return object;
}

static json_t *report_json(const struct settings *settings, const struct ncm_configure_report *report)
{
	json_t *object = json_object(), *files = json_array(), *list = json_array(), *advice = json_array();

	for (size_t i = 0; i < report->file_count; i++)
		json_push(files, file_json(&report->files[i]));
	for (size_t i = 0; i < report->setting_count; i++)
		json_push(list, setting_json(&report->settings[i]));
	for (size_t i = 0; i < report->advice.count; i++)
		json_push(advice, json_text(report->advice.items[i]));
	json_put_text(object, "application", report->application);
	json_put_flag(object, "undo", configure_given.undo);
	json_put_flag(object, "dry_run", settings->dry_run);
	json_put(object, "files", files);
	json_put(object, "settings", list);
	json_put(object, "advice", advice);
	return object;
}

static void print_settings(const struct ncm_configure_report *report)
{
	struct table *table = table_new(0);

	table_column(table, "SETTING", COLUMN_WHOLE);
	table_column(table, "STATE", 0);
	table_column(table, "VALUE", COLUMN_WHOLE);
	for (size_t i = 0; i < report->setting_count; i++) {
		const struct ncm_setting *setting = &report->settings[i];
		AUTO_FREE char *why = setting->why ? text_safe(setting->why) : NULL;

		table_foreign(table, setting->key);
		table_cell(table, text_copy(ncm_setting_state_name(setting->state)));
		table_cell(table, text_safe_path(setting->value));
		if (why)
			table_line(table, text_format("    %s", why), STYLE_WARN);
	}
	if (report->setting_count > 0)
		table_print(table, stdout);
	table_free(table);
}

static void print_text(const char *text)
{
	while (*text) {
		const size_t size = strcspn(text, "\n");
		AUTO_FREE char *line = text_format("%.*s", (int)size, text);
		AUTO_FREE char *safe = text_safe_long(line, LONGEST_LINE);

		printf("    %s\n", safe);
		text += size + (text[size] == '\n');
	}
}

static void print_file(const struct ncm_configure_file *file, bool dry_run)
{
	static const char *const words[] = {
	    [NCM_CONFIGURE_SAME] = "Nothing to change in",
	    [NCM_CONFIGURE_WOULD] = "Would write",
	    [NCM_CONFIGURE_WRITTEN] = "Wrote",
	    [NCM_CONFIGURE_REMOVED] = "Removed",
	    [NCM_CONFIGURE_REFUSED] = "Not written:",
	};
	AUTO_FREE char *path = text_safe_path(file->path);
	AUTO_FREE char *kept = file->kept ? text_safe_path(file->kept) : NULL;

	printf("%s %s%s%s%s\n", words[file->state], path, kept ? " (as it was: " : "", kept ? kept : "",
	       kept ? ")" : "");
	if (file->text && (dry_run || file->state == NCM_CONFIGURE_REFUSED) && file->state != NCM_CONFIGURE_SAME)
		print_text(file->text);
}

static void print_report(const struct settings *settings, const struct ncm_configure_report *report)
{
	print_settings(report);
	for (size_t i = 0; i < report->file_count; i++)
		print_file(&report->files[i], settings->dry_run);
	for (size_t i = 0; i < report->advice.count; i++) {
		AUTO_FREE char *line = text_safe_long(report->advice.items[i], LONGEST_LINE);

		printf("%s\n", line);
	}
	if (report->file_count + report->advice.count == 0)
		printf("There is nothing to tell.\n");
}

static int report_refusals(struct session *session, const struct ncm_configure_report *report)
{
	struct ncm_error err = NCM_ERROR_INIT;
	int exit_code = 0;

	for (size_t i = 0; i < report->file_count; i++) {
		if (report->files[i].state != NCM_CONFIGURE_REFUSED)
			continue;
		ncm_error_set(&err, NCM_E_POLICY, "%s", report->files[i].why);
		exit_code = session_fail(session, &err);
	}
	return exit_code;
}

static int wrong(struct session *session, const char *message, const char *hint)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_USAGE, "%s", message);
	ncm_error_hint(&err, "%s", hint);
	return session_fail(session, &err);
}

int link_configure(struct session *session, bool with_linking)
{
	const struct settings *settings = &session->settings;
	const struct ncm_configure_options options = {
	    .application = configure_given.application,
	    .stores = (const char *const *)settings->selector.stores.items,
	    .store_count = settings->selector.stores.count,
	    .undo = configure_given.undo,
	    .dry_run = settings->dry_run,
	};
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_configure_report *report;
	int exit_code;

	if (!configure_given.application)
		return wrong(session, "--undo is for --configure", "files are taken apart by `ncmodel link --unlink`");
	if (settings->operands.count > 0 || with_linking)
		return wrong(session, "--configure goes with --store, --dry-run and --undo alone",
			     "files are linked by `ncmodel link`, without it");
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	report = ncm_configure(session->config, &options, &session->sink, &err);
	session_quieten(session);
	if (!report)
		return session_fail(session, &err);
	session->report.data = report_json(settings, report);
	exit_code = report_refusals(session, report);
	if (!session->report.json && !(settings->quiet && exit_code == 0))
		print_report(settings, report);
	ncm_configure_free(report);
	return exit_code;
}

static const struct option own[] = {
    {0, "configure", OPTION_TEXT, .value = &configure_given.application, .argument = "APP",
     .help = "tell this application where the other stores' files are, and link nothing",
     .completes = COMPLETES_APPLICATION},
    {0, "undo", OPTION_FLAG, .value = &configure_given.undo, .help = "with --configure: take out again what it wrote"},
    {.name = NULL},
};
const struct option_group options_configure = {"Telling an application", own};
