/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "runtime_view.h"

static const char *keep_alive;

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_runtime_options options = runtime_options(session);
	struct ncm_runtime_report *report;

	if (runtime_named(session, &err) < 0 || (keep_alive && runtime_keep_alive(keep_alive, &options, &err) < 0) ||
	    session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_catalog_if_any(session, "models are known by the names of models.json and of the servers alone");
	report = ncm_runtime_load(session->config, session->catalog, &session->settings.operands, &options, &err);
	return report ? runtime_tell(session, report) : session_fail(session, &err);
}

static const struct option own[] = {
    {0, "keep-alive", OPTION_TEXT, .value = &keep_alive, .argument = "TIME",
     .help = "how long it stays without use: 300, 90s, 5m, 2h or forever (Ollama)"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel load llama-3.2-3b --keep-alive 1h",
    "on the first server that has it; it stays for an hour after its last use",
    "ncmodel load --server large=http://127.0.0.1:11435 qwen3-coder:30b",
    "by the server's own name for it",
    NULL,
};

const struct command command_load = {
    .name = "load",
    .summary = "Have a running server load models",
    .arguments = "MODEL...",
    .operands = OPERANDS_MODELS,
    .stops_in_order = true,
    .groups = {&own_group, &options_serving},
    .description =
	"Has the first server that has the model load it, and waits until the server lists it as loaded. A model is "
	"named as the server names it, or as models.json and the manifests do: then the name that Ollama has for its "
	"source, and the names of its GGUF files, are looked for. What is loaded is left as it is, but for a new "
	"--keep-alive; what sleeps (llama.cpp) is woken. Which servers there are `ncmodel help ps` says.\n\n"
	"Ends with 14 if a server that may have it does not answer, with 5 if none has it.",
    .examples = examples,
    .run = run,
};
