/* SPDX-License-Identifier: MIT */
#include "export/export.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What a format says nothing without. */
enum need { NEEDS_MODELS, NEEDS_SERVERS, NEEDS_RULES, NEEDS_OFFERED };

static const struct {
	const char *name;
	export_format *write;
	enum need need;
} formats[] = {
    {"compose", export_compose, NEEDS_SERVERS},       {"compose-gpu", export_compose_gpu, NEEDS_SERVERS},
    {"llama-swap", export_llama_swap, NEEDS_MODELS},  {"llama-server", export_llama_server, NEEDS_MODELS},
    {"litellm", export_litellm, NEEDS_MODELS},        {"continue", export_continue, NEEDS_MODELS},
    {"open-webui", export_open_webui, NEEDS_SERVERS}, {"a1111", export_a1111, NEEDS_MODELS},
    {"routes", export_routes, NEEDS_RULES},           {"env", export_env, NEEDS_SERVERS},
    {"systemd", export_systemd, NEEDS_MODELS},        {"launchd", export_launchd, NEEDS_MODELS},
    {"schtasks", export_schtasks, NEEDS_MODELS},      {"setup-ollama", export_setup_ollama, NEEDS_OFFERED},
};

enum { FORMATS = sizeof formats / sizeof *formats };

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < FORMATS && strcmp(formats[i].name, name) != 0)
		i++;
	return i;
}

static bool has_enough(const struct exported *exported, enum need need)
{
	return exported->out->models.count > 0 || (need == NEEDS_SERVERS && exported->server_count > 0) ||
	       (need == NEEDS_RULES && exported->catalog && exported->catalog->rule_count > 0);
}

static int refuse_offered(const char *format, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "the profile has no model of Ollama's that is chosen and goes into %s", format);
	return ncm_error_hint(err, "`ncmodel list --available` shows what there is");
}

static int write_file(struct exported *exported, size_t format, struct ncm_error *err)
{
	struct ncm_buffer out = {0};

	formats[format].write(exported, &out);
	exported->out->text = ncm_buffer_take(&out);
	if (has_enough(exported, formats[format].need))
		return 0;
	if (formats[format].need == NEEDS_OFFERED)
		return refuse_offered(formats[format].name, err);
	ncm_error_set(err, NCM_E_USAGE, "nothing that is installed and chosen goes into a configuration for %s",
		      formats[format].name);
	return ncm_error_hint(err, "`ncmodel list` shows what is installed");
}

struct ncm_export *ncm_export(const struct ncm_config *config, struct ncm_catalog *catalog, const char *format,
			      const struct ncm_selector *selector, struct ncm_error *err)
{
	const size_t number = find(format);
	struct exported exported = {.config = config, .catalog = catalog, .selector = selector};
	int failed;

	if (number == FORMATS) {
		ncm_error_set(err, NCM_E_USAGE, "there is no format \"%s\"", format);
		ncm_error_hint(err, "`ncmodel help export` lists them");
		return NULL;
	}
	exported.out = ncm_calloc(1, sizeof *exported.out);
	failed = export_gather(&exported, formats[number].need == NEEDS_OFFERED, formats[number].need != NEEDS_MODELS,
			       err) < 0 ||
		 write_file(&exported, number, err) < 0;
	export_clear(&exported);
	if (!failed)
		return exported.out;
	ncm_export_free(exported.out);
	return NULL;
}

void ncm_export_free(struct ncm_export *made)
{
	if (!made)
		return;
	free(made->text);
	ncm_strings_free(&made->models);
	ncm_strings_free(&made->left_out);
	free(made);
}
