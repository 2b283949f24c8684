/* SPDX-License-Identifier: MIT */
#include "session.h"

#include "command.h"

#include "given.h"
#include "ui/ask.h"
#include "ui/progress.h"
#include "ui/text.h"

#include <ncmodel/console.h>
#include <string.h>

/* The caller frees the result. */
static char *absolute(const char *path)
{
	AUTO_FREE char *here = ncm_path_is_absolute(path) ? NULL : ncm_console_folder();

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
	if (settings->speed_limit.given)
		config->speed_limit = settings->speed_limit.value;
	if (settings->speed_time.given)
		config->speed_time = (unsigned)settings->speed_time.value;
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
	for (size_t i = 0; i < settings->insecure_registries.count; i++) {
		if (ncm_config_add_insecure_registry(config, settings->insecure_registries.items[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < settings->bundles.count; i++) {
		if (ncm_config_add_bundle(config, settings->bundles.items[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < settings->profiles.count; i++) {
		const char *name = settings->profiles.items[i];

		if (i > 0)
			ncm_config_add_profile(config, name);
		else if (ncm_config_set_profiles(config, name, err) < 0)
			return -1;
	}
	if (settings->servers.count > 0 &&
	    ncm_config_set_servers(config, settings->servers.items, settings->servers.count, err) < 0)
		return -1;
	if (settings->layout)
		set_layout(config, settings->layout);
	set_path(&config->lock, settings->lock);
	set_path(&config->cacert, settings->cacert);
	set_numbers(config, settings);
	config->allow_http_token = config->allow_http_token || settings->allow_http_token;
	return 0;
}

static void warn_of_tokens(const struct session *session)
{
	for (size_t i = 0; i < session->config->endpoint_count; i++) {
		const struct ncm_endpoint *endpoint = &session->config->endpoints[i];
		AUTO_FREE char *text = NULL;

		if (!endpoint->token_exposed)
			continue;
		text = text_format("other users can read the %s token in %s; `chmod 600` makes it yours alone",
				   endpoint->title, endpoint->token_from ? endpoint->token_from : "its file");
		report_warning(&session->report, text);
	}
}

int session_config(struct session *session, struct ncm_error *err)
{
	if (session->config)
		return 0;
	if (given_check(&session->settings, err) < 0)
		return -1;
	session->config = ncm_config_load(session->settings.config, err);
	if (!session->config)
		return -1;
	warn_of_tokens(session);
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

static bool selects_by_filter(const struct ncm_selector *selector)
{
	return selector->phases || selector->priorities.count || selector->use_cases.count || selector->tags.count ||
	       selector->licenses.count || selector->sources.count || selector->stores.count;
}

bool session_selects(const struct session *session)
{
	return session->settings.operands.count || selects_by_filter(&session->settings.selector);
}

static void add_phases(struct ncm_strings *text, unsigned phases)
{
	struct ncm_strings numbers = {0};
	AUTO_FREE char *list = NULL;
	AUTO_FREE char *word = NULL;

	for (unsigned phase = 1; phase <= 3; phase++) {
		AUTO_FREE char *number = text_format("%u", phase);

		if (phases & 1u << phase)
			words_add(&numbers, number);
	}
	list = words_join(&numbers, ",");
	word = text_format("--phase %s", list);
	if (phases)
		words_add(text, word);
	ncm_strings_free(&numbers);
}

static void add_selector(struct ncm_strings *text, const char *option, const struct ncm_strings *words)
{
	AUTO_FREE char *list = words_join(words, ",");
	AUTO_FREE char *word = text_format("%s %s", option, list);

	if (words->count > 0)
		words_add(text, word);
}

char *session_selectors(const struct session *session)
{
	AUTO_FREE char *profiles = words_join(&session->settings.profiles, ",");
	AUTO_FREE char *filters = session_filters(session, true);

	if (!*profiles)
		return text_copy(filters);
	return text_format("--profile %s%s%s", profiles, *filters ? " " : "", filters);
}

char *session_filters(const struct session *session, bool with_phase)
{
	const struct ncm_selector *selector = &session->settings.selector;
	struct ncm_strings text = {0};
	AUTO_FREE char *variant = selector->variant ? text_format("--variant %s", selector->variant) : NULL;
	char *all;

	add_phases(&text, with_phase ? selector->phases : 0);
	add_selector(&text, "--priority", &selector->priorities);
	add_selector(&text, "--usecase", &selector->use_cases);
	add_selector(&text, "--tag", &selector->tags);
	add_selector(&text, "--license", &selector->licenses);
	add_selector(&text, "--source", &selector->sources);
	add_selector(&text, "--store", &selector->stores);
	if (session->settings.all)
		words_add(&text, "--all");
	if (variant)
		words_add(&text, variant);
	all = words_join(&text, " ");
	ncm_strings_free(&text);
	return all;
}

int session_selector(struct session *session, struct ncm_error *err)
{
	return session_selector_from(session, 0, err);
}

int session_selector_from(struct session *session, size_t first, struct ncm_error *err)
{
	struct settings *settings = &session->settings;

	if (settings->all && (settings->operands.count > first || selects_by_filter(&settings->selector))) {
		ncm_error_set(err, NCM_E_USAGE, "--all and another selector contradict each other");
		return ncm_error_hint(err, "leave out one of them");
	}
	for (size_t i = first; i < settings->operands.count; i++) {
		if (!*settings->operands.items[i]) {
			ncm_error_set(err, NCM_E_USAGE, "a model's name is empty");
			return ncm_error_hint(err, "`ncmodel list -q` and `ncmodel list --available -q` print the ids");
		}
		words_add(&settings->selector.names, settings->operands.items[i]);
	}
	for (size_t i = 0; i < settings->profiles.count; i++)
		words_add_new(&settings->selector.profiles, settings->profiles.items[i]);
	return 0;
}

bool session_prints(const struct session *session)
{
	return !session->report.json && !session->settings.quiet;
}

bool session_can_ask(const struct session *session)
{
	return !session->report.json && !session->report.events && ask_possible();
}

bool session_ask(struct session *session, const char *question, const char *nothing, int *exit_code)
{
	const enum answer answer = ask(question, ANSWER_NO);

	if (answer == ANSWER_YES)
		return true;
	report_note(&session->report, "%s", nothing);
	*exit_code = answer == ANSWER_INTERRUPTED ? ncm_errc_exit(NCM_E_INTERRUPTED) : 0;
	return false;
}

/* Programs find warnings in the document, too. */
static void tell(void *context, const struct ncm_event *event)
{
	const struct session *session = context;

	if (event->type == NCM_EVENT_WARNING && event->text)
		report_warned(&session->report, event->text);
	ncm_emit(&session->shown, event);
}

void session_progress(struct session *session)
{
	const struct settings *settings = &session->settings;
	const struct progress_manner manner = {settings->progress, settings->quiet, settings->verbose > 0};
	const struct ncm_sink kept = {tell, session};

	session->progress = progress_new(&manner, &session->shown);
	if (!session->log)
		session->log = ncm_log_new(session->config, session->command->name);
	session->sink = ncm_log_sink(session->log, &kept);
}

void session_quieten(struct session *session)
{
	progress_free(session->progress);
	session->progress = NULL;
	session->sink = (struct ncm_sink){0};
}

static bool was_to_change(const struct session *session)
{
	return session->log && session->changes && !session->settings.dry_run;
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
	ncm_workflow_choice_free(&session->workflow_choice);
	ncm_workflow_free(session->workflow);
	ncm_catalog_free(session->catalog);
	ncm_config_free(session->config);
	settings_free(&session->settings);
}
