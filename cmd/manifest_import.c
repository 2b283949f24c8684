/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include "given.h"
#include "ui/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	PIECE = 1 << 16,
};

static enum ncm_draft_format format_of(const char *name)
{
	for (int i = NCM_DRAFT_DETECT + 1; name && i <= NCM_DRAFT_REGISTRY; i++) {
		if (strcmp(name, ncm_draft_format_name((enum ncm_draft_format)i)) == 0)
			return (enum ncm_draft_format)i;
	}
	return NCM_DRAFT_DETECT;
}

/* A byte more than a list may have is enough to know that it has too many. The caller frees the text. */
static char *read_all(FILE *in, size_t *size)
{
	char *text = NULL;
	size_t got;

	*size = 0;
	do {
		text = memory_grow(text, *size + PIECE, 1);
		got = fread(text + *size, 1, PIECE, in);
		*size += got;
	} while (got > 0 && *size <= NCM_LIMIT_MANIFEST_BYTES);
	return text;
}

/* "-" is standard input. The caller frees the text. */
static char *read_list(const char *path, size_t *size, struct ncm_error *err)
{
	const bool standard = strcmp(path, "-") == 0;
	FILE *in = standard ? stdin : fopen(path, "re");
	char *text;

	if (!in) {
		ncm_error_errno(err, errno, "cannot read %s", path);
		return NULL;
	}
	errno = 0;
	text = read_all(in, size);
	if (ferror(in)) {
		ncm_error_errno(err, errno, "cannot read %s", path);
		free(text);
		text = NULL;
	}
	if (!standard)
		fclose(in);
	return text;
}

/* What was left out has been told one by one; the exit code is to say so too. */
static int conclude(struct session *session, const struct ncm_draft *draft, const char *path)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *shown = text_safe_path(path);

	if (!draft->text && draft->gap_count == 0) {
		ncm_error_set(&err, NCM_E_USAGE, "%s lists nothing", shown);
		return session_fail(session, &err);
	}
	if (draft->gap_count == 0)
		return 0;
	ncm_error_set(&err, NCM_E_MANIFEST, "%zu %s of %s could not be taken%s", draft->gap_count,
		      text_plural(draft->gap_count, "entry", "entries"), shown, draft->text ? "; the others were" : "");
	return session_fail(session, &err);
}

/* "llama3, phi4 and 12 more" */
static char *words_of(const struct ncm_draft *draft)
{
	enum { MOST_SHOWN = 20 };
	json_t *manifest = json_loads(draft->text ? draft->text : "{}", 0, NULL);
	const json_t *models = json_object_get(manifest, "models");
	char *text = text_copy("");

	for (size_t i = 0; i < json_array_size(models) && i < MOST_SHOWN; i++) {
		AUTO_FREE char *before = text;
		AUTO_FREE char *name = text_safe(json_string_value(json_object_get(json_array_get(models, i), "name")));

		text = text_format("%s%s%s", before, i > 0 ? ", " : "", name);
	}
	if (json_array_size(models) > MOST_SHOWN) {
		AUTO_FREE char *before = text;

		text = text_format("%s and %zu more", before, json_array_size(models) - MOST_SHOWN);
	}
	json_decref(manifest);
	return text;
}

/* A text of bare words may be anything: whose words they are is asked. If it is not to go on, *exit_code says so. */
static bool confirm(struct session *session, const struct ncm_draft *draft, int *exit_code)
{
	AUTO_FREE char *words = draft->is_words ? words_of(draft) : NULL;
	AUTO_FREE char *question = words ? text_format("Are these names of Ollama models: %s?", words) : NULL;
	struct ncm_error err = NCM_ERROR_INIT;

	*exit_code = 0;
	if (!draft->is_words || !draft->text || session->settings.yes)
		return true;
	if (!session_can_ask(session)) {
		ncm_error_set(&err, NCM_E_USAGE, "the list is bare words, which may be names of Ollama models: %s",
			      words);
		ncm_error_hint(&err, "if they are, say so with -y");
		*exit_code = session_fail(session, &err);
		return false;
	}
	return session_ask(session, question, "Nothing was written.", exit_code);
}

int manifest_import(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct settings *settings = &session->settings;
	struct ncm_draft_options options;
	struct ncm_draft *draft = NULL;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int exit_code;

	if (settings->operands.count != 2)
		return manifest_usage(session, "import FILE");
	if (strcmp(settings->operands.items[1], "-") != 0 &&
	    given_file("manifest import", settings->operands.items[1], &err) < 0)
		return session_fail(session, &err);
	if (session_config(session, &err) < 0 || manifest_draft_options(session, &options, &err) < 0)
		return session_fail(session, &err);
	options.to = settings->selector.to;
	options.custom_nodes = settings->custom_nodes;
	options.format = format_of(manifest_given.format);
	options.path = strcmp(settings->operands.items[1], "-") != 0 ? settings->operands.items[1] : NULL;
	if (options.format == NCM_DRAFT_DETECT && ncm_workflow_is_in(settings->operands.items[1]))
		return manifest_workflow(session, settings->operands.items[1], &options);
	text = read_list(settings->operands.items[1], &size, &err);
	if (text)
		draft = ncm_draft_import(session->config, text, size, &options, &err);
	if (text && !draft && err.code == NCM_E_MANIFEST)
		ncm_error_wrap(&err, "%s", settings->operands.items[1]);
	if (!draft)
		return session_fail(session, &err);
	if (confirm(session, draft, &exit_code)) {
		exit_code = manifest_hand_out(session, draft, "lock");
		if (exit_code == 0)
			exit_code = conclude(session, draft, settings->operands.items[1]);
	}
	ncm_draft_free(draft);
	return exit_code;
}
