/* SPDX-License-Identifier: MIT */
/* Tasks that the profile's document gives to the cloud, always or while nothing local answers. */
#include "select_view.h"

#include "runtime_view.h"
#include "ui/text.h"

enum { SECONDS = 3 }; /* a program on this machine answers at once or not at all */

int selection_take_cloud(struct selection *selection, struct ncm_error *err)
{
	struct ncm_strings options = {0};
	AUTO_FREE char *list = NULL;

	selection_add_options(&options, ncm_task_demands(selection->task));
	list = words_join(&options, " and ");
	ncm_strings_free(&options);
	if (!*list) {
		selection->cloud = selection->rule->cloud;
		return 0;
	}
	ncm_error_set(err, NCM_E_NO_FIT, "the document gives %s to the cloud (%s), and of that model nobody states %s",
		      selection->rule->task ? selection->rule->task : "it", selection->rule->cloud, list);
	return ncm_error_hint(err, "without %s the answer is the document's; a model of your own: --usecase", list);
}

static bool any_answers(const struct ncm_runtime_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		if (view->servers[i].error.code == NCM_OK)
			return true;
	}
	return false;
}

/* The cloud is given nothing that is asked to be kept to a tier, or to what is installed. */
static void fall_back(struct selection *selection)
{
	const struct ncm_rule *rule = selection->rule;

	if (rule && rule->fallback && !selection->cloud && !selection->task->privacy_tier &&
	    !selection->task->installed)
		selection->cloud = selection->fallback = rule->fallback;
}

int selection_ask_runtime(struct session *session, struct selection *selection)
{
	struct ncm_runtime_options options = runtime_options(session);
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_runtime_view *view;
	int exit_code = 0;

	if (options.seconds == 0)
		options.seconds = SECONDS;
	view = ncm_runtime_look(session->config, &options, &err);
	if (!view)
		return session_fail(session, &err);
	if (!any_answers(view)) {
		fall_back(selection);
		exit_code = view->count > 0 ? report_error(&session->report, &view->servers[0].error, NULL) : 0;
	}
	ncm_runtime_view_free(view);
	return exit_code;
}
