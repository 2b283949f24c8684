/* SPDX-License-Identifier: MIT */
/* Which files are pushed, under which names, and what each may be mounted from. */
#include "push/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/filter.h"
#include "source/oci.h"

#include <string.h>

/* The repository of the same registry that a file came from, and that is another one. The caller frees it. */
static char *mounted_from(const struct push *push, const char *source)
{
	struct oci_spelling name = {0};
	char *repository = NULL;

	if (!source || !oci_claims(source) || oci_spelling_parse(source, &name, NULL) < 0)
		return NULL;
	if (strcmp(name.oci.registry, push->name.registry) == 0 &&
	    strcmp(name.oci.repository, push->name.repository) != 0)
		repository = ncm_strdup(name.oci.repository);
	oci_spelling_clear(&name);
	return repository;
}

static int no_digest(const struct ncm_reg_model *model, const struct ncm_reg_file *file, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY,
		      "%s: %s: models.json has no digest of it, so nobody could tell whether it is right", model->id,
		      file->abs);
	return ncm_error_hint(err, "`ncmodel adopt` takes down what it is; then push again");
}

static const struct ncm_push_file *find(const struct push *push, const char *path)
{
	const uint32_t *index = ncm_text_map_find(&push->names, path, strlen(path));

	return index ? &push->report->files[*index] : NULL;
}

/* "LICENSE-2", "model-2.gguf": the name of another file that is called alike. */
static char *numbered(const char *path, unsigned number)
{
	const char *base = ncm_path_base(path), *dot = strrchr(base, '.');
	const size_t stem = dot && dot > base ? (size_t)(dot - path) : strlen(path);

	return ncm_asprintf("%.*s-%u%s", (int)stem, path, number, path + stem);
}

/* A name that nothing else has, in *path; false if the same content is there by that name. */
static bool make_unique(const struct push *push, const struct ncm_sha256 *digest, char **path)
{
	NCM_AUTO_FREE char *wanted = ncm_strdup(*path);
	const struct ncm_push_file *other;

	for (unsigned number = 2; (other = find(push, *path)); number++) {
		if (ncm_sha256_equal(&other->sha256, digest))
			return false;
		free(*path);
		*path = numbered(wanted, number);
	}
	return true;
}

/* The folders of one model's files, one a store: each is looked for once, among all files. */
struct folder {
	const char *store;
	size_t size;
};
struct folders {
	struct folder *items;
	size_t count;
};

static size_t folder_size(struct folders *folders, const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	struct folder *folder;

	if (push_is_blob(file))
		return 0;
	for (size_t i = 0; i < folders->count; i++) {
		if (ncm_same_text(folders->items[i].store, file->store))
			return folders->items[i].size;
	}
	folder = NCM_PUSH(folders->items, folders->count);
	*folder = (struct folder){file->store, push_folder_size(model, file)};
	return folder->size;
}

static int add(struct push *push, const struct ncm_reg_model *model, const struct ncm_reg_file *file,
	       struct folders *folders, struct ncm_error *err)
{
	struct ncm_push_report *report = push->report;
	NCM_AUTO_FREE char *name = push_file_name(model, file, folder_size(folders, model, file));
	NCM_AUTO_FREE char *folder = NULL;
	NCM_AUTO_FREE char *path = NULL;

	if (!name)
		return 0;
	if (ncm_sha256_is_zero(&file->sha256))
		return no_digest(model, file, err);
	folder = push_model_name(model);
	path = push->model_count > 1 ? ncm_asprintf("%s/%s", folder, name) : ncm_strdup(name);
	if (!make_unique(push, &file->sha256, &path))
		return 0;
	ncm_text_map_add(&push->names, path, strlen(path), (uint32_t)report->count);
	*NCM_PUSH(report->files, report->count) = (struct ncm_push_file){
	    .path = path,
	    .abs = ncm_strdup(file->abs),
	    .model = ncm_strdup(model->id),
	    .store = ncm_strdup_null(file->store),
	    .from = push->options->tar ? NULL : mounted_from(push, file->source ? file->source : model->source),
	    .phase = model->phase,
	    .sha256 = file->sha256,
	    .size = file->size,
	    .layer = file->sha256,
	    .layer_size = file->size,
	    .state = NCM_PUSH_TO_SEND,
	};
	path = NULL;
	report->size += file->size;
	return 0;
}

static bool is_tensor(const struct ncm_reg_file *file)
{
	return file->role && strcmp(file->role, "tensor") == 0;
}

static int refuse_tensors(const struct ncm_reg_model *model, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "%s: Ollama keeps it as tensors, which are no file of a model", model->id);
	return ncm_error_hint(err, "pull it from where it comes from, and push that");
}

static int add_model(struct push *push, const struct ncm_reg_model *model, struct ncm_error *err)
{
	const size_t before = push->report->count;
	struct folders folders = {0};
	int failed = 0;

	for (size_t i = 0; i < model->file_count && !failed; i++)
		failed = is_tensor(&model->files[i]) ? refuse_tensors(model, err)
						     : add(push, model, &model->files[i], &folders, err);
	free(folders.items);
	if (failed || push->report->count > before)
		return failed;
	ncm_error_set(err, NCM_E_POLICY, "%s: it has no file that could be pushed", model->id);
	return ncm_error_hint(err, "leave it out");
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct ncm_push_file *)a)->path, ((const struct ncm_push_file *)b)->path);
}

int push_choose(struct push *push, struct ncm_error *err)
{
	const struct ncm_selector *selector = push->options->selector;

	if (!push->options->all && ncm_selector_is_open(selector)) {
		ncm_error_set(err, NCM_E_USAGE, "which models are to be pushed?");
		return ncm_error_hint(err, "name them, or choose some as for `ncmodel list`, which shows what is "
					   "installed");
	}
	push->registry = ncm_registry_load(push->config, err);
	if (!push->registry ||
	    ncm_registry_select(push->registry, selector, &push->models, &push->model_count, err) < 0)
		return -1;
	for (size_t i = 0; i < push->model_count; i++) {
		if (add_model(push, push->models[i], err) < 0)
			return -1;
	}
	if (push->report->count == 0)
		return ncm_error_set(err, NCM_E_USAGE, "no registered model is chosen: there is nothing to push");
	qsort(push->report->files, push->report->count, sizeof *push->report->files, by_path);
	return 0;
}
