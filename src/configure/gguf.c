/* SPDX-License-Identifier: MIT */
/*
 * Programs that want files, not folders: registered GGUF models, wherever they lie (a blob of Ollama's, too), told by
 * path. llama.cpp's server reads presets (common/preset.cpp: a section each, values end at '#' and ';'), Jan a
 * model.yml in a folder for each model.
 */
#include "configure/block.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/share.h"

#include <string.h>
#include <strings.h>

struct gguf {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *weights, *projector; /* the second may be NULL */
};

static bool has_role(const struct ncm_reg_file *file, const char *role)
{
	return file->role && strcmp(file->role, role) == 0;
}

static bool is_gguf(const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	return ncm_path_has_suffix(file->abs, ".gguf") ||
	       (model->format && strcasecmp(model->format, "gguf") == 0 && store_is_only_read(file->abs) &&
		strstr(file->abs, "/blobs/"));
}

/* Of several parts the first leads to the others. */
static bool find_files(const struct ncm_reg_model *model, struct gguf *found)
{
	*found = (struct gguf){.model = model};
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];

		if (!is_gguf(model, file))
			continue;
		if (has_role(file, "mmproj") || has_role(file, "projector"))
			found->projector = found->projector ? found->projector : file;
		else if (has_role(file, "weights") || has_role(file, "model"))
			found->weights = found->weights ? found->weights : file;
	}
	return found->weights != NULL;
}

static bool is_chosen(const struct work *work, const struct ncm_reg_file *file)
{
	const size_t at = ncm_layout_store_of(work->layout, file->abs, file->store);
	const struct ncm_store *store = at == NCM_NO_STORE ? NULL : &work->layout->stores[at];

	if (store && ncm_store_is_of(store, work->own->id))
		return false;
	for (size_t i = 0; i < work->options->store_count; i++) {
		if (store && ncm_store_is_of(store, work->options->stores[i]))
			return true;
	}
	return work->options->store_count == 0;
}

static bool is_there(const struct gguf *gguf)
{
	return os_access(OS_HERE, gguf->weights->abs, OS_MAY_READ) == 0 &&
	       (!gguf->projector || os_access(OS_HERE, gguf->projector->abs, OS_MAY_READ) == 0);
}

/* Of each registered model that there is to tell of. */
static void each_gguf(struct work *work, const struct ncm_registry *registry,
		      void (*each)(void *context, const struct gguf *gguf), void *context)
{
	for (size_t i = 0; i < registry->count; i++) {
		struct gguf found;

		if (find_files(&registry->models[i], &found) && is_chosen(work, found.weights) && is_there(&found))
			each(context, &found);
	}
}

struct presets {
	struct work *work;
	const char *users; /* the file without us */
	struct ncm_buffer lines;
	size_t count;
};

static bool has_section(const char *text, const char *name)
{
	NCM_AUTO_FREE char *header = ncm_asprintf("[%s]", name);

	for (const char *at = strstr(text, header); at; at = strstr(at + 1, header)) {
		if (at == text || at[-1] == '\n')
			return true;
	}
	return false;
}

static bool fits_ini(const char *text)
{
	return is_one_line(text) && !strpbrk(text, "#;]");
}

static void add_preset(void *context, const struct gguf *gguf)
{
	struct presets *presets = context;
	const struct ncm_reg_file *weights = gguf->weights, *projector = gguf->projector;
	const char *id = gguf->model->id;

	if (!fits_ini(id) || !fits_ini(weights->abs) || (projector && !fits_ini(projector->abs))) {
		add_setting(presets->work, id, weights->abs, weights->store, NCM_SETTING_LEFT,
			    ncm_strdup("its name cannot be written in a preset"));
		return;
	}
	if (has_section(presets->users, id)) {
		add_setting(presets->work, id, weights->abs, weights->store, NCM_SETTING_DIFFERS,
			    ncm_strdup("the file has a section of that name, which is not ncmodel's"));
		return;
	}
	add_setting(presets->work, id, weights->abs, weights->store, NCM_SETTING_ADDED, NULL);
	ncm_buffer_printf(&presets->lines, "[%s]\nmodel = %s\n", id, weights->abs);
	if (projector)
		ncm_buffer_printf(&presets->lines, "mmproj = %s\n", projector->abs);
	presets->count++;
}

static void write_presets(struct work *work, const struct settings_file *file, const struct block *block,
			  const struct ncm_registry *registry, struct ncm_configure_file *out)
{
	struct presets presets = {.work = work, .users = block->rest};
	NCM_AUTO_FREE char *text = NULL;
	size_t size;

	each_gguf(work, registry, add_preset, &presets);
	if (presets.count > 0) {
		out->text = ncm_buffer_take(&presets.lines);
		text = block_put(file, block, out->text, &size);
		settle(work, file, out, text, size, NULL);
	} else {
		settle_without(work, file, block, out);
	}
	ncm_buffer_free(&presets.lines);
}

static struct ncm_registry *load_registry(struct work *work, const char *path)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_registry *registry = ncm_registry_load(work->config, &err);

	if (!registry)
		settle_refused(work, add_file(work, path), &err);
	return registry;
}

static void advise_llama_cpp(struct work *work, const char *path)
{
	NCM_AUTO_FREE char *folder = ncm_shell_word(work->own->path), *presets = ncm_shell_word(path);

	advise(work, ncm_asprintf("llama-server --models-dir %s --models-preset %s", folder, presets));
}

void tell_llama_cpp(struct work *work)
{
	NCM_AUTO_FREE char *path = ncm_path_join(work->own->path, "models.ini");
	struct ncm_registry *registry = load_registry(work, path);
	struct ncm_configure_file *out = registry ? add_file(work, path) : NULL;
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings_file file = {0};
	struct block block = {0};
	int failed = out ? settings_read(work->own->path, path, &file, &err) : 1;

	if (!failed)
		failed = block_take(&file, &block, &err);
	if (!failed && work->options->undo)
		settle_without(work, &file, &block, out);
	else if (!failed)
		write_presets(work, &file, &block, registry, out);
	if (out && failed)
		settle_refused(work, out, &err);
	else if (out && !work->options->undo)
		advise_llama_cpp(work, path);
	block_clear(&block);
	settings_clear(&file);
	ncm_registry_free(registry);
}

/* A folder's name: what a path cannot hold becomes '_'. */
static char *folder_name(const char *id)
{
	char *name = ncm_strdup(id);

	for (char *at = name; *at; at++) {
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *at) ||
		    (at == name && *at == '.'))
			*at = '_';
	}
	return name;
}

static void quote(struct ncm_buffer *out, const char *key, const char *text)
{
	ncm_buffer_printf(out, "%s: \"", key);
	for (; *text; text++)
		ncm_buffer_printf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	ncm_buffer_puts(out, "\"\n");
}

/* As Jan's own download writes it (janhq/jan, llamacpp-extension); a path that is absolute stays where it is. */
static char *model_yml(const struct gguf *gguf)
{
	struct ncm_buffer out = {0};

	quote(&out, "model_path", gguf->weights->abs);
	if (gguf->projector)
		quote(&out, "mmproj_path", gguf->projector->abs);
	quote(&out, "name", gguf->model->id);
	ncm_buffer_printf(&out, "size_bytes: %llu\n",
			  (unsigned long long)(gguf->weights->size + (gguf->projector ? gguf->projector->size : 0)));
	return ncm_buffer_take(&out);
}

/* The file of one folder of Jan's, with these lines or (NULL) without ours. One without ours is somebody's. */
static void settle_yml(struct work *work, const char *folder, const char *lines, const struct gguf *gguf)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/%s/model.yml", work->own->path, folder);
	NCM_AUTO_FREE char *above = ncm_path_folder(path);
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings_file file;
	struct block block = {0};
	const int failed = settings_read(work->own->path, path, &file, &err) < 0 ? -1 : block_take(&file, &block, &err);
	const bool foreign = !failed && file.text && !block.is_there;
	NCM_AUTO_FREE char *text = NULL;
	size_t size = 0;

	if (!failed && gguf)
		add_setting(work, folder, gguf->weights->abs, gguf->weights->store,
			    foreign ? NCM_SETTING_DIFFERS : NCM_SETTING_ADDED,
			    foreign ? ncm_strdup("Jan has a model of that name, which is not ncmodel's") : NULL);
	if (failed && !gguf && !(file.text && strstr(file.text, "# >>> ncmodel")))
		ncm_error_clear(&err);
	else if (failed) {
		settle_refused(work, add_file(work, path), &err);
	} else if (!foreign && lines) {
		struct ncm_configure_file *out = add_file(work, path);

		out->text = ncm_strdup(lines);
		text = block_put(&file, &block, lines, &size);
		settle(work, &file, out, text, size, NULL);
	} else if (!foreign && file.text) {
		settle_without(work, &file, &block, add_file(work, path));
		os_rmdir(OS_HERE, above);
	}
	block_clear(&block);
	settings_clear(&file);
}

struct jan {
	struct work *work;
	struct ncm_strings folders; /* that are wanted */
};

static void add_yml(void *context, const struct gguf *gguf)
{
	struct jan *jan = context;
	NCM_AUTO_FREE char *folder = folder_name(gguf->model->id), *lines = model_yml(gguf);

	if (!is_one_line(gguf->weights->abs) || !is_one_line(gguf->model->id) ||
	    (gguf->projector && !is_one_line(gguf->projector->abs))) {
		add_setting(jan->work, folder, gguf->weights->abs, gguf->weights->store, NCM_SETTING_LEFT,
			    ncm_strdup("its name cannot be written in a line of YAML"));
		return;
	}
	ncm_strings_add(&jan->folders, folder);
	settle_yml(jan->work, folder, lines, gguf);
}

static bool is_wanted(const struct jan *jan, const char *folder)
{
	for (size_t i = 0; i < jan->folders.count; i++) {
		if (strcmp(jan->folders.items[i], folder) == 0)
			return true;
	}
	return false;
}

/* What an earlier run told, and is no more, or is to be undone. */
static void clear_others(struct jan *jan)
{
	struct os_list *dir = os_list(os_open(OS_HERE, jan->work->own->path, OS_FOLDER));
	const char *entry;

	while (dir && (entry = os_list_next(dir))) {
		if (entry[0] != '.' && !is_wanted(jan, entry))
			settle_yml(jan->work, entry, NULL, NULL);
	}
	os_list_end(dir);
}

void tell_jan(struct work *work)
{
	NCM_AUTO_FREE char *any = ncm_path_join(work->own->path, "model.yml");
	struct ncm_registry *registry = load_registry(work, any);
	struct jan jan = {.work = work};

	if (registry && !work->options->undo)
		each_gguf(work, registry, add_yml, &jan);
	if (registry)
		clear_others(&jan);
	ncm_strings_free(&jan.folders);
	ncm_registry_free(registry);
}
