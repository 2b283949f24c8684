/* SPDX-License-Identifier: MIT */
/* The Ollama that runs, and which generation of it has worked in its stores. */
#include "doctor/doctor.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "source/shared.h"
#include "store/kind.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_V2 = 40 }; /* 0.40 */

/* Its version, which the caller frees; NULL with a finding. */
static char *ask_version(struct examination *exam, const char *address)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/api/version", address);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_error why = NCM_ERROR_INIT;
	const struct ncm_request request = {.url = url, .what = "Ollama's version", .any_status = true};
	NCM_AUTO_JSON json_t *answer = NULL;
	const char *version;

	if (ncm_http_get(exam->http, &request, &reply, &why) < 0) {
		ncm_error_clear(&why);
		doctor_find(exam, NCM_FINDING_NOTE, "server", "no Ollama answers at %s", address);
		doctor_remedy(exam,
			      "if one shall: start it (`ollama serve`, or `systemctl start ollama`), or say where "
			      "it is in OLLAMA_HOST");
		return NULL;
	}
	answer = ncm_json_parse(reply.body ? reply.body : "", reply.body_size, url, NCM_E_PROTOCOL, NULL);
	version = answer ? ncm_json_string(answer, "version") : NULL;
	if (version && reply.status == 200)
		return ncm_strdup(version);
	doctor_find(exam, NCM_FINDING_BAD, "server", "what answers at %s is no Ollama", address);
	doctor_remedy(exam, "say where Ollama is in OLLAMA_HOST");
	return NULL;
}

static bool is_older_than_v2(const char *version)
{
	unsigned major, minor;

	return version && sscanf(version, "%u.%u", &major, &minor) == 2 && major == 0 && minor < FIRST_V2;
}

static void look_at_generation(struct examination *exam, const struct ncm_store_info *store, const char *version)
{
	NCM_AUTO_FREE char *path = ncm_path_join(store->path, "manifests-v2");
	struct os_stat status;
	const bool is_v2 = os_stat(OS_HERE, path, &status) == 0;

	if (!is_v2) {
		doctor_find(exam, NCM_FINDING_GOOD, store->id, "its manifests are where every Ollama reads them");
	} else if (is_older_than_v2(version)) {
		doctor_find(exam, NCM_FINDING_NOTE, store->id,
			    "Ollama 0.40 or newer has worked in it; the one that runs (%s) does not see what was made "
			    "there since",
			    version);
		doctor_remedy(exam, "if it has this store: update it to 0.40 or newer");
	} else {
		doctor_find(exam, NCM_FINDING_GOOD, store->id,
			    "Ollama 0.40 or newer has worked in it (it has manifests-v2)");
	}
}

/* As the configuration says, or OLLAMA_HOST; NULL if the configuration has others alone. */
static const struct ncm_server *find_server(const struct ncm_config *config)
{
	for (size_t i = 0; i < config->server_count; i++) {
		if (strcmp(config->servers[i].name, "ollama") == 0)
			return &config->servers[i];
	}
	return NULL;
}

/* Its version, which the caller frees; NULL with a finding, too. */
static char *find_version(struct examination *exam)
{
	const struct ncm_server *server = find_server(exam->config);
	char *version = NULL;

	if (!server) {
		doctor_find(exam, NCM_FINDING_NOTE, "server", "none of the configured servers is called ollama");
		doctor_remedy(exam, "`ncmodel ps` asks them");
	} else if (!server->url) { /* it may hold a password: not told */
		doctor_find(exam, NCM_FINDING_BAD, "server", "OLLAMA_HOST is not [http[s]://]HOST[:PORT]");
		doctor_remedy(exam, "say where Ollama is in OLLAMA_HOST");
	} else if (exam->offline) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, "server", "it was not asked: --offline");
	} else {
		version = ask_version(exam, server->url);
	}
	if (version)
		doctor_find(exam, NCM_FINDING_GOOD, "server", "Ollama %s answers at %s", version, server->url);
	return version;
}

void doctor_ollama(struct examination *exam)
{
	NCM_AUTO_FREE char *version = find_version(exam);

	for (size_t i = 0; exam->stores && i < exam->stores->count; i++) {
		if (exam->stores->stores[i].there && ncm_store_kind_named(exam->stores->stores[i].kind)->takes_tags)
			look_at_generation(exam, &exam->stores->stores[i], version);
	}
}
