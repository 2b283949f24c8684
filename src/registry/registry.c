/* SPDX-License-Identifier: MIT */
#include <ncmodel/registry.h>

#include "base/mem.h"
#include "base/path.h"
#include "registry/document.h"
#include "registry/write.h"
#include "store/store.h"

#include <string.h>

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
