/* SPDX-License-Identifier: MIT */
#include "settings.h"

#define AT(field) offsetof(struct settings, field)

static const struct option global[] = {
    {0, "root", OPTION_TEXT, AT(root), .argument = "DIR",
     .help = "the folder below which the applications' folders lie", .completes = COMPLETES_FOLDER},
    {0, "config", OPTION_TEXT, AT(config), .argument = "FILE", .help = "the configuration file to read",
     .completes = COMPLETES_FILE},
    {0, "profile", OPTION_WORDS, AT(profiles), .argument = "NAME[,NAME]",
     .help = "the set of manifests to work with; several are one, and it can be repeated",
     .completes = COMPLETES_PROFILE},
    {0, "manifest-dir", OPTION_LIST, AT(manifest_dirs), .argument = "DIR",
     .help = "look for profiles here first; can be repeated", .completes = COMPLETES_FOLDER},
    {'f', "manifest", OPTION_LIST, AT(manifest_files), .argument = "FILE",
     .help = "read these manifests and no profile; can be repeated", .completes = COMPLETES_FILE},
    {0, "lock", OPTION_TEXT, AT(lock), .argument = "FILE", .help = "the lock file with the pins",
     .completes = COMPLETES_FILE},
    {0, "layout", OPTION_TEXT, AT(layout), .argument = "NAME",
     .help = "where the stores lie: default, linux, or a layout file", .completes = COMPLETES_LAYOUT},
    {0, "store-path", OPTION_LIST, AT(store_paths), .argument = "STORE=PATH",
     .help = "the folder of one store; can be repeated", .completes = COMPLETES_STORE_PATH},
    {0, "insecure-registry", OPTION_LIST, AT(insecure_registries), .argument = "HOST[:PORT]",
     .help = "speak plain http to this registry; can be repeated"},
    {0, "cacert", OPTION_TEXT, AT(cacert), .argument = "FILE", .help = "trust the certificates in this file",
     .completes = COMPLETES_FILE},
    {0, "json", OPTION_FLAG, AT(json), .help = "print one JSON document instead of text"},
    {0, "progress", OPTION_TEXT, AT(progress), .argument = "MODE",
     .help = "how progress is shown on standard error: auto, bar, plain, json (one event a line) or none",
     .words = "auto bar plain json none"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), .help = "print errors only; list prints ids only"},
    {'v', "verbose", OPTION_COUNT, AT(verbose), .help = "print more: files, and details of what is done"},
    {0, "no-color", OPTION_FLAG, AT(no_color), .help = "no colour"},
    {'h', "help", OPTION_FLAG, AT(help), .help = "explain the command"},
    {0, "version", OPTION_FLAG, AT(version), .help = "print the version"},
    {.name = NULL},
};

/* Which ones there are, the models know. */
static bool is_license(const char *value)
{
	return *value != '\0';
}

static const struct option selection[] = {
    {0, "store", OPTION_WORDS, AT(selector.stores), .argument = "STORE", .help = "models that go to this store",
     .completes = COMPLETES_STORE},
    {0, "phase", OPTION_PHASES, AT(selector.phases), .argument = "N[,N]", .help = "models of these phases",
     .words = "1 2 3"},
    {0, "priority", OPTION_WORDS, AT(selector.priorities), .argument = "P[,P]", .help = "models of these priorities",
     .words = "high medium low"},
    {0, "usecase", OPTION_WORDS, AT(selector.use_cases), .argument = "WORD", .help = "models for this use case",
     .completes = COMPLETES_USE_CASE},
    {0, "tag", OPTION_WORDS, AT(selector.tags), .argument = "TAG", .help = "models with this tag",
     .completes = COMPLETES_TAG},
    {0, "license", OPTION_WORDS, AT(selector.licenses), .argument = "CLASS",
     .help = "models whose licence allows that, or of that licence",
     .words = "free free-with-conditions non-commercial non-production gated unknown", .takes = is_license},
    {0, "source", OPTION_WORDS, AT(selector.sources), .argument = "SCHEME", .help = "models from this source",
     .words = "ollama hf civitai oci comfy https", .takes = ncm_selector_knows_source},
    {0, "all", OPTION_FLAG, AT(all), .help = "every model; the default, but rm and show want it said"},
    {0, "variant", OPTION_TEXT, AT(selector.variant), .argument = "NAME", .help = "this variant of the models",
     .completes = COMPLETES_VARIANT},
    {.name = NULL},
};

static const struct option placing[] = {
    {0, "to", OPTION_TEXT, AT(selector.to), .argument = "STORE[/FOLDER]",
     .help =
	 "where the sources spelled out go: of a store alone into its folder for such files; a file name may follow "
	 "(of a whole repository: its folder, else called as the repository), without a folder as STORE//NAME",
     .completes = COMPLETES_TARGET},
    {0, "include", OPTION_LIST, AT(selector.include), .argument = "GLOB",
     .help = "of a repository only these files: '*.gguf' (repeatable; '*' crosses folders); remembered until another "
	     "choice is made"},
    {0, "exclude", OPTION_LIST, AT(selector.exclude), .argument = "GLOB",
     .help = "of a repository not these files (repeatable)"},
    {.name = NULL},
};

static const struct option planning[] = {
    {0, "locked", OPTION_FLAG, AT(provision.locked), .help = "refuse whatever the lock does not pin exactly"},
    {0, "offline", OPTION_FLAG, AT(provision.offline), .help = "no network at all"},
    {0, "update", OPTION_FLAG, AT(provision.update), .help = "look up anew instead of following the lock"},
    {0, "force", OPTION_FLAG, AT(provision.force),
     .help = "replace what is in the way; it is kept until `gc --replaced`"},
    {0, "allow-pickle", OPTION_FLAG, AT(provision.allow_pickle),
     .help = "take pickle-based files that no digest pins; loading one can run code"},
    {0, "license-policy", OPTION_TEXT, AT(provision.license_policy), .argument = "POLICY",
     .help = "refuse models whose licence is not known to be free, or to allow commercial use",
     .words = "free commercial"},
    {0, "allow-http-token", OPTION_FLAG, AT(allow_http_token),
     .help = "let a token go over plain http to another machine"},
    {0, "reserve", OPTION_SIZE, AT(reserve), .argument = "SIZE",
     .help = "disk space to leave free on each file system"},
    {0, "bandwidth", OPTION_RATE, AT(bandwidth), .argument = "RATE",
     .help = "estimate the time for this link: 100M is 100 Mbit/s"},
    {0, "retry", OPTION_NUMBER, AT(retry), .argument = "N", .help = "retries without progress, as curl counts them",
     .least = 0, .most = 99},
    {0, "retries", OPTION_NUMBER, AT(retries), .argument = "N", .help = "tries of one request that make no progress",
     .least = 1, .most = 100},
    {0, "timeout", OPTION_NUMBER, AT(timeout), .argument = "SECONDS", .help = "time to connect", .least = 1,
     .most = 3600},
    {0, "speed-limit", OPTION_SIZE, AT(speed_limit), .argument = "SIZE",
     .help = "a file that comes below so many bytes a second is asked for anew, then given up; 0: never"},
    {0, "speed-time", OPTION_NUMBER, AT(speed_time), .argument = "SECONDS",
     .help = "how long it may be below the speed limit, or bring nothing", .least = 1, .most = 3600},
    {.name = NULL},
};

static const struct option serving[] = {
    {0, "server", OPTION_LIST, AT(servers), .argument = "NAME=URL",
     .help = "this server and no other: an address under a name of yours, or one of the configuration by its name; "
	     "repeatable"},
    {0, "timeout", OPTION_NUMBER, AT(timeout), .argument = "SECONDS",
     .help = "how long an answer may take; unless the command says otherwise 10, or 600 until a model is loaded",
     .least = 1, .most = 3600},
    {.name = NULL},
};

const struct option_group options_serving = {"Servers", serving};
const struct option_group options_global = {"Global options", global};
const struct option_group options_selection = {"Selectors", selection};
/* Without the first, which `verify` takes otherwise. */
const struct option_group options_selection_registered = {"Selectors", selection + 1};
const struct option_group options_placing = {"Sources spelled out", placing};
const struct option_group options_planning = {"Planning", planning};

void settings_free(struct settings *settings)
{
	ncm_strings_free(&settings->profiles);
	ncm_strings_free(&settings->manifest_dirs);
	ncm_strings_free(&settings->manifest_files);
	ncm_strings_free(&settings->store_paths);
	ncm_strings_free(&settings->insecure_registries);
	ncm_strings_free(&settings->servers);
	ncm_strings_free(&settings->operands);
	ncm_strings_free(&settings->selector.names);
	ncm_strings_free(&settings->selector.profiles);
	ncm_strings_free(&settings->selector.priorities);
	ncm_strings_free(&settings->selector.use_cases);
	ncm_strings_free(&settings->selector.tags);
	ncm_strings_free(&settings->selector.licenses);
	ncm_strings_free(&settings->selector.sources);
	ncm_strings_free(&settings->selector.stores);
	ncm_strings_free(&settings->selector.include);
	ncm_strings_free(&settings->selector.exclude);
}
