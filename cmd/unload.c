/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "runtime_view.h"

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_runtime_options options = runtime_options(session);
	struct ncm_runtime_report *report;

	if (runtime_named(session, &err) < 0 || session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_catalog_if_any(session, "models are known by the names of models.json and of the servers alone");
	report = ncm_runtime_unload(session->config, session->catalog, &session->settings.operands, &options, &err);
	return report ? runtime_tell(session, report) : session_fail(session, &err);
}

static const char *const examples[] = {
    "ncmodel unload deepseek-coder-v2",
    "gives its memory back, on every server that has it loaded",
    NULL,
};

const struct command command_unload = {
    .name = "unload",
    .summary = "Have running servers unload models",
    .arguments = "MODEL...",
    .operands = OPERANDS_MODELS,
    .stops_in_order = true,
    .groups = {&options_serving},
    .description = "Has every server on which the model is loaded unload it, and waits until it is gone: 30 "
		   "seconds at most (--timeout), however many there are. Nothing on disk changes. Names and servers "
		   "are as for load. A model that is not loaded is told as that, and "
		   "is no failure.",
    .examples = examples,
    .run = run,
};
