/* SPDX-License-Identifier: MIT */
/* Drafts of manifests, from the options to the file. */
#include "manifest.h"

#include "ui/text.h"

#include <stdio.h>
#include <string.h>

enum {
	LONGEST_TEXT = 1024,
};

int manifest_usage(struct session *session, const char *usage)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_USAGE, "manifest: that is not how it is used");
	ncm_error_hint(&err, "usage: ncmodel manifest %s", usage);
	return session_fail(session, &err);
}

int manifest_draft_options(const struct session *session, struct ncm_draft_options *options, struct ncm_error *err)
{
	const unsigned phases = session->settings.selector.phases;

	*options = (struct ncm_draft_options){.profile = session->settings.as_profile};
	for (unsigned phase = 1; phase <= 3; phase++) {
		if (phases == 1u << phase)
			options->phase = phase;
	}
	if (phases && !options->phase && session->settings.as_profile)
		return ncm_error_set(err, NCM_E_USAGE, "a manifest is of one phase: choose one with --phase");
	return 0;
}

struct ncm_draft *manifest_draft_installed(struct session *session, const struct ncm_draft_options *options,
					   struct ncm_error *err)
{
	if (session_config(session, err) < 0)
		return NULL;
	session_catalog_if_any(session, "what only manifests know is missing in the dump");
	return ncm_draft_dump(session->config, session->catalog, &session->settings.selector, options, err);
}

static void tell_signed(const struct session *session, const struct ncm_draft *draft)
{
	AUTO_FREE char *text =
	    text_format("%zu %s a signed address: it is written without the signature, and ends in "
			"#signed; put a new one in its place",
			draft->signed_count, text_plural(draft->signed_count, "model has", "models have"));

	if (draft->signed_count > 0)
		report_warning(&session->report, text);
}

static void tell_gaps(struct session *session, const struct ncm_draft *draft)
{
	json_t *gaps = json_array();

	for (size_t i = 0; i < draft->gap_count; i++) {
		const struct ncm_draft_gap *gap = &draft->gaps[i];
		AUTO_FREE char *text = gap->line > 0 ? text_format("line %zu is left out: %.*s: %s", gap->line,
								   LONGEST_TEXT, gap->what, gap->why)
						     : text_format("%s is left out: %s", gap->what, gap->why);
		json_t *object = json_object();

		report_warning(&session->report, text);
		json_put(object, "line", gap->line > 0 ? json_number(gap->line) : json_null());
		json_put_text(object, "what", gap->what);
		json_put_text(object, "reason", gap->why);
		json_push(gaps, object);
	}
	json_put(session->report.data, "left_out", gaps);
	tell_signed(session, draft);
}

static void tell_next(const struct session *session, const struct ncm_draft *draft, const char *file, const char *next)
{
	AUTO_FREE char *path = text_safe_long(file, LONGEST_TEXT);
	AUTO_FREE char *chosen =
	    session->settings.output ? text_format("-f %s", path) : text_format("--profile %s", draft->profile);

	report_note(&session->report, "Wrote %s: %zu %s.", path, draft->count,
		    text_plural(draft->count, "model", "models"));
	if (next)
		report_note(&session->report, "Next: `ncmodel %s %s`, then `ncmodel %s plan`.", chosen, next, chosen);
	else
		report_note(&session->report, "Next: `ncmodel %s plan` shows what a pull would do.", chosen);
}

int manifest_hand_out(struct session *session, const struct ncm_draft *draft, const char *next)
{
	const struct settings *settings = &session->settings;
	const bool to_file = settings->output && strcmp(settings->output, "-") != 0;
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *path = to_file ? text_copy(settings->output) : NULL;
	int failed = 0;

	session->report.data = json_object();
	tell_gaps(session, draft);
	if (!draft->text)
		return 0;
	if (to_file)
		failed = ncm_draft_save(draft, path, &err);
	else if (settings->as_profile && !settings->output)
		failed = ncm_draft_save_profile(session->config, draft, &path, &err);
	else if (!session->report.json)
		fputs(draft->text, stdout);
	if (failed)
		return session_fail(session, &err);
	if (path)
		tell_next(session, draft, path, next);
	json_put_text(session->report.data, "file", path);
	json_put_text(session->report.data, "profile", draft->profile);
	json_put_number(session->report.data, "phase", draft->phase);
	json_put_number(session->report.data, "model_count", draft->count);
	json_put(session->report.data, "manifest", json_loads(draft->text, 0, NULL));
	return 0;
}
