/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include "command.h"
#include "given.h"
#include "ui/text.h"

#include <stdio.h>
#include <string.h>

struct manifest_given manifest_given;

static json_t *faults_of(const struct ncm_error *err)
{
	json_t *faults = json_array();

	for (const char *at = err->message ? err->message : ""; *at;) {
		const size_t length = strcspn(at, "\n");
		AUTO_FREE char *line = text_format("%.*s", (int)length, at);

		if (length > 0)
			json_push(faults, json_text(line));
		at += length + (at[length] == '\n');
	}
	return faults;
}

/* Tells one file's verdict; returns its class. */
static enum ncm_errc check(struct session *session, const char *path, json_t *files)
{
	struct ncm_error err = NCM_ERROR_INIT;
	json_t *file = json_object();
	enum ncm_errc class = NCM_OK;

	json_put_text(file, "file", path);
	if (ncm_manifest_check(session->config, path, &err) < 0) {
		class = err.code;
		json_put(file, "faults", faults_of(&err));
		report_error(&session->report, &err, NULL);
	} else {
		AUTO_FREE char *safe = text_safe_path(path);

		json_put(file, "faults", json_array());
		if (session_prints(session))
			printf("ok  %s\n", safe);
	}
	json_put_flag(file, "ok", class == NCM_OK);
	json_push(files, file);
	ncm_error_clear(&err);
	return class;
}

static int manifest_check(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;
	json_t *files = json_array();
	int exit_code = 0;

	session->report.data = json_object();
	json_put(session->report.data, "files", files);
	if (operands->count < 2)
		return manifest_usage(session, "check FILE...");
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	for (size_t i = 1; i < operands->count; i++) {
		const int code = report_exit_code(check(session, operands->items[i], files));

		exit_code = exit_code == 0 || exit_code == code ? (code ? code : exit_code) : code ? 1 : exit_code;
	}
	return exit_code;
}

static const struct {
	const char *name;
	int (*run)(struct session *session);
} actions[] = {
    {"check", manifest_check},
    {"dump", manifest_dump},
    {"import", manifest_import},
    {"init", manifest_init},
};

/* The selectors are dump's; --phase is of the manifest elsewhere, and --profile may say where to look. */
static int check_selectors(const struct session *session, const char *action, struct ncm_error *err)
{
	const bool takes_phase = strcmp(action, "check") != 0;
	AUTO_FREE char *selectors = session_filters(session, takes_phase);

	if (strcmp(action, "dump") == 0 || !*selectors)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "manifest %s chooses no models, so it takes no %s", action, selectors);
	return ncm_error_hint(err, "of what can be done with a manifest, selectors are for `ncmodel manifest dump`");
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;

	for (size_t i = 0; operands->count > 0 && i < sizeof actions / sizeof *actions; i++) {
		if (strcmp(actions[i].name, operands->items[0]) != 0)
			continue;
		if (check_selectors(session, actions[i].name, &err) < 0 ||
		    given_output("--output", manifest_given.output, &err) < 0)
			return session_fail(session, &err);
		return actions[i].run(session);
	}
	if (operands->count > 0)
		ncm_error_set(&err, NCM_E_USAGE, "manifest: \"%s\" is not something to do with a manifest",
			      operands->items[0]);
	else
		ncm_error_set(&err, NCM_E_USAGE, "manifest: what is to be done?");
	ncm_error_hint(&err, "usage: ncmodel manifest %s", session->command->arguments);
	return session_fail(session, &err);
}

static const struct option own[] = {
    {'o', "output", OPTION_TEXT, .value = &manifest_given.output, .argument = "FILE",
     .help = "write the manifest to this file instead of standard output", .completes = COMPLETES_FILE},
    {0, "as-profile", OPTION_TEXT, .value = &manifest_given.as_profile, .argument = "NAME",
     .help = "the profile that the manifest is of; without -o it becomes a phase of that profile of your own",
     .completes = COMPLETES_PROFILE},
    {0, "format", OPTION_TEXT, .value = &manifest_given.format, .argument = "FORMAT",
     .help = "what an imported list is, where its content does not tell: ollama, comfyui, urls, script, headings, "
	     "comfy-lock, extra-paths or models.json",
     .words = "ollama comfyui urls script headings comfy-lock extra-paths models.json"},
    {'y', "yes", OPTION_FLAG, offsetof(struct settings, yes),
     .help = "take a list of bare words for names of Ollama models, without asking"},
    {0, "custom-nodes", OPTION_FLAG, offsetof(struct settings, custom_nodes),
     .help = "import: of a workflow its packs of nodes, too, as archives"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel manifest check phase-1-high.json",
    "every fault, with its line and JSON path",
    "ncmodel manifest dump -o my-models.json",
    "everything that is installed, pinned, to be pulled on another machine",
    "ncmodel manifest import pull-models.sh --as-profile mine",
    "a profile from a script of `ollama pull` lines",
    "ncmodel manifest import urls.txt --to comfyui/loras",
    "addresses, one a line, for one folder",
    "ncmodel manifest import portrait.png -o portrait.json",
    "the files that a ComfyUI workflow asks for",
    "ncmodel manifest init mine",
    "a profile of your own from what is installed, or a small one to begin with",
    NULL,
};

const struct command command_manifest = {
    .name = "manifest",
    .summary = "Check manifests, or make them from what is there",
    .arguments = "check FILE... | dump [MODEL...] | import FILE | init NAME",
    .words = "check dump import init",
    .operands = OPERANDS_FILES,
    .groups = {&own_group, &options_selection, &options_placing},
    .description =
	"check: tells all faults of all files in one go, each as FILE:LINE: JSON path: reason.\n\n"
	"dump: prints a manifest of what models.json has, every file pinned by size and SHA-256. Models are chosen "
	"as for list, but --profile is the profile that the manifest is of. One whose source nothing tells is left out "
	"with a warning.\n\n"
	"import: makes a manifest of a list of another tool's, which it knows by its content: a shell script that "
	"downloads (wget, curl, aria2c, hf, huggingface-cli, comfy, git clone of Hugging Face, ollama pull; arrays, "
	"loops, functions and here-documents are followed, and nothing is run), addresses, one a line, with a path "
	"beside them or aria2's dir=, out= and checksum= below, addresses below headings as the batchlinks extension "
	"has "
	"them, ComfyUI-Manager's model-list.json, comfy-cli's comfy-lock.yaml, ComfyUI's extra_model_paths.yaml (what "
	"is registered in its folders), a models.json, what `ollama list` prints, a ComfyUI workflow (its JSON, or a "
	"picture or video "
	"that has it in it), or bare Ollama names, which are "
	"asked "
	"about. A folder that a list names becomes that of the application here; tokens are dropped. FILE may be - for "
	"standard input. What cannot be taken is told with its line and left out; the exit code is 2 then, and the "
	"rest "
	"is written all the same. Nothing is looked up: `ncmodel lock` pins what has no digest.\n\n"
	"init: writes the first manifest of a profile of your own, of what is installed, or of one example. Nothing "
	"is ever overwritten.\n\n"
	"--phase chooses models for dump; for import and init it is the phase of the manifest.",
    .examples = examples,
    .run = run,
};
