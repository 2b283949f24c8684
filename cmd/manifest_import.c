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
	static const enum ncm_draft_format formats[] = {NCM_DRAFT_OLLAMA, NCM_DRAFT_COMFYUI, NCM_DRAFT_URLS};

	for (size_t i = 0; name && i < sizeof formats / sizeof *formats; i++) {
		if (strcmp(name, ncm_draft_format_name(formats[i])) == 0)
			return formats[i];
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
	if (!manifest_given.format && ncm_workflow_is_in(settings->operands.items[1]))
		return manifest_workflow(session, settings->operands.items[1], &options);
	options.to = settings->selector.to;
	options.format = format_of(manifest_given.format);
	text = read_list(settings->operands.items[1], &size, &err);
	if (text)
		draft = ncm_draft_import(session->config, text, size, &options, &err);
	if (text && !draft && err.code == NCM_E_MANIFEST)
		ncm_error_wrap(&err, "%s", settings->operands.items[1]);
	if (!draft)
		return session_fail(session, &err);
	exit_code = manifest_hand_out(session, draft, "lock");
	if (exit_code == 0)
		exit_code = conclude(session, draft, settings->operands.items[1]);
	ncm_draft_free(draft);
	return exit_code;
}
