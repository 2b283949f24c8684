/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/text.h"

static json_t *export_json(const char *format, const struct ncm_export *made)
{
	json_t *object = json_object();

	json_put_text(object, "format", format);
	json_put_text(object, "text", made->text);
	json_put(object, "models", json_words(&made->models));
	json_put(object, "left_out", json_words(&made->left_out));
	return object;
}

static int check_operands(const struct ncm_strings *operands, struct ncm_error *err)
{
	if (operands->count > 0)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "export of what?");
	return ncm_error_hint(err, "`ncmodel help export` lists them");
}

static void warn(const struct session *session, const struct ncm_export *made)
{
	for (size_t i = 0; i < made->left_out.count; i++) {
		AUTO_FREE char *safe = text_safe_path(made->left_out.items[i]);
		AUTO_FREE char *text = text_format("not in it: %s", safe);

		report_warning(&session->report, text);
	}
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_export *made;
	const char *format;

	if (check_operands(&session->settings.operands, &err) < 0 || session_selector_from(session, 1, &err) < 0 ||
	    session_config(session, &err) < 0)
		return session_fail(session, &err);
	format = session->settings.operands.items[0];
	session_catalog_if_any(session, "the profile's own stores are not told of");
	made = ncm_export(session->config, session->catalog, format, &session->settings.selector, &err);
	if (!made)
		return session_fail(session, &err);
	session->report.data = export_json(format, made);
	warn(session, made);
	if (!session->report.json)
		fputs(made->text, stdout);
	ncm_export_free(made);
	return 0;
}

static const char *const examples[] = {
    "ncmodel export compose --profile vector-weight > compose.yaml",
    "its two Ollama services, small and large",
    "ncmodel export llama-server > presets.ini && llama-server --models-preset presets.ini",
    "every GGUF file that is installed behind one server",
    "ncmodel export compose-gpu --store ollama-large --profile vector-weight > docker-compose.gpu.yml",
    "the graphics cards for the large one alone",
    "ncmodel export systemd mistral-7b > /etc/systemd/system/ncmodel-preload.service",
    "a model that is loaded at boot",
    NULL,
};

const struct command command_export = {
    .name = "export",
    .summary = "Print the configuration of a program that uses the models",
    .arguments = "FORMAT [MODEL...]",
    .words = "compose compose-gpu llama-swap llama-server litellm continue open-webui a1111 routes env systemd launchd "
	     "schtasks setup-ollama",
    .operands = OPERANDS_INSTALLED,
    .groups = {&options_selection},
    .description =
	"Prints a configuration made of models.json and the profile, and of nothing else; what neither says stays the "
	"program's own default. Formats: \"compose\" (Docker Compose: one Ollama a store, those without a model of "
	"phase 1 on demand; OLLAMA_NUM_PARALLEL and its like are passed on from whoever starts it), \"llama-swap\" "
	"(config.yaml), \"llama-server\" (presets of its router), \"litellm\" (config.yaml of its proxy), "
	"\"continue\" (config.yaml), \"open-webui\" (its variables), \"a1111\" (flags of the Stable Diffusion WebUI), "
	"\"routes\" (JSON: task, model, endpoint), \"env\" (variables of the stores, and what the profile's document "
	"says), \"systemd\" (a unit), \"launchd\" (an agent of macOS) and \"schtasks\" (a task of Windows) that have "
	"models loaded at start: those that are named, else the profile's preload set; \"compose-gpu\" (the cards, on "
	"top of compose's), \"setup-ollama\" (a script that has Ollama download the profile's models, for people to "
	"read). --store chooses among the services of compose.\n\n"
	"Ollama's stores are taken to be served at 127.0.0.1, ports 11434 and up in the layout's order, as \"compose\" "
	"has "
	"them; GGUF files by a llama.cpp server at port 8080. A model whose path a format has no spelling for is left "
	"out, with a warning.",
    .examples = examples,
    .run = run,
};
