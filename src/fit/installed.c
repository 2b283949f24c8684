/* SPDX-License-Identifier: MIT */
/* Which files of an installed model its memory is counted from. */
#include <ncmodel/fit.h>

#include "base/strings.h"

#include <ncmodel/registry.h>

static const struct ncm_reg_file *of_role(const struct ncm_reg_model *entry, const char *role)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (ncm_same_text(entry->files[i].role, role))
			return &entry->files[i];
	}
	return NULL;
}

static struct ncm_inspection *read_header(const struct ncm_reg_file *file, struct ncm_error *err)
{
	return file ? ncm_inspect_file(file->abs, NULL, err) : NULL;
}

struct ncm_inspection *ncm_fit_read_installed(const struct ncm_reg_model *entry, struct ncm_inspection **projector,
					      struct ncm_error *err)
{
	const struct ncm_reg_file *main = of_role(entry, "model");
	struct ncm_inspection *model;

	if (!main)
		main = of_role(entry, "weights");
	if (!main && entry->file_count > 0)
		main = &entry->files[0];
	model = read_header(main, err);
	*projector = model ? read_header(of_role(entry, "projector"), NULL) : NULL;
	return model;
}
