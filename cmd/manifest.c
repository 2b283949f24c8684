/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/text.h"

#include <stdio.h>
#include <string.h>

enum {
	LONGEST_PATH = 1024,
};

static json_t *faults_of(const struct ncm_error *err)
{
	json_t *faults = json_array();

	for (const char *at = err->message ? err->message : ""; *at;) {
		const size_t length = strcspn(at, "\n");
		AUTO_FREE char *line = text_format("%.*s", (int)length, at);

		if (length > 0)
			json_push(faults, json_text(line));
		at += length + (at[length] == '\n');
	}
	return faults;
}

/* Tells one file's verdict; returns its class. */
static enum ncm_errc check(struct session *session, const char *path, json_t *files)
{
	struct ncm_error err = NCM_ERROR_INIT;
	json_t *file = json_object();
	enum ncm_errc class = NCM_OK;

	json_put_text(file, "file", path);
	if (ncm_manifest_check(session->config, path, &err) < 0) {
		class = err.code;
		json_put(file, "faults", faults_of(&err));
		report_error(&session->report, &err, NULL);
	} else {
		AUTO_FREE char *safe = text_safe_long(path, LONGEST_PATH);

		json_put(file, "faults", json_array());
		if (!session->report.json && !session->settings.quiet)
			printf("ok  %s\n", safe);
	}
	json_put_flag(file, "ok", class == NCM_OK);
	json_push(files, file);
	ncm_error_clear(&err);
	return class;
}

static int usage(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;

	if (operands->count > 0 && strcmp(operands->items[0], "check") != 0)
		ncm_error_set(&err, NCM_E_USAGE, "manifest: \"%s\" is not something to do with a manifest",
			      operands->items[0]);
	else
		ncm_error_set(&err, NCM_E_USAGE, "manifest: which file?");
	ncm_error_hint(&err, "usage: ncmodel manifest %s", session->command->arguments);
	return session_fail(session, &err);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;
	json_t *files = json_array();
	int exit_code = 0;

	session->report.data = json_object();
	json_put(session->report.data, "files", files);
	if (operands->count < 2 || strcmp(operands->items[0], "check") != 0)
		return usage(session);
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	for (size_t i = 1; i < operands->count; i++) {
		const int code = report_exit_code(check(session, operands->items[i], files));

		exit_code = exit_code == 0 || exit_code == code ? (code ? code : exit_code) : code ? 1 : exit_code;
	}
	return exit_code;
}

static const char *const examples[] = {
    "ncmodel manifest check phase-1-high.json",
    "every fault, with its line and JSON path",
    NULL,
};

const struct command command_manifest = {
    .name = "manifest",
    .summary = "Check manifests of your own",
    .arguments = "check FILE...",
    .words = "check",
    .operands = OPERANDS_FILES,
    .description = "Checks manifest files by the schema and by the rules beyond it, and tells all faults of all files "
		   "in one go, each as FILE:LINE: JSON path: reason.",
    .examples = examples,
    .run = run,
};
