/* SPDX-License-Identifier: MIT */
/* A script that has Ollama itself download what the profile wants: what a person can read, and run without ncmodel. */
#include "export/export.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/strings.h"

#include <ncmodel/text.h>

#include <stdlib.h>
#include <string.h>

static bool is_for_ollama(const struct exported *exported, const struct ncm_model *model)
{
	const struct ncm_store *store =
	    model->file_count > 0 ? ncm_layout_find(exported->layout, model->files[0].to[0].store) : NULL;

	return store && store->kind->takes_tags;
}

char *export_tag_offered(const struct exported *exported, const struct ncm_model *model)
{
	const char *uri = is_for_ollama(exported, model) ? model->files[0].from.items[0] : NULL;
	const char *colon = uri ? strchr(uri, ':') : NULL;
	char *tag = colon ? ncm_strdup(colon + 1) : NULL;
	char *pin = tag ? strstr(tag, "@sha256:") : NULL;

	if (pin)
		*pin = '\0';
	return tag;
}

/* Of a store that is not the first one the server has to be named: "OLLAMA_HOST=127.0.0.1:11435 ". The caller frees it.
 */
static char *host_of(const struct exported *exported, const struct ncm_model *model)
{
	for (size_t i = 1; i < exported->server_count; i++) {
		if (strcmp(exported->servers[i].store->id, model->files[0].to[0].store) == 0)
			return ncm_asprintf("OLLAMA_HOST=127.0.0.1:%u ", exported->servers[i].port);
	}
	return ncm_strdup("");
}

/* "20 GB"; "" where nobody states it. */
static void size_text(const struct ncm_model *model, char *text, size_t room)
{
	struct ncm_doubt doubt = {0};
	const uint64_t size = ncm_size_stated(model->files, model->file_count, &doubt);

	*text = '\0';
	if (size > 0)
		ncm_format_size(size, text, room);
}

/* Not by echo, which makes of "\033" in a description what a terminal obeys. */
static void echo(const char *text, struct ncm_buffer *out)
{
	NCM_AUTO_FREE char *safe = ncm_escape(text, 2000);
	NCM_AUTO_FREE char *word = ncm_shell_word(safe);

	ncm_buffer_printf(out, "printf '%%s\\n' %s\n", word);
}

static void add_head(const struct exported *exported, struct ncm_buffer *out)
{
	struct ncm_fit_rules *rules = export_document(exported, 0);
	const char *profile = exported->config->profile ? exported->config->profile : "noa";
	const size_t more = exported->config->more_profile_count;
	NCM_AUTO_FREE char *others = more > 0 ? ncm_asprintf(" and %zu more", more) : ncm_strdup("");
	NCM_AUTO_FREE char *title = ncm_asprintf("=== %s%s: models for Ollama ===", profile, others);
	NCM_AUTO_FREE char *gpu = rules && rules->gpu && more == 0
				      ? ncm_asprintf("GPU of its document: %s (%g GB)", rules->gpu, rules->card)
				      : NULL;

	ncm_buffer_puts(
	    out, "#!/bin/sh\n# Has Ollama download what the profile wants. `ncmodel pull` does the same, resumes, and "
		 "checks what came.\nset -e\n\n");
	echo(title, out);
	if (gpu)
		echo(gpu, out);
	ncm_buffer_puts(out,
			"echo\nif ! ollama list >/dev/null 2>&1; then\n"
			"\techo 'ERROR: Ollama is not running. Start it with: ollama serve' >&2\n\texit 1\nfi\n\n");
	ncm_fit_rules_free(rules);
}

static void add_pull(struct exported *exported, const struct ncm_model *model, const char *tag, size_t number,
		     size_t count, struct ncm_buffer *out)
{
	char size[32];
	NCM_AUTO_FREE char *host = host_of(exported, model), *word = ncm_shell_word(tag), *line = NULL;

	size_text(model, size, sizeof size);
	line = ncm_asprintf("[%zu/%zu] %s%s%s%s%s%s", number, count, model->name, *size ? " (" : "", size,
			    *size ? ")" : "", model->description ? ": " : "",
			    model->description ? model->description : "");
	echo(line, out);
	ncm_buffer_printf(out, "%sollama pull %s\n", host, word);
	ncm_strings_add(&exported->out->models, model->id);
}

/* Files of the others Ollama does not fetch: they are told. */
static void leave_out(struct exported *exported, const struct ncm_model *model)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("%s: Ollama does not have it", model->id);

	ncm_strings_add(&exported->out->left_out, text);
}

static size_t count_tags(const struct exported *exported, struct ncm_model *const *chosen, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		NCM_AUTO_FREE char *tag = export_tag_offered(exported, chosen[i]);

		found += tag != NULL;
	}
	return found;
}

void export_setup_ollama(struct exported *exported, struct ncm_buffer *out)
{
	struct ncm_model **chosen = NULL;
	size_t count = 0, number = 0, tags;

	if (!exported->catalog || ncm_select(exported->catalog, exported->selector, &chosen, &count, NULL) < 0)
		count = 0;
	tags = count_tags(exported, chosen, count);
	add_head(exported, out);
	for (size_t i = 0; i < count; i++) {
		NCM_AUTO_FREE char *tag = export_tag_offered(exported, chosen[i]);

		if (tag)
			add_pull(exported, chosen[i], tag, ++number, tags, out);
		else
			leave_out(exported, chosen[i]);
	}
	ncm_buffer_puts(out, "\necho\necho '=== All models downloaded ==='\nollama list\n");
	free(chosen);
}
