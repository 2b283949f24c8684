/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/nearest.h"

#include <string.h>

const struct command *const *commands;

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
    {"4", "Verify found damage or something missing; adopt, push and cache push refused such files."},
    {"5", "The source does not have it, or a workflow's file has no source."},
    {"6", "A token is missing or rejected, or a licence is not accepted."},
    {"7", "The network failed, after all tries; after three seconds if no server answers at all. It may pass."},
    {"8", "The server limits the rate."},
    {"9", "Not enough disk space; nothing was written."},
    {"10", "A checksum or size differs from what is pinned or published."},
    {"11", "Refused by policy: pickle, a foreign file, unpinned with --locked, not here with --offline, a tag that is "
	   "another's."},
    {"12", "No model does for what was asked (select), or one is not known to fit the card (--require-fit)."},
    {"13", "Another ncmodel holds the store (--no-wait)."},
    {"14", "No program that runs models answers: ps, load, unload, preload, pull --via-server."},
    {"15",
     "A server or a proxy refuses for good, is not trusted, or breaks the protocol: asking again changes nothing."},
    {"129, 130, 143", "Interrupted by SIGHUP, SIGINT or SIGTERM; the same command goes on."},
    {NULL, NULL},
};

/* Of the configuration file; manifests/schema/config.schema.json says what values may be. */
const struct topic topics_configuration[] = {
    {"root", "The folder below which the applications' folders lie; \"~\" is the home folder, and the default."},
    {"layout", "Where the stores lie: default, linux, or the path of a layout file."},
    {"profile", "The set of manifests to work with, or an array of several; \"noa\" unless given."},
    {"registry", "The path of models.json; without it, where the layout says."},
    {"lock", "The path of the lock; without it, ncmodel.lock beside models.json."},
    {"manifest_dirs", "An array of folders with profiles of your own, before the usual ones."},
    {"endpoints",
     "What stands in for huggingface, civitai, ollama, docker and comfy, and the server of s3: an object with the "
     "URL of each."},
    {"mirrors", "URL prefixes and what stands in for them, for sources that are plain URLs."},
    {"bundles", "Folders and URLs that have content by its digest, as blobs/sha256/HEX; as --mirror."},
    {"stores", "Stores that lie elsewhere: an object with the folder of each."},
    {"servers", "Programs that run models: an object with the URL of each, under a name of yours."},
    {"cache", "A bucket that machines share, as s3:BUCKET/PREFIX, asked by digest before sources are."},
    {"cache_fill", "false leaves what was fetched from its source out of the cache; true unless given."},
    {"cache_refs",
     "true believes the cache which bytes a source has that publishes no digest, so that one machine fetches them for "
     "all; false unless given."},
    {"s3_region", "The region of the buckets of s3: sources; us-east-1 unless given."},
    {"insecure_registries", "Registries (HOST or HOST:PORT) that are spoken to over plain http."},
    {"cacert", "A file of certificates to trust instead of the system's."},
    {"reserve", "Disk space to leave free on each file system: bytes, or a size such as \"2GiB\", the default."},
    {"limit_rate", "Bytes a second for the whole run, or a size such as \"20M\"; 0, the default, is no limit."},
    {"speed_limit",
     "Bytes a second, or a size such as \"2k\"; a file that comes slower is asked for anew, then given up. 100 unless "
     "given; 0 waits for whatever comes."},
    {"speed_time", "Seconds that it may be below the speed limit, or bring nothing, from 1 to 3600; 30 unless given."},
    {"jobs", "Files at once, from 1 to 16; 4 unless given."},
    {"connections", "Connections to one host at once, from 1 to 16; 16 unless given."},
    {"timeout", "Seconds to connect, from 1 to 3600; 20 unless given."},
    {"retries", "Tries of one request that make no progress, from 1 to 100; 6 unless given."},
    {"allow_http_token", "true lets a token go over plain http to another machine; false unless given."},
    {"allow_private", "true lets a public server redirect to a private address; false unless given."},
    {NULL, NULL},
};

const struct topic topics_environment[] = {
    {"NCMODEL_ROOT, NCMODEL_PROFILE, NCMODEL_LAYOUT, NCMODEL_CONFIG, NCMODEL_LOCK, NCMODEL_MANIFEST_DIR",
     "As the options of the same names. NCMODEL_PROFILE may name several: noa,nexus."},
    {"NCMODEL_REGISTRY", "The path of models.json."},
    {"NCMODEL_STORE_<STORE>", "The folder of one store; a dash of its name is spelled as an underscore."},
    {"NCMODEL_JOBS, NCMODEL_CONNECTIONS, NCMODEL_LIMIT_RATE, NCMODEL_RESERVE",
     "Files at once, connections to a host, bytes a second, disk space to leave free."},
    {"NCMODEL_SPEED_LIMIT, NCMODEL_SPEED_TIME", "Bytes a second below which a file is given up, and after how long."},
    {"NCMODEL_DATADIR", "The folder of the manifests and layouts that come with ncmodel."},
    {"NCMODEL_SHA256", "openssl lets OpenSSL compute SHA-256 even where the CPU has instructions for it."},
    {"HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_ENDPOINT",
     "Hugging Face's token, or its file; whether none is to be sent; what stands in for the service. As its own tools "
     "use them."},
    {"HF_HOME, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE", "Where the tools of Hugging Face keep token and cache."},
    {"CIVITAI_TOKEN, CIVITAI_API_TOKEN, CIVITAI_API_KEY, NCMODEL_CIVITAI_ENDPOINT",
     "Civitai's token, the first that is set, and what stands in for the service."},
    {"NCMODEL_COMFY_ENDPOINT", "What stands in for ComfyUI's registry of nodes."},
    {"OLLAMA_HOST", "Where Ollama answers: the server \"ollama\"."},
    {"OLLAMA_MODELS, NCMODEL_OLLAMA_REGISTRY", "Ollama's store, and what stands in for registry.ollama.ai."},
    {"LOCALAI_MODELS_PATH", "LocalAI's store."},
    {"NCMODEL_DOCKER_REGISTRY", "What stands in for Docker Hub, of docker: and oci:docker.io sources."},
    {"NCMODEL_CACHE", "As the key cache of the configuration."},
    {"NCMODEL_S3_ENDPOINT, NCMODEL_S3_REGION", "The server of s3: sources, and the region of its buckets."},
    {"NCMODEL_S3_ACCESS_KEY, NCMODEL_S3_SECRET_KEY, NCMODEL_S3_SESSION_TOKEN",
     "The keys that requests to that server are signed with."},
    {"NCMODEL_S3_USE_AWS", "1 lets the next ones count where none of those is set."},
    {"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION",
     "Keys and region as AWS's own tools have them; looked at only with NCMODEL_S3_USE_AWS."},
    {"NCMODEL_INSECURE_REGISTRY", "Registries that are spoken to over plain http; several have commas between."},
    {"REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, DOCKER_CONFIG, PATH",
     "Where sign-ins to registries lie, as podman and docker keep them; where docker-credential-NAME programs lie."},
    {"https_proxy, http_proxy, all_proxy, no_proxy, HTTPS_PROXY, ALL_PROXY, NO_PROXY",
     "The proxy, and the hosts that are reached without one."},
    {"SSL_CERT_FILE", "A file of certificates to trust instead of the system's."},
    {"HOME, XDG_CONFIG_HOME, XDG_CACHE_HOME", "The home folder, and where configuration and caches lie if not there."},
    {"XDG_STATE_HOME", "Where ncmodel/log.jsonl and ncmodel/uploads lie; ~/.local/state unless set."},
    {"NO_COLOR, CLICOLOR_FORCE, TERM",
     "Never colour; colour even off a terminal; no colour and no bars when it is \"dumb\"."},
    {"LC_ALL, LC_CTYPE, LANG", "The first that is set says whether there are letters beyond ASCII: if it names UTF-8."},
    {"CI", "When set, progress is plain lines."},
    {NULL, NULL},
};

const struct topic topics_files[] = {
    {"$XDG_CONFIG_HOME/ncmodel/config.json",
     "The configuration, by default below ~/.config; `ncmodel help configuration` lists its keys."},
    {"$XDG_CONFIG_HOME/ncmodel/civitai-token", "Civitai's token alone, of mode 0600, for when no variable has it."},
    {"$XDG_CONFIG_HOME/ncmodel/s3-keys", "ACCESS_KEY:SECRET_KEY for s3: sources, on one line, of mode 0600."},
    {"$XDG_CONFIG_HOME/ncmodel/manifests/PROFILE/phase-N-PRIORITY.json", "Manifests of your own, there too."},
    {"models.json", "What is installed; in the folder of the llama.cpp store unless the layout says otherwise."},
    {"ncmodel.lock", "Revisions, sizes and digests that were looked up; beside models.json."},
    {"ncmodel.lock.fill/", "What is still to be sent to the cache, while a pull sends it, or was cut short."},
    {"ncmodel.lock.checkpoints/", "SHA-256 checkpoints of pinned files, where `ncmodel lock --checkpoints` was said."},
    {"$XDG_STATE_HOME/ncmodel/log.jsonl",
     "What was changed, when and by which command; by default below ~/.local/state. Of 4 MiB, and one older file."},
    {"$XDG_STATE_HOME/ncmodel/uploads/", "Where uploads go on that `ncmodel push` has begun; for a week."},
    {".ncmodel/ beside models.json", "Locks, and notes of removals and moves that were cut short."},
    {"STORE/.ncmodel/", "Unfinished downloads, SHA-256 checkpoints and the lock of a store."},
    {NULL, NULL},
};
