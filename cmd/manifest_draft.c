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

	*options = (struct ncm_draft_options){.profile = manifest_given.as_profile};
	for (unsigned phase = 1; phase <= 3; phase++) {
		if (phases == 1u << phase)
			options->phase = phase;
	}
	if (phases && !options->phase && manifest_given.as_profile)
		return ncm_error_set(err, NCM_E_USAGE, "a manifest is of one phase: choose one with --phase");
	return 0;
}

static struct ncm_draft *draft_installed(struct session *session, const struct ncm_draft_options *options,
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

static json_t *gap_object(const struct ncm_draft_gap *gap)
{
	json_t *object = json_object();

	json_put(object, "line", gap->line > 0 ? json_number(gap->line) : json_null());
	json_put_text(object, "what", gap->what);
	json_put_text(object, "reason", gap->why);
	return object;
}

static void tell_gaps(struct session *session, const struct ncm_draft *draft)
{
	json_t *gaps = json_array(), *notes = json_array();

	for (size_t i = 0; i < draft->gap_count; i++) {
		const struct ncm_draft_gap *gap = &draft->gaps[i];
		AUTO_FREE char *text = gap->line > 0 ? text_format("line %zu is left out: %.*s: %s", gap->line,
								   LONGEST_TEXT, gap->what, gap->why)
						     : text_format("%s is left out: %s", gap->what, gap->why);

		report_warning(&session->report, text);
		json_push(gaps, gap_object(gap));
	}
	for (size_t i = 0; i < draft->note_count; i++) {
		const struct ncm_draft_gap *note = &draft->notes[i];
		AUTO_FREE char *line = note->line > 0 ? text_format("line %zu: ", note->line) : text_copy("");
		AUTO_FREE char *what = text_safe_long(note->what, LONGEST_TEXT);
		AUTO_FREE char *why = text_safe_long(note->why, LONGEST_TEXT);

		report_note(&session->report, "%s%s %s", line, what, why);
		json_push(notes, gap_object(note));
	}
	json_put(session->report.data, "left_out", gaps);
	json_put(session->report.data, "notes", notes);
	tell_signed(session, draft);
}

static void tell_next(const struct session *session, const struct ncm_draft *draft, const char *file, const char *next)
{
	AUTO_FREE char *path = text_safe_long(file, LONGEST_TEXT), *word = text_word(path);
	AUTO_FREE char *chosen =
	    manifest_given.output ? text_format("-f %s", word) : text_format("--profile %s", draft->profile);

	report_note(&session->report, "Wrote %s: %zu %s.", path, draft->count,
		    text_plural(draft->count, "model", "models"));
	if (next)
		report_note(&session->report, "Next: `ncmodel %s %s`, then `ncmodel %s plan`.", chosen, next, chosen);
	else
		report_note(&session->report, "Next: `ncmodel %s plan` shows what a pull would do.", chosen);
}

int manifest_hand_out(struct session *session, const struct ncm_draft *draft, const char *next)
{
	const bool to_file = manifest_given.output && strcmp(manifest_given.output, "-") != 0;
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *path = to_file ? text_copy(manifest_given.output) : NULL;
	int failed = 0;

	session->report.data = json_object();
	tell_gaps(session, draft);
	if (!draft->text)
		return 0;
	if (to_file)
		failed = ncm_draft_save(draft, path, &err);
	else if (manifest_given.as_profile && !manifest_given.output)
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

int manifest_dump(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_draft_options options;
	struct ncm_draft *draft;
	int exit_code;

	if (session_selector_from(session, 1, &err) < 0)
		return session_fail(session, &err);
	/* It says whose the manifest is to be. */
	ncm_strings_free(&session->settings.selector.profiles);
	if (manifest_draft_options(session, &options, &err) < 0)
		return session_fail(session, &err);
	draft = draft_installed(session, &options, &err);
	if (!draft)
		return session_fail(session, &err);
	exit_code = manifest_hand_out(session, draft, NULL);
	if (!draft->text && draft->gap_count == 0) {
		ncm_error_set(&err, NCM_E_USAGE, "there is nothing to dump: nothing is installed");
		ncm_error_hint(&err, "`ncmodel manifest init NAME` writes a small manifest to begin with");
	} else if (!draft->text) {
		ncm_error_set(&err, NCM_E_USAGE, "nothing is left to dump");
	}
	ncm_draft_free(draft);
	return err.code != NCM_OK ? session_fail(session, &err) : exit_code;
}

static bool is_anything_installed(struct session *session, bool *installed, struct ncm_error *err)
{
	struct ncm_registry *registry =
	    session_config(session, err) < 0 ? NULL : ncm_registry_load(session->config, err);

	*installed = registry && registry->count > 0;
	ncm_registry_free(registry);
	return registry != NULL;
}

/* Of what is installed, or, when that is nothing that can be pulled again, of one example. */
static struct ncm_draft *make(struct session *session, const struct ncm_draft_options *options, struct ncm_error *err)
{
	struct ncm_draft *draft;
	bool installed;

	if (!is_anything_installed(session, &installed, err))
		return NULL;
	if (!installed)
		return ncm_draft_starter(session->config, options, err);
	draft = draft_installed(session, options, err);
	if (draft && !draft->text) {
		ncm_draft_free(draft);
		draft = ncm_draft_starter(session->config, options, err);
	}
	return draft;
}

int manifest_init(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings *settings = &session->settings;
	struct ncm_draft_options options;
	struct ncm_draft *draft;
	int exit_code;

	if (settings->operands.count != 2 || manifest_given.as_profile || manifest_given.output)
		return manifest_usage(session, "init NAME");
	manifest_given.as_profile = settings->operands.items[1];
	if (manifest_draft_options(session, &options, &err) < 0)
		return session_fail(session, &err);
	settings->selector.phases = 0; /* of the manifest, not of the models */
	draft = make(session, &options, &err);
	if (!draft)
		return session_fail(session, &err);
	exit_code = manifest_hand_out(session, draft, NULL);
	ncm_draft_free(draft);
	return exit_code;
}
