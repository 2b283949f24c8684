/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include "ui/text.h"

#include <stdio.h>
#include <string.h>

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
		AUTO_FREE char *safe = text_safe_path(path);

		json_put(file, "faults", json_array());
		if (!session->report.json && !session->settings.quiet)
			printf("ok  %s\n", safe);
	}
	json_put_flag(file, "ok", class == NCM_OK);
	json_push(files, file);
	ncm_error_clear(&err);
	return class;
}

int manifest_check(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;
	json_t *files = json_array();
	int exit_code = 0;

	session->report.data = json_object();
	json_put(session->report.data, "files", files);
	if (operands->count < 2)
		return manifest_usage(session, "check FILE...");
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	for (size_t i = 1; i < operands->count; i++) {
		const int code = report_exit_code(check(session, operands->items[i], files));

		exit_code = exit_code == 0 || exit_code == code ? (code ? code : exit_code) : code ? 1 : exit_code;
	}
	return exit_code;
}
