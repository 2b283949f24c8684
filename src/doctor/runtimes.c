/* SPDX-License-Identifier: MIT */
/* The programs that run models: which answer, in which version. */
#include "doctor/doctor.h"

#include "base/mem.h"

#include <ncmodel/runtime.h>

#include <string.h>

/* Where a program answers unless it is told otherwise, and whose store says that it is in use here. Sources:
 * lmstudio.ai/docs (lms server start), ggml-org/llama.cpp tools/server/README.md (--port). */
static const struct usual {
	const char *store, *title, *url, *start;
} usual[] = {
    {"lmstudio", "LM Studio", "http://127.0.0.1:1234", "lms server start"},
    {"llama-cpp", "llama.cpp", "http://127.0.0.1:8080", "llama-server, without a model"},
};

enum { USUAL = sizeof usual / sizeof *usual };

static void find_running(struct examination *exam, const struct ncm_runtime_server *server)
{
	NCM_AUTO_FREE char *subject = ncm_asprintf("server %s", server->name);
	const char *version = server->version;

	if (version && strcmp(server->title, "Ollama") == 0 && !exam->ollama_version)
		exam->ollama_version = ncm_strdup(version);
	if (server->error.code == NCM_OK)
		doctor_find(exam, NCM_FINDING_GOOD, subject, "%s%s%s answers at %s, with %zu model%s loaded",
			    server->title, version ? " " : "", version ? version : "", server->url, server->count,
			    server->count == 1 ? "" : "s");
	else
		doctor_find(exam, NCM_FINDING_UNKNOWN, subject,
			    "%s%s%s answers at %s; what it has loaded is not known: %s", server->title,
			    version ? " " : "", version ? version : "", server->url, server->error.message);
	if (server->error.code != NCM_OK)
		doctor_remedy(exam, "%s", server->error.hint ? server->error.hint : "`ncmodel ps` asks again");
}

static void find_other(struct examination *exam, const struct ncm_runtime_server *server)
{
	NCM_AUTO_FREE char *subject = ncm_asprintf("server %s", server->name);

	if (!server->url) /* it may hold a password: not told */
		doctor_find(exam, NCM_FINDING_BAD, subject, "OLLAMA_HOST is not [http[s]://]HOST[:PORT]");
	else if (server->silent)
		doctor_find(exam, NCM_FINDING_NOTE, subject, "nothing answers at %s", server->url);
	else
		doctor_find(exam, NCM_FINDING_BAD, subject, "%s", server->error.message);
	if (!server->url)
		doctor_remedy(exam, "say where Ollama is in OLLAMA_HOST");
	else if (server->error.hint)
		doctor_remedy(exam, "%s%s", server->silent ? "if it shall run: " : "", server->error.hint);
}

/* Nobody said that it is there: whatever else has that port is no fault. */
static void find_usual(struct examination *exam, const struct usual *program, const struct ncm_runtime_server *server)
{
	NCM_AUTO_FREE char *subject = ncm_asprintf("server %s", server->name);

	doctor_find(exam, NCM_FINDING_NOTE, subject, "no %s answers at %s, where it would usually", program->title,
		    program->url);
	doctor_remedy(exam,
		      "if it shall run: %s; if it does elsewhere: --server %s=URL, or \"servers\" in the configuration",
		      program->start, program->store);
}

static const struct usual *usual_of(const struct ncm_runtime_server *server)
{
	for (size_t i = 0; i < USUAL; i++) {
		if (server->url && strcmp(usual[i].store, server->name) == 0 && strcmp(usual[i].url, server->url) == 0)
			return &usual[i];
	}
	return NULL;
}

static void tell(struct examination *exam, const struct ncm_runtime_server *server, bool chosen)
{
	const struct usual *program = chosen ? NULL : usual_of(server);

	if (server->kind)
		find_running(exam, server);
	else if (program)
		find_usual(exam, program, server);
	else
		find_other(exam, server);
}

/* Where no servers were set up, OLLAMA_HOST is all that there is. */
static bool are_chosen(const struct ncm_config *config)
{
	return config->server_count != 1 || strcmp(config->servers[0].name, "ollama") != 0;
}

static void ask(struct examination *exam, bool chosen)
{
	struct ncm_config asked = *exam->config; /* shallow, with more servers */
	const struct ncm_runtime_options options = {.seconds = exam->config->timeout};
	struct ncm_server servers[1 + USUAL];
	struct ncm_runtime_view *view;

	if (!chosen) {
		servers[0] = exam->config->servers[0];
		asked.servers = servers;
		for (size_t i = 0; i < USUAL; i++) {
			if (doctor_has_store(exam, usual[i].store))
				servers[asked.server_count++] =
				    (struct ncm_server){(char *)usual[i].store, (char *)usual[i].url};
		}
	}
	view = ncm_runtime_look(&asked, &options, NULL);
	for (size_t i = 0; view && i < view->count; i++)
		tell(exam, &view->servers[i], chosen);
	ncm_runtime_view_free(view);
}

void doctor_runtimes(struct examination *exam)
{
	for (size_t i = 0; exam->offline && i < exam->config->server_count; i++) {
		NCM_AUTO_FREE char *subject = ncm_asprintf("server %s", exam->config->servers[i].name);

		doctor_find_unasked(exam, subject, "it");
	}
	if (!exam->offline)
		ask(exam, are_chosen(exam->config));
}
