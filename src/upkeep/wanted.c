/* SPDX-License-Identifier: MIT */
/* Which unfinished downloads somebody may still want: those of content that the profile or the lock pins. */
#include "upkeep/upkeep.h"

#include "base/json.h"
#include "base/mem.h"
#include "manifest/lock.h"
#include "source/source.h"
#include "store/staging.h"

#include <string.h>

static void want_digest(json_t *wanted, const struct ncm_sha256 *digest)
{
	char hex[NCM_SHA256_HEX + 1];

	json_object_set_new(wanted, ncm_sha256_hex(digest, hex), json_true());
}

static void want_source(json_t *wanted, const char *uri)
{
	NCM_AUTO_FREE char *source = ncm_source_key(uri);
	NCM_AUTO_FREE char *content = source ? staging_content_of_source(source) : NULL;

	if (content)
		json_object_set_new(wanted, content, json_true());
}

static void want_files(json_t *wanted, const struct ncm_file_spec *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ncm_file_spec *file = &files[i];

		if (file->has_sha256)
			want_digest(wanted, &file->sha256);
		for (size_t k = 0; k < file->layer_count; k++)
			want_digest(wanted, &file->layers[k].digest);
		for (size_t k = 0; k < file->from.count; k++)
			want_source(wanted, file->from.items[k]);
	}
}

static void want_catalog(json_t *wanted, const struct ncm_catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++) {
		const struct ncm_model *model = &catalog->models[i];

		want_files(wanted, model->files, model->file_count);
		for (size_t k = 0; k < model->variant_count; k++)
			want_files(wanted, model->variants[k].files, model->variants[k].file_count);
	}
}

static void want_lock(json_t *wanted, const struct ncm_lock *lock)
{
	for (size_t i = 0; i < lock->count; i++) {
		want_source(wanted, lock->entries[i].pinned);
		for (size_t k = 0; k < lock->entries[i].file_count; k++) {
			if (lock->entries[i].files[k].has_sha256)
				want_digest(wanted, &lock->entries[i].files[k].sha256);
		}
	}
}

/* What cannot be read may want anything: then `wanted` is no object. */
static json_t *learn(struct upkeep *upkeep)
{
	const struct ncm_config *config = upkeep->request.config;
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = ncm_layout_lock(upkeep->layout, config);
	struct ncm_catalog *catalog = ncm_catalog_load(config, &err);
	struct ncm_lock *lock = catalog ? ncm_lock_load(path, &err) : NULL;
	json_t *wanted = lock ? json_object() : json_true();

	if (lock) {
		want_catalog(wanted, catalog);
		want_lock(wanted, lock);
	} else {
		upkeep_warn(upkeep, "partial downloads are kept, because what is wanted cannot be read: %s",
			    err.message);
	}
	ncm_error_clear(&err);
	ncm_lock_free(lock);
	ncm_catalog_free(catalog);
	return wanted;
}

bool upkeep_is_wanted(struct upkeep *upkeep, const char *partial)
{
	NCM_AUTO_FREE char *content = staging_content_of(partial);

	if (!upkeep->wanted)
		upkeep->wanted = learn(upkeep);
	return !json_is_object(upkeep->wanted) || json_object_get(upkeep->wanted, content);
}
