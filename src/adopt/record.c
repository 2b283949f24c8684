/* SPDX-License-Identifier: MIT */
/*
 * Adopting writes no model: the lock first, then models.json, as after a pull. The lock gets what an Ollama store says
 * of its tags, so that a later plan asks nobody what is here already.
 */
#include "adopt/adopt.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "registry/deed.h"
#include "registry/ollama.h"
#include "registry/write.h"

#include <string.h>

/* As a pull names the blobs in the lock. */
static size_t list_blobs(const struct found *found, struct ncm_lock_file *files)
{
	char hex[NCM_SHA256_HEX + 1];
	size_t count = 0;

	for (size_t i = 0; i < found->file_count; i++) {
		const struct found_file *file = &found->files[i];

		if (strcmp(file->role, "manifest") == 0)
			continue;
		files[count++] = (struct ncm_lock_file){
		    .path = ncm_asprintf("%s-%.12s", file->role, ncm_sha256_hex(&file->sha256, hex)),
		    .role = (char *)file->role,
		    .has_size = true,
		    .size = file->size,
		    .has_sha256 = true,
		    .sha256 = file->sha256,
		};
	}
	return count;
}

void adopt_pin_ollama(struct adopt *adopt, const struct found *found, const char *uri, const char *trust)
{
	const struct found_file *manifest = found_manifest(found);
	NCM_AUTO_FREE char *store = NULL;
	NCM_AUTO_FREE char *name = NULL;
	NCM_AUTO_FREE struct ncm_lock_file *files = ncm_calloc(found->file_count, sizeof *files);
	NCM_AUTO_FREE char *pinned = ncm_asprintf("%s@%s", found->seen->entry.source, found->seen->entry.revision);
	char now[32];
	struct ncm_lock_entry entry = {
	    .uri = (char *)uri,
	    .pinned = pinned,
	    .revision = found->seen->entry.revision,
	    .trust = (char *)trust,
	    .resolved_at = ncm_time_utc(now),
	    .files = files,
	};

	if (!manifest ||
	    !registry_manifest_place(&(struct ncm_reg_file){.abs = manifest->path, .role = (char *)manifest->role},
				     &store, &name))
		return;
	entry.ollama_name = name;
	/* What is pinned already was pinned on purpose. */
	if (ncm_lock_find(adopt->lock, uri))
		return;
	entry.file_count = list_blobs(found, files);
	ncm_lock_put(adopt->lock, &entry);
	ncm_strings_add(&adopt->pinned, uri);
	for (size_t i = 0; i < entry.file_count; i++)
		free(files[i].path);
}

int adopt_record(struct adopt *adopt, struct ncm_error *err)
{
	NCM_AUTO_FREE struct ncm_reg_model *entries = ncm_calloc(adopt->adoption->count + 1, sizeof *entries);
	size_t count = 0;

	for (size_t i = 0; i < adopt->adoption->count; i++) {
		const struct ncm_adoption_model *model = &adopt->adoption->models[i];

		if (model->verdict == NCM_ADOPT_NEW || model->verdict == NCM_ADOPT_CHANGED)
			entries[count++] = model->entry;
	}
	if (adopt->pinned.count > 0 &&
	    ncm_lock_save(adopt->lock, (const char *const *)adopt->pinned.items, adopt->pinned.count, err) < 0)
		return -1;
	if (count > 0 && ncm_registry_put_all(adopt->registry_path, entries, count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		ncm_emit(adopt->sink, &(struct ncm_event){.type = NCM_EVENT_REGISTERED, .model = entries[i].id});
		registry_tell_deed(adopt->sink, "registered", &entries[i]);
	}
	return 0;
}
