/* SPDX-License-Identifier: MIT */
/*
 * ComfyUI-Manager's model-list.json: {"models": [{"name", "type", "base", "save_path", "description", "filename",
 * "url", …}]}. A file goes to models/<save_path>/<filename>; "default" stands for the folder of its type; the file name
 * "<huggingface>" for a whole repository, whose name is the url (its glob/manager_server.py, get_model_dir). Its sizes
 * are rounded, so they are not taken over.
 */
#include "author/import.h"

#include "author/place.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/load.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

static const char store_id[] = "comfyui";
static const char whole_repository[] = "<huggingface>";

struct type {
	const char *type;
	const char *folder; /* that "default" stands for; NULL: none */
	const char *kind;
};

/* model_dir_name_map of the Manager, and what a manifest calls these things. */
static const struct type types[] = {
    {"checkpoint", "checkpoints", "checkpoint"},
    {"checkpoints", "checkpoints", "checkpoint"},
    {"unclip", "checkpoints", "checkpoint"},
    {"text_encoders", "text_encoders", "text-encoder"},
    {"clip", "text_encoders", "text-encoder"},
    {"clip_vision", "clip_vision", "checkpoint"},
    {"vae", "vae", "vae"},
    {"taesd", NULL, "vae"},
    {"lora", "loras", "lora"},
    {"motion lora", NULL, "lora"},
    {"t2i-adapter", "controlnet", "checkpoint"},
    {"t2i-style", "controlnet", "checkpoint"},
    {"controlnet", "controlnet", "checkpoint"},
    {"gligen", "gligen", "checkpoint"},
    {"upscale", "upscale_models", "checkpoint"},
    {"embedding", "embeddings", "checkpoint"},
    {"embeddings", "embeddings", "checkpoint"},
    {"unet", "diffusion_models", "diffusion"},
    {"diffusion_model", "diffusion_models", "diffusion"},
    {"animatediff", NULL, "motion-module"},
    {"animatediff-pia", NULL, "motion-module"},
    {"llm", NULL, "llm"},
};

static const struct type *find_type(const char *name)
{
	static const struct type other = {NULL, NULL, "checkpoint"};

	for (size_t i = 0; name && i < sizeof types / sizeof *types; i++) {
		if (strcasecmp(types[i].type, name) == 0)
			return &types[i];
	}
	return &other;
}

/* "./models\\loras//SDXL/" → "loras/SDXL"; an absolute path stays one. The caller frees it. */
static char *tidy(const char *saved)
{
	NCM_AUTO_FREE char *slashes = ncm_strdup(saved + strspn(saved, " "));
	char *out = slashes;

	for (const char *in = slashes; *in; in++) {
		const char c = *in == '\\' ? '/' : *in;

		if (c != '/' || out == slashes || out[-1] != '/')
			*out++ = c;
	}
	while (out > slashes && (out[-1] == '/' || out[-1] == ' '))
		out--;
	*out = '\0';
	out = strncmp(slashes, "./", 2) == 0 ? slashes + 2 : slashes;
	return ncm_strdup(strncmp(out, "models/", 7) == 0 ? out + 7 : out);
}

/* Where a path of the machine that the list was made on lies in ComfyUI's folder. The caller frees it; NULL: nowhere.
 */
static char *path_inside(const struct import *import, const char *saved)
{
	const struct ncm_store *store = ncm_layout_find(import->author.layout, store_id);
	const char *folder = NULL;
	struct list_place place;
	char *inside;

	if (!store || !list_place_find(import->author.layout, saved, store_id, store_id, &place))
		return NULL;
	for (size_t i = 0; place.folder && i < store->folder_count; i++) {
		if (strcmp(store->folders[i].name, place.folder) == 0)
			folder = store->folders[i].path;
	}
	inside = place.rest ? ncm_path_join(folder, place.rest) : ncm_strdup_null(folder);
	list_place_clear(&place);
	return inside;
}

/* Below the store, as "models/loras/SDXL/x.safetensors". NULL with *err. The caller frees it. */
static char *wanted_path(const struct import *import, const json_t *entry, const struct type *type,
			 struct ncm_error *err)
{
	const char *given = ncm_json_string(entry, "save_path");
	NCM_AUTO_FREE char *saved = given ? tidy(given) : NULL, *inside = NULL;
	const char *file = ncm_json_string(entry, "filename");
	const char *url = ncm_json_string(entry, "url");
	NCM_AUTO_FREE char *path = NULL;
	char *taken;

	if (!saved || !file || !url) {
		ncm_error_set(err, NCM_E_USAGE, "save_path, filename or url is missing");
		return NULL;
	}
	if (strcmp(saved, "default") == 0) {
		free(saved);
		saved = ncm_strdup(type->folder ? type->folder : "etc");
	}
	inside = *saved == '/' || (*saved && saved[1] == ':') ? path_inside(import, saved) : NULL;
	if (strcmp(file, whole_repository) == 0)
		file = ncm_path_base(url);
	if (strpbrk(file, "/\\")) {
		ncm_error_set(err, NCM_E_USAGE, "its filename holds a slash");
		return NULL;
	}
	if (inside)
		path = ncm_path_join(inside, file);
	else
		path = ncm_asprintf("%s%s/%s", strncmp(saved, "custom_nodes/", 13) == 0 ? "" : "models/", saved, file);
	if (ncm_store_check_extension(path, err) < 0)
		return NULL;
	taken = path;
	path = NULL;
	return taken;
}

/* The folder of the layout that the path lies in, and the rest of it; else the store's root. */
static void set_target(const struct ncm_layout *layout, const char *path, struct ncm_file_spec *spec)
{
	const struct ncm_store *store = ncm_layout_find(layout, store_id);
	const struct ncm_store_folder *folder = store ? ncm_store_folder_around(store, path) : NULL;

	*NCM_PUSH(spec->to, spec->to_count) =
	    (struct ncm_target){.store = ncm_strdup(store_id),
				.folder = folder ? ncm_strdup(folder->name) : NULL,
				.name = ncm_strdup(folder ? ncm_path_below(path, folder->path) : path)};
}

static int set_source(const json_t *entry, struct ncm_file_spec *spec, struct ncm_error *err)
{
	const char *url = ncm_json_string(entry, "url");
	const bool whole = strcmp(ncm_json_string(entry, "filename"), whole_repository) == 0;
	NCM_AUTO_FREE char *uri = whole ? ncm_asprintf("%s%s", ncm_source_huggingface.begins, url) : ncm_strdup(url);
	NCM_AUTO_FREE char *canonical = NULL;

	if (ncm_source_check(uri, false, &canonical, err) < 0)
		return -1;
	ncm_strings_add(&spec->from, canonical);
	return 0;
}

static void describe(const json_t *entry, const struct type *type, struct ncm_model *model)
{
	const char *name = ncm_json_string(entry, "name");
	const char *kind = ncm_json_string(entry, "type");

	model->id = ncm_strdup(name ? name : ncm_json_string(entry, "filename"));
	model->name = ncm_strdup_null(name);
	model->kind = ncm_strdup(type->kind);
	model->description = ncm_strdup_null(ncm_json_string(entry, "description"));
	model->architecture = ncm_strdup_null(ncm_json_string(entry, "base"));
	if (kind)
		ncm_strings_add(&model->tags, kind);
	if (strcmp(type->kind, "llm") == 0)
		ncm_strings_add(&model->use_cases, "General");
	model->performance_score = model->cost_score = -1;
}

/* To find a line the text is read once more: that many times and no more. */
static size_t line_of(const struct import *import, const struct list *list, size_t index)
{
	enum { MOST_LINES_TOLD = 50 };
	NCM_AUTO_FREE char *at = ncm_asprintf("$.models[%zu]", index);

	return import->author.draft->gap_count < MOST_LINES_TOLD ? ncm_json_line(list->text, list->size, at) : 0;
}

static void take_entry(struct import *import, const struct list *list, size_t index, const json_t *entry)
{
	const struct type *type = find_type(ncm_json_string(entry, "type"));
	const char *name = ncm_json_string(entry, "name");
	const char *what = name ? name : "(no name)";
	const struct ncm_draft *draft = import->author.draft;
	const size_t gaps = draft->gap_count;
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = wanted_path(import, entry, type, &err);
	struct ncm_model model = {0};
	struct ncm_file_spec *spec = NCM_PUSH(model.files, model.file_count);

	spec->role = ncm_strdup("weights");
	if (path && set_source(entry, spec, &err) == 0) {
		set_target(import->author.layout, path, spec);
		describe(entry, type, &model);
		author_take(&import->author, &model, 0, what);
	} else {
		author_leave_out(&import->author, 0, what, "%s", err.message);
	}
	if (draft->gap_count > gaps)
		draft->gaps[gaps].line = line_of(import, list, index);
	ncm_error_clear(&err);
	manifest_model_clear(&model);
}

/* {"models": […]}, or the array alone, of entries with addresses. */
static const json_t *entries_of(const struct list *list)
{
	const json_t *first = json_array_get(list->json, 0);

	return ncm_json_string(first, "url") ? list->json : json_object_get(list->json, "models");
}

bool import_is_comfyui(const struct list *list)
{
	return json_is_array(entries_of(list));
}

int import_comfyui(struct import *import, const struct list *list, struct ncm_error *err)
{
	const json_t *models = entries_of(list);
	const json_t *entry;
	size_t i;

	if (!json_is_array(models)) {
		ncm_error_set(err, NCM_E_MANIFEST, "the list has no array \"models\"");
		return ncm_error_hint(err, "ComfyUI-Manager's model-list.json has one");
	}
	json_array_foreach(models, i, entry)
	{
		take_entry(import, list, i, entry);
	}
	return 0;
}
