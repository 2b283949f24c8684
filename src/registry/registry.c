/* SPDX-License-Identifier: MIT */
#include <ncmodel/registry.h>

#include "base/mem.h"
#include "base/path.h"
#include "registry/document.h"
#include "registry/write.h"
#include "store/store.h"

#include <string.h>
#include <strings.h>

char *registry_base(const char *path)
{
	char *base = ncm_path_absolute(path);

	for (unsigned level = 0; level < 2; level++) {
		char *slash = strrchr(base, '/');

		if (slash > base)
			*slash = '\0';
		else
			base[1] = '\0';
	}
	return base;
}

struct ncm_registry *ncm_registry_load(const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, err);
	NCM_AUTO_FREE char *path = layout ? ncm_layout_registry(layout, config) : NULL;

	ncm_layout_free(layout);
	return path ? ncm_registry_read(path, err) : NULL;
}

const char *ncm_origin_name(enum ncm_origin origin)
{
	static const char *const names[] = {NULL, "fetched", "linked", "adopted"};

	return names[origin];
}

static bool has_file_name(const struct ncm_reg_model *model, const char *name)
{
	if (strcasecmp(ncm_path_base(model->file_path), name) == 0)
		return true;
	for (size_t i = 0; i < model->file_count; i++) {
		if (strcasecmp(ncm_path_base(model->files[i].path), name) == 0)
			return true;
	}
	return false;
}

/* The id is meant before a name is. */
const struct ncm_reg_model *ncm_registry_find(const struct ncm_registry *registry, const char *name)
{
	for (size_t i = 0; i < registry->count; i++) {
		if (strcasecmp(registry->models[i].id, name) == 0)
			return &registry->models[i];
	}
	for (size_t i = 0; i < registry->count; i++) {
		if (strcasecmp(registry->models[i].display_name, name) == 0)
			return &registry->models[i];
	}
	for (size_t i = 0; i < registry->count; i++) {
		if (has_file_name(&registry->models[i], name))
			return &registry->models[i];
	}
	return NULL;
}
