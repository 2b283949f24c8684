/* SPDX-License-Identifier: MIT */
#include "registry/deed.h"

#include "base/mem.h"

struct ncm_deed_file registry_deed_file(const struct ncm_reg_file *file)
{
	return (struct ncm_deed_file){.path = file->abs,
				      .store = file->store,
				      .how = (char *)ncm_origin_name(file->origin),
				      .source = file->source,
				      .size = file->size,
				      .sha256 = file->sha256};
}

void registry_tell_deed(const struct ncm_sink *sink, const char *action, const struct ncm_reg_model *entry)
{
	NCM_AUTO_FREE struct ncm_deed_file *files = ncm_calloc(entry->file_count + 1, sizeof *files);
	const struct ncm_deed deed = {.action = action,
				      .model = entry->id,
				      .source = entry->source,
				      .revision = entry->revision,
				      .files = files,
				      .file_count = entry->file_count};

	for (size_t i = 0; i < entry->file_count; i++)
		files[i] = registry_deed_file(&entry->files[i]);
	ncm_emit_deed(sink, &deed);
}
