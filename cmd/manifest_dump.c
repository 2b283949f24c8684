/* SPDX-License-Identifier: MIT */
#include "manifest.h"

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
	draft = manifest_draft_installed(session, &options, &err);
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
