/* SPDX-License-Identifier: MIT */
#include "ui/session.h"

#include "command.h"

#include "ui/progress.h"
#include "ui/text.h"

#include <string.h>
#include <unistd.h>

/* The caller frees the result. */
static char *absolute(const char *path)
{
	AUTO_FREE char *here = *path == '/' ? NULL : getcwd(NULL, 0);

	return here ? text_format("%s/%s", here, path) : text_copy(path);
}

static void set_path(char **field, const char *path)
{
	AUTO_FREE char *whole = path ? absolute(path) : NULL;

	if (whole)
		ncm_config_set(field, whole);
}

static void set_layout(struct ncm_config *config, const char *layout)
{
	if (strchr(layout, '/') || (strlen(layout) > 5 && strcmp(layout + strlen(layout) - 5, ".json") == 0))
		set_path(&config->layout, layout);
	else
		ncm_config_set(&config->layout, layout);
}

static void set_numbers(struct ncm_config *config, const struct settings *settings)
{
	if (settings->connections.given)
		config->connections = (unsigned)settings->connections.value;
	if (settings->jobs.given)
		config->jobs = (unsigned)settings->jobs.value;
	if (settings->retry.given)
		config->retries = (unsigned)settings->retry.value + 1;
	if (settings->retries.given)
		config->retries = (unsigned)settings->retries.value;
	if (settings->timeout.given)
		config->timeout = (unsigned)settings->timeout.value;
	if (settings->limit_rate.given)
		config->limit_rate = settings->limit_rate.value;
	if (settings->reserve.given)
		config->reserve = settings->reserve.value;
}

static int apply(struct ncm_config *config, const struct settings *settings, struct ncm_error *err)
{
	if (settings->root && ncm_config_set_root(config, settings->root, err) < 0)
		return -1;
	for (size_t i = settings->manifest_dirs.count; i > 0; i--) /* each goes before the last: the first wins */
		ncm_config_add_manifest_dir(config, settings->manifest_dirs.items[i - 1]);
	for (size_t i = 0; i < settings->manifest_files.count; i++)
		ncm_config_add_manifest_file(config, settings->manifest_files.items[i]);
	for (size_t i = 0; i < settings->store_paths.count; i++) {
		if (ncm_config_set_store(config, settings->store_paths.items[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < settings->profiles.count; i++) {
		const char *name = settings->profiles.items[i];

		if (i > 0)
			ncm_config_add_profile(config, name);
		else if (ncm_config_set_profiles(config, name, err) < 0)
			return -1;
	}
	if (settings->layout)
		set_layout(config, settings->layout);
	set_path(&config->lock, settings->lock);
	set_path(&config->cacert, settings->cacert);
	set_numbers(config, settings);
	return 0;
}

static void warn_of_token(const struct session *session)
{
	AUTO_FREE char *text = NULL;

	if (!session->config->hf_token_exposed)
		return;
	text = text_format("other users can read the Hugging Face token in %s; `chmod 600` makes it yours alone",
			   session->config->hf_token_from ? session->config->hf_token_from : "its file");
	report_warning(&session->report, text);
}

int session_config(struct session *session, struct ncm_error *err)
{
	if (session->config)
		return 0;
	session->config = ncm_config_load(session->settings.config, err);
	if (!session->config)
		return -1;
	warn_of_token(session);
	return apply(session->config, &session->settings, err);
}

int session_catalog(struct session *session, struct ncm_error *err)
{
	if (session_config(session, err) < 0)
		return -1;
	session->catalog = ncm_catalog_load(session->config, err);
	return session->catalog ? 0 : -1;
}

void session_catalog_if_any(struct session *session, const char *lost)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (session_catalog(session, &err) < 0) {
		AUTO_FREE char *text = text_format("%s, because the profile cannot be read: %.*s", lost,
						   (int)strcspn(err.message, "\n"), err.message);

		report_warning(&session->report, text);
	}
	ncm_error_clear(&err);
}

bool session_selects(const struct session *session)
{
	const struct ncm_selector *selector = &session->settings.selector;

	return session->settings.operands.count || selector->phases || selector->priorities.count ||
	       selector->use_cases.count || selector->tags.count || selector->sources.count || selector->stores.count;
}

int session_selector(struct session *session, struct ncm_error *err)
{
	struct settings *settings = &session->settings;

	if (settings->all && session_selects(session)) {
		ncm_error_set(err, NCM_E_USAGE, "--all and another selector contradict each other");
		return ncm_error_hint(err, "leave out one of them");
	}
	for (size_t i = 0; i < settings->operands.count; i++) {
		if (!*settings->operands.items[i])
			return ncm_error_set(err, NCM_E_USAGE, "a model's name is empty");
		words_add(&settings->selector.names, settings->operands.items[i]);
	}
	for (size_t i = 0; i < settings->profiles.count; i++)
		words_add_new(&settings->selector.profiles, settings->profiles.items[i]);
	return 0;
}

void session_progress(struct session *session)
{
	struct ncm_sink shown;

	session->progress = progress_new(&session->settings, &shown);
	if (!session->log)
		session->log = ncm_log_new(session->config, session->command->name);
	session->sink = ncm_log_sink(session->log, &shown);
}

void session_quieten(struct session *session)
{
	progress_free(session->progress);
	session->progress = NULL;
	session->sink = (struct ncm_sink){0};
}

static bool was_to_change(const struct session *session)
{
	const struct settings *settings = &session->settings;

	return session->log && (session->command->changes || settings->repair) && !settings->dry_run &&
	       !settings->lock_check;
}

static const char *member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

void session_log_failure(struct session *session, int exit_code)
{
	const size_t count = json_array_size(session->report.errors);
	struct ncm_log_failure *failures;
	struct ncm_error err = NCM_ERROR_INIT;

	if (exit_code == 0 || !was_to_change(session))
		return;
	failures = memory_grow(NULL, count + 1, sizeof *failures);
	for (size_t i = 0; i < count; i++) {
		const json_t *error = json_array_get(session->report.errors, i);

		failures[i] = (struct ncm_log_failure){.code = (char *)member(error, "code"),
						       .message = (char *)member(error, "message"),
						       .model = (char *)member(error, "model")};
	}
	if (ncm_log_fail(session->log, exit_code, failures, count, &err) < 0)
		report_warning(&session->report, err.message);
	ncm_error_clear(&err);
	free(failures);
}

int session_fail(struct session *session, struct ncm_error *err)
{
	int code;

	session_quieten(session);
	code = report_error(&session->report, err, NULL);
	ncm_error_clear(err);
	return code;
}

void session_free(struct session *session)
{
	session_quieten(session);
	ncm_log_free(session->log);
	ncm_catalog_free(session->catalog);
	ncm_config_free(session->config);
	settings_free(&session->settings);
}
