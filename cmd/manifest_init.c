/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include "ui/text.h"

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
	draft = manifest_draft_installed(session, options, err);
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

	if (settings->operands.count != 2 || settings->as_profile || settings->output)
		return manifest_usage(session, "init NAME");
	settings->as_profile = settings->operands.items[1];
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
