/* SPDX-License-Identifier: MIT */
/* Which contents: of the registered models that are chosen. */
#include "cache/keep.h"

#include "base/mem.h"
#include "base/strings.h"

static int no_digest(const struct ncm_reg_model *model, const struct ncm_reg_file *file, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY,
		      "%s: %s: models.json has no digest of it, so nobody could tell whether it is right", model->id,
		      file->abs);
	return ncm_error_hint(err, "`ncmodel adopt` takes down what it is; then push again");
}

static int add(struct keeping *keeping, const struct ncm_reg_model *model, const struct ncm_reg_file *file,
	       struct ncm_error *err)
{
	struct ncm_cache_item *item;

	if (ncm_sha256_is_zero(&file->sha256))
		return no_digest(model, file, err);
	item = keeping_item(keeping, &file->sha256);
	if (item->path)
		return 0;
	item->model = ncm_strdup(model->id);
	item->path = ncm_strdup(file->abs);
	item->size = file->size;
	return 0;
}

/* What was unpacked is asked for by its archive, which nobody kept. */
static bool is_unpacked(const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (!ncm_sha256_is_zero(&model->files[i].archive))
			return true;
	}
	return false;
}

static int add_model(struct keeping *keeping, const struct ncm_reg_model *model, struct ncm_error *err)
{
	if (is_unpacked(model)) {
		ncm_strings_take(&keeping->report->left_out,
				 ncm_asprintf("%s: it was unpacked from an archive, which is not kept", model->id));
		return 0;
	}
	for (size_t i = 0; i < model->file_count; i++) {
		if (add(keeping, model, &model->files[i], err) < 0)
			return -1;
	}
	return 0;
}

int keeping_choose(struct keeping *keeping, struct ncm_error *err)
{
	keeping->registry = ncm_registry_load(keeping->config, err);
	if (!keeping->registry || ncm_registry_select(keeping->registry, keeping->options->selector, &keeping->models,
						      &keeping->model_count, err) < 0)
		return -1;
	for (size_t i = 0; i < keeping->model_count; i++) {
		if (add_model(keeping, keeping->models[i], err) < 0)
			return -1;
	}
	return 0;
}
