/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ps_gpu.h"
#include "runtime_view.h"
#include "ui/text.h"

static bool available;

static void print_available(const struct ncm_runtime_server *server)
{
	AUTO_FREE char *names = words_join(&server->offered, "\n    ");

	if (available && server->offered.count > 0)
		printf("  it has\n    %s\n", names);
}

static int tell(struct session *session, const struct ncm_runtime_view *view)
{
	int exit_code = 0;

	session->report.data = json_object();
	json_put(session->report.data, "servers", runtime_servers_json(view));
	for (size_t i = 0; i < view->count; i++) {
		const struct ncm_runtime_server *server = &view->servers[i];
		int code = 0;

		if (server->error.code != NCM_OK) {
			code = report_error(&session->report, &server->error, NULL);
		} else if (!session->report.json) {
			runtime_print_server(server);
			print_available(server);
		}
		if (code != 0)
			exit_code = exit_code == 0 || exit_code == code ? code : 1;
	}
	json_put(session->report.data, "gpu", ps_gpu(view, session->report.json));
	return exit_code;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_runtime_options options = runtime_options(session);
	struct ncm_runtime_view *view;
	int exit_code;

	options.offered = available;
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	view = ncm_runtime_look(session->config, &options, &err);
	if (!view)
		return session_fail(session, &err);
	exit_code = tell(session, view);
	ncm_runtime_view_free(view);
	return exit_code;
}

static const struct option own[] = {
    {0, "available", OPTION_FLAG, .value = &available, .help = "what each server could load, too"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel ps",
    "what Ollama at OLLAMA_HOST, or the configured servers, have loaded, how much of it on the GPU, and until when",
    "ncmodel ps --server small=http://127.0.0.1:11434 --server large=http://127.0.0.1:11435",
    "two servers at once",
    NULL,
};

const struct command command_ps = {
    .name = "ps",
    .summary = "Show which models are loaded, and where",
    .arguments = "",
    .operands = OPERANDS_NONE,
    .stops_in_order = true,
    .groups = {&own_group, &options_serving},
    .description =
	"Asks the programs that run models what they have loaded: Ollama, LM Studio (0.4 and newer), or llama.cpp's "
	"llama-server started without a model. What each is it is asked first, so that whatever else listens there is "
	"told as that. What a server does not tell is \"?\": LM Studio and llama.cpp tell no memory and no time. "
	"If the machine has a graphics card, what of its memory is used is held against what the servers on this "
	"machine say that their models take, and the rest, which none explains, is told.\n\n"
	"The servers are those of --server, else of the configuration's \"servers\"; one called \"ollama\" is at "
	"OLLAMA_HOST, and is the only one (at 127.0.0.1:11434 unless said otherwise) if none is configured. No token "
	"is sent to any. Ends with 14 if one does not answer.",
    .examples = examples,
    .run = run,
};
