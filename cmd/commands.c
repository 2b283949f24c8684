/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/nearest.h"

#include <string.h>

const struct command *const commands[] = {
    &command_plan,
    &command_pull,
    &command_verify,
    &command_list,
    &command_show,
    &command_adopt,
    &command_link,
    &command_rm,
    &command_mv,
    &command_gc,
    &command_df,
    &command_stores,
    &command_log,
    &command_lock,
    &command_diff,
    &command_outdated,
    &command_manifest,
    &command_profiles,
    &command_limits,
    &command_completion,
    &command_help,
    &command_version,
    NULL,
};

const struct command *command_find(const char *name, struct ncm_error *err)
{
	struct nearest nearest = {.typed = name};

	for (const struct command *const *command = commands; *command; command++) {
		if (strcmp((*command)->name, name) == 0 || ((*command)->alias && strcmp((*command)->alias, name) == 0))
			return *command;
		nearest_offer(&nearest, (*command)->name);
	}
	ncm_error_set(err, NCM_E_USAGE, "there is no command \"%s\"", name);
	if (nearest.best)
		ncm_error_hint(err, "did you mean `ncmodel %s`?", nearest.best);
	else
		ncm_error_hint(err, "`ncmodel help` lists the commands");
	return NULL;
}

const struct topic topics_exit[] = {
    {"0", "Done; everything asked for is present, verified and registered."},
    {"1", "Another failure, failures of several classes, or standard output could not be written."},
    {"2", "Wrong usage, an unknown model, or a bad manifest or configuration."},
    {"3", "Changes are pending: plan and diff with --exit-code, lock --check, outdated."},
    {"4", "Verify found damage or something missing; adopt refused such files."},
    {"5", "The source does not have it."},
    {"6", "A token is missing or rejected, or a licence is not accepted."},
    {"7", "The network failed, after all tries; after three seconds if no server answers at all."},
    {"8", "The server limits the rate."},
    {"9", "Not enough disk space; nothing was written."},
    {"10", "A checksum or size differs from what is pinned or published."},
    {"11", "Refused by policy: pickle, a foreign file, unpinned with --locked."},
    {"12", "Reserved for: it does not fit. Nothing ends so yet."},
    {"13", "Another ncmodel holds the store (--no-wait)."},
    {"14", "Reserved for: the runtime cannot be reached. Nothing ends so yet."},
    {"129, 130, 143", "Interrupted by SIGHUP, SIGINT or SIGTERM; the same command goes on."},
    {NULL, NULL},
};

const struct topic topics_environment[] = {
    {"NCMODEL_ROOT, NCMODEL_PROFILE, NCMODEL_LAYOUT, NCMODEL_CONFIG, NCMODEL_LOCK, NCMODEL_MANIFEST_DIR",
     "As the options of the same names. NCMODEL_PROFILE may name several: noa,nexus."},
    {"NCMODEL_REGISTRY", "The path of models.json."},
    {"NCMODEL_STORE_<STORE>", "The folder of one store; a dash of its name is spelled as an underscore."},
    {"NCMODEL_JOBS, NCMODEL_CONNECTIONS, NCMODEL_LIMIT_RATE, NCMODEL_RESERVE",
     "Files at once, connections to a host, bytes a second, disk space to leave free."},
    {"NCMODEL_DATADIR", "The folder of the manifests and layouts that come with ncmodel."},
    {"HF_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT", "As the tools of Hugging Face use them."},
    {"CIVITAI_TOKEN, CIVITAI_API_TOKEN, NCMODEL_CIVITAI_ENDPOINT", "Civitai's token and what stands in for it."},
    {"OLLAMA_MODELS, NCMODEL_OLLAMA_REGISTRY", "Ollama's store, and what stands in for registry.ollama.ai."},
    {"https_proxy, http_proxy, all_proxy, no_proxy, SSL_CERT_FILE", "The proxy and the trusted certificates."},
    {"XDG_STATE_HOME", "Where ncmodel/log.jsonl lies; ~/.local/state unless set."},
    {"NO_COLOR, CLICOLOR_FORCE, TERM",
     "Never colour; colour even off a terminal; no colour and no bars when it is \"dumb\"."},
    {"LC_ALL, LC_CTYPE, LANG", "The first that is set says whether there are letters beyond ASCII: if it names UTF-8."},
    {"CI", "When set, progress is plain lines."},
    {NULL, NULL},
};

const struct topic topics_files[] = {
    {"$XDG_CONFIG_HOME/ncmodel/config.json", "The configuration."},
    {"$XDG_CONFIG_HOME/ncmodel/manifests/PROFILE/phase-N-PRIORITY.json", "Manifests of your own."},
    {"models.json", "What is installed; in the folder of the llama.cpp store unless the layout says otherwise."},
    {"ncmodel.lock", "Revisions, sizes and digests that were looked up; beside models.json."},
    {"$XDG_STATE_HOME/ncmodel/log.jsonl",
     "What was changed, when and by which command; by default below ~/.local/state. Of 4 MiB, and one older file."},
    {".ncmodel/ beside models.json", "Locks, and notes of removals and moves that were cut short."},
    {"STORE/.ncmodel/", "Unfinished downloads, SHA-256 checkpoints and the lock of a store."},
    {NULL, NULL},
};
