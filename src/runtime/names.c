/* SPDX-License-Identifier: MIT */
/* One model has a name at its server, and others in models.json and in manifests. */
#include "runtime/runtime.h"

#include "base/mem.h"
#include "base/path.h"
#include "source/ollama.h"

#include <string.h>
#include <strings.h>

static void add(struct ncm_strings *names, const char *name)
{
	if (name && *name && !ncm_strings_contain(names, name))
		ncm_strings_add(names, name);
}

char *runtime_ollama_name(const char *uri)
{
	struct ollama_name name;
	char *shown;

	if (!uri || !ncm_source_gives_blobs(uri) || ollama_name_parse(uri, &name, NULL) < 0)
		return NULL;
	shown = ollama_name_short(&name);
	ollama_name_clear(&name);
	return shown;
}

static void add_source(struct ncm_strings *names, const char *uri)
{
	NCM_AUTO_FREE char *shown = runtime_ollama_name(uri);

	add(names, shown);
}

/* "models/tiny.gguf" is "tiny.gguf" or "tiny" to a server of files. */
static void add_file(struct ncm_strings *names, const char *path)
{
	const char *base = ncm_path_base(path);
	const char *ending = strrchr(base, '.');
	NCM_AUTO_FREE char *stem = ncm_strndup(base, ending ? (size_t)(ending - base) : strlen(base));

	if (!ending || strcasecmp(ending, ".gguf") != 0)
		return;
	add(names, base);
	add(names, stem);
}

static void add_registered(struct ncm_strings *names, const struct ncm_reg_model *model)
{
	add(names, model->id);
	add_source(names, model->source);
	for (size_t i = 0; i < model->file_count; i++)
		add_file(names, model->files[i].path);
}

static bool is_called(const struct ncm_model *model, const char *word)
{
	bool called = strcasecmp(model->id, word) == 0 || strcasecmp(model->name, word) == 0;

	for (size_t i = 0; i < model->aliases.count && !called; i++)
		called = strcasecmp(model->aliases.items[i], word) == 0;
	return called;
}

static void add_offered(struct ncm_strings *names, const struct ncm_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		for (size_t j = 0; j < model->files[i].from.count; j++)
			add_source(names, model->files[i].from.items[j]);
	}
}

void runtime_names(const struct ncm_registry *registry, const struct ncm_catalog *catalog, const char *word,
		   struct ncm_strings *names)
{
	const struct ncm_reg_model *registered = ncm_registry_find(registry, word);

	add(names, word);
	add_source(names, word);
	if (registered)
		add_registered(names, registered);
	for (size_t i = 0; catalog && i < catalog->count; i++) {
		if (is_called(&catalog->models[i], word))
			add_offered(names, &catalog->models[i]);
	}
}

bool runtime_is_named(const struct ncm_strings *names, const char *server_name)
{
	static const char latest[] = ":latest";
	const size_t size = strlen(server_name), end = sizeof latest - 1;
	const size_t bare = size > end && strcmp(server_name + size - end, latest) == 0 ? size - end : size;

	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->items[i];

		if (strcasecmp(name, server_name) == 0 ||
		    (strlen(name) == bare && strncasecmp(name, server_name, bare) == 0))
			return true;
	}
	return false;
}
