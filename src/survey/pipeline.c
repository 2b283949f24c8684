/* SPDX-License-Identifier: MIT */
/*
 * Models of several files in a folder store that say themselves what belongs to them: a pipeline of diffusers
 * (model_index.json names its parts, each a folder) and shards under names of their own (*.index.json has the file of
 * each weight).
 */
#include "survey/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/inside.h"

#include <string.h>

enum { INDEX_BYTES = 16 << 20, MOST_PARTS = 1000 };

static const char pipeline_index[] = "model_index.json";

struct pipelines {
	struct work *work;
	json_t *folders; /* folder → number of its pipeline's model, or null */
	json_t *weighed; /* folders of parts that have weights */
	json_t *indexes; /* folder → the shards that its index names */
};

struct pipelines *pipelines_new(struct work *work)
{
	struct pipelines *pipelines = ncm_calloc(1, sizeof *pipelines);

	*pipelines = (struct pipelines){work, json_object(), json_object(), json_object()};
	return pipelines;
}

/* Without its slash; "" of what lies in no folder. The caller frees it. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return ncm_strndup(path, slash ? (size_t)(slash - path) : 0);
}

static json_t *read_index(const struct work *work, const char *relative)
{
	NCM_AUTO_CLOSE int fd = store_open_by(work->store, work->dirfd, relative, STORE_LINKS_READ, OS_READ);
	size_t size = 0;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, INDEX_BYTES, &size);

	return text ? ncm_json_parse(text, size, relative, NCM_E_OTHER, NULL) : NULL;
}

static bool has_index(const struct work *work, const char *folder)
{
	NCM_AUTO_CLOSE int fd = store_dir_by(work->store, work->dirfd, folder, STORE_LINKS_READ);

	return fd >= 0 && os_has(fd, pipeline_index);
}

/* The model of the pipeline in that folder itself, or NO_MODEL. */
static size_t pipeline_in(struct pipelines *pipelines, const char *folder)
{
	const json_t *known = json_object_get(pipelines->folders, folder);
	size_t model = NO_MODEL;

	if (known)
		return json_is_integer(known) ? (size_t)json_integer_value(known) : NO_MODEL;
	if (has_index(pipelines->work, folder)) {
		struct ncm_reg_model *entry;

		model = survey_add_model(pipelines->work, NULL, ncm_path_base(folder), "name");
		entry = &pipelines->work->survey->models[model].entry;
		survey_say(&entry->kind, "diffusion");
		survey_say(&entry->format, "diffusers");
	}
	json_object_set_new_nocheck(pipelines->folders, folder,
				    model == NO_MODEL ? json_null() : json_integer((json_int_t)model));
	return model;
}

/* The pipeline that a file is of: in its own folder, or a part's. Never `root`, in which everybody's models lie. */
static size_t pipeline_of(struct pipelines *pipelines, const char *root, const char *relative)
{
	NCM_AUTO_FREE char *folder = folder_of(relative);
	NCM_AUTO_FREE char *above = folder_of(folder);
	const char *const candidates[] = {above, folder};

	for (size_t i = 0; i < 2; i++) {
		size_t model;

		if (!*candidates[i] || strcmp(candidates[i], root) == 0 || !ncm_path_below(candidates[i], root))
			continue;
		model = pipeline_in(pipelines, candidates[i]);
		if (model != NO_MODEL)
			return model;
	}
	return NO_MODEL;
}

static const char *role_of(const char *name)
{
	static const char *const tokenizers[] = {"vocab",  "merges",         "tokenizer",
						 "spiece", "special_tokens", "added_tokens"};

	for (size_t i = 0; i < sizeof tokenizers / sizeof *tokenizers; i++) {
		if (strncmp(name, tokenizers[i], strlen(tokenizers[i])) == 0)
			return "tokenizer";
	}
	return ncm_path_has_suffix(name, "index.json") ? "index" : "config";
}

static bool is_needed(const char *name)
{
	return *name != '.' && (ncm_path_has_suffix(name, ".json") || ncm_path_has_suffix(name, ".txt") ||
				ncm_path_has_suffix(name, ".model"));
}

size_t pipelines_take(struct pipelines *pipelines, const char *root, const char *relative)
{
	const char *name = ncm_path_base(relative);
	const bool is_model = ncm_format_is_model_name(name);
	const size_t model = is_model || is_needed(name) ? pipeline_of(pipelines, root, relative) : NO_MODEL;
	NCM_AUTO_FREE char *folder = folder_of(relative);

	if (model == NO_MODEL)
		return NO_MODEL;
	if (is_model)
		json_object_set_new_nocheck(pipelines->weighed, folder, json_true());
	else
		survey_join(pipelines->work, model, survey_add(pipelines->work, relative, role_of(name)));
	return model;
}

/* Classes without weights: schedulers, tokenizers, what prepares pictures. */
static bool has_weights(const char *library, const char *class)
{
	static const char *const words[] = {"Scheduler", "Tokenizer", "Processor", "Extractor"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strstr(class, words[i]))
			return false;
	}
	return strcmp(library, "diffusers") == 0 || strcmp(library, "transformers") == 0;
}

/* A part of which nothing is there, or no weights: what an interrupted download leaves. */
static void check_part(struct pipelines *pipelines, size_t model, const char *folder, const char *part,
		       const json_t *what)
{
	const char *library = json_string_value(json_array_get(what, 0));
	const char *class = json_string_value(json_array_get(what, 1));
	NCM_AUTO_FREE char *path = ncm_path_join(folder, part);
	size_t file;

	if (*part == '_' || !library || !class || !has_weights(library, class) || strchr(part, '/') ||
	    json_object_get(pipelines->weighed, path))
		return;
	file = survey_add(pipelines->work, path, "weights");
	survey_settle(pipelines->work, file, NCM_SURVEY_MISSING,
		      ncm_strdup("has no weights, and model_index.json names it"));
	survey_join(pipelines->work, model, file);
}

/* In an order that does not depend on the file system's. */
static void sort_files(const struct work *work, size_t model)
{
	struct ncm_survey_model *out = &work->survey->models[model];

	for (size_t i = 1; i < out->file_count; i++) {
		const size_t file = out->files[i];
		size_t at = i;

		for (;
		     at > 0 && strcmp(work->survey->files[out->files[at - 1]].path, work->survey->files[file].path) > 0;
		     at--)
			out->files[at] = out->files[at - 1];
		out->files[at] = file;
	}
}

void pipelines_check(struct pipelines *pipelines)
{
	const char *folder;
	json_t *model;

	json_object_foreach(pipelines->folders, folder, model)
	{
		NCM_AUTO_FREE char *path = ncm_path_join(folder, pipeline_index);
		NCM_AUTO_JSON json_t *index = json_is_integer(model) ? read_index(pipelines->work, path) : NULL;
		const char *part;
		json_t *what;
		size_t count = 0;

		json_object_foreach(index, part, what)
		{
			if (count++ < MOST_PARTS)
				check_part(pipelines, (size_t)json_integer_value(model), folder, part, what);
		}
		if (json_is_integer(model))
			sort_files(pipelines->work, (size_t)json_integer_value(model));
	}
}

void pipelines_free(struct pipelines *pipelines)
{
	json_decref(pipelines->folders);
	json_decref(pipelines->weighed);
	json_decref(pipelines->indexes);
	free(pipelines);
}

/* As transformers and diffusers call them. NULL: none of them lies in the folder. */
static json_t *index_in(const struct work *work, const char *folder)
{
	static const char *const names[] = {"model.safetensors.index.json",
					    "diffusion_pytorch_model.safetensors.index.json",
					    "pytorch_model.bin.index.json", "diffusion_pytorch_model.bin.index.json"};
	NCM_AUTO_CLOSE int fd = store_dir_by(work->store, work->dirfd, folder, STORE_LINKS_READ);

	for (size_t i = 0; fd >= 0 && i < sizeof names / sizeof *names; i++) {
		NCM_AUTO_FREE char *path = os_has(fd, names[i]) ? ncm_path_join(folder, names[i]) : NULL;
		json_t *index = path ? read_index(work, path) : NULL;

		if (index)
			return index;
	}
	return NULL;
}

static json_t *shards_of(const json_t *index)
{
	json_t *seen = json_object(), *names = json_array();
	const char *weight;
	json_t *file;

	json_object_foreach(json_object_get(index, "weight_map"), weight, file)
	{
		const char *name = json_string_value(file);

		if (!name || json_object_get(seen, name) || !ncm_path_check(name, NULL) ||
		    json_array_size(names) >= MOST_PARTS)
			continue;
		json_object_set_new_nocheck(seen, name, json_true());
		json_array_append(names, file);
	}
	json_decref(seen);
	return names;
}

void pipelines_indexed(struct pipelines *pipelines, const char *relative, struct ncm_strings *files)
{
	NCM_AUTO_FREE char *folder = folder_of(relative);
	const json_t *name;
	size_t i;

	if (!json_object_get(pipelines->indexes, folder)) {
		NCM_AUTO_JSON json_t *index = index_in(pipelines->work, folder);

		json_object_set_new_nocheck(pipelines->indexes, folder, shards_of(index));
	}
	json_array_foreach(json_object_get(pipelines->indexes, folder), i, name)
	{
		NCM_AUTO_FREE char *path = ncm_path_join(folder, json_string_value(name));

		ncm_strings_add(files, path);
	}
	if (!ncm_strings_contain(files, relative))
		ncm_strings_free(files);
}
