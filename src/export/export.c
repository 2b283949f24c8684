/* SPDX-License-Identifier: MIT */
#include "export/export.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	export_format *write;
	bool needs_models;
} formats[] = {
    {"compose", export_compose, false},
    {"llama-swap", export_llama_swap, true},
    {"llama-server", export_llama_server, true},
    {"litellm", export_litellm, true},
    {"continue", export_continue, true},
    {"open-webui", export_open_webui, false},
    {"env", export_env, false},
    {"systemd", export_systemd, true},
};

enum { FORMATS = sizeof formats / sizeof *formats };

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < FORMATS && strcmp(formats[i].name, name) != 0)
		i++;
	return i;
}

static int write_file(struct exported *exported, size_t format, struct ncm_error *err)
{
	struct ncm_buffer out = {0};

	formats[format].write(exported, &out);
	exported->out->text = ncm_buffer_take(&out);
	if (exported->out->models.count > 0 || (!formats[format].needs_models && exported->server_count > 0))
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "nothing that is installed and chosen goes into a configuration for %s",
		      formats[format].name);
	return ncm_error_hint(err, "`ncmodel list` shows what is installed");
}

struct ncm_export *ncm_export(const struct ncm_config *config, const struct ncm_catalog *catalog, const char *format,
			      const struct ncm_selector *selector, struct ncm_error *err)
{
	const size_t number = find(format);
	struct exported exported = {0};
	int failed;

	if (number == FORMATS) {
		ncm_error_set(err, NCM_E_USAGE, "there is no format \"%s\"", format);
		ncm_error_hint(err, "`ncmodel help export` lists them");
		return NULL;
	}
	exported.out = ncm_calloc(1, sizeof *exported.out);
	failed = export_gather(&exported, config, catalog, selector, err) < 0 || write_file(&exported, number, err) < 0;
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
