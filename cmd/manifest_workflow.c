/* SPDX-License-Identifier: MIT */
/* `ncmodel manifest import` of a ComfyUI workflow. */
#include "manifest.h"

#include "ui/text.h"
#include "workflow_view.h"

/* What was left out has been told one by one; the exit code is to say so too. */
static int conclude(struct session *session, const struct ncm_draft *draft, const char *path)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (draft->gap_count == 0)
		return 0;
	ncm_error_set(&err, NCM_E_MANIFEST, "%zu %s of %s could not be taken%s", draft->gap_count,
		      text_plural(draft->gap_count, "file", "files"), path, draft->text ? "; the others were" : "");
	return session_fail(session, &err);
}

/* Manifests know where files of some names come from. */
static struct ncm_draft *draft_of(struct session *session, const char *path, const struct ncm_draft_options *options,
				  struct ncm_error *err)
{
	struct ncm_workflow *workflow = ncm_workflow_read(path, err);
	struct ncm_draft *draft = NULL;

	if (workflow && workflow->count == 0) {
		ncm_error_set(err, NCM_E_USAGE, "%s names no models", path);
	} else if (workflow && workflow_widen(session, err) == 0) {
		session_catalog_if_any(session, "files without an address are not looked for in manifests");
		draft = ncm_draft_workflow(session->config, workflow, session->catalog, options, err);
	}
	ncm_workflow_free(workflow);
	return draft;
}

int manifest_workflow(struct session *session, const char *path, struct ncm_draft_options *options)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_draft *draft;
	int exit_code;

	options->to = session->settings.selector.to;
	options->custom_nodes = session->settings.custom_nodes;
	draft = draft_of(session, path, options, &err);

	if (!draft)
		return session_fail(session, &err);
	exit_code = manifest_hand_out(session, draft, "lock");
	if (exit_code == 0)
		exit_code = conclude(session, draft, path);
	ncm_draft_free(draft);
	return exit_code;
}
