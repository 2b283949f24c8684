/* SPDX-License-Identifier: MIT */
/* Where a file's bytes can be had again. Only what has the file's own digest tells; a name or a neighbour does not. */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/load.h"
#include "source/source.h"

#include <string.h>

const struct ncm_survey_claim *origin_claim(const struct found_file *file)
{
	for (size_t i = 0; file->has_sha256 && i < file->seen->claim_count; i++) {
		if (ncm_sha256_equal(&file->seen->claims[i].sha256, &file->sha256))
			return &file->seen->claims[i];
	}
	return NULL;
}

/* The source of a snapshot's file, at its commit: its blob is named by its digest, or the commit's listing has that. */
static char *hub_source(const struct found *found, const struct found_file *file)
{
	const struct ncm_reg_model *entry = &found->seen->entry;
	NCM_AUTO_FREE char *folder = ncm_asprintf("/snapshots/%s/", entry->revision ? entry->revision : "");
	const char *at = strstr(file->seen->path, folder);

	if (!at || !entry->source || !entry->revision || !file->seen->told_by)
		return NULL;
	return ncm_source_file_at(entry->source, at + strlen(folder), entry->revision);
}

struct origin origin_of(const struct found *found, const struct found_file *file)
{
	const struct ncm_reg_model *entry = &found->seen->entry;
	const struct ncm_survey_claim *claim = origin_claim(file);
	struct origin origin = {0};

	if (claim) {
		origin.source = ncm_strdup_null(claim->source);
		origin.revision = ncm_strdup_null(claim->revision);
	} else if (file->identity) {
		origin.source = ncm_strdup(file->identity->origin.source);
		origin.revision = ncm_strdup_null(file->identity->origin.revision);
	} else if (found->seen->form == NCM_SURVEY_SNAPSHOT) {
		origin.source = hub_source(found, file);
		origin.revision = origin.source ? ncm_strdup(entry->revision) : NULL;
	} else if (found->seen->form == NCM_SURVEY_TAG && entry->source && entry->revision) {
		origin.source = ncm_asprintf("%s@%s", entry->source, entry->revision);
		origin.revision = ncm_strdup(entry->revision);
	}
	return origin;
}

struct origin origin_of_spec(const struct adopt *adopt, const struct ncm_file_spec *spec)
{
	const char *uri = spec->from.items[0];
	const struct ncm_lock_entry *locked = ncm_lock_find(adopt->lock, uri);
	struct origin origin = {0};

	if (locked && locked->pinned) {
		origin.source = ncm_strdup(locked->pinned);
		origin.revision = ncm_strdup_null(locked->revision);
		return origin;
	}
	(void)ncm_source_check(uri, true, &origin.source, NULL);
	origin.revision = ncm_source_spelled_revision(uri);
	return origin;
}

void origin_clear(struct origin *origin)
{
	free(origin->source);
	free(origin->revision);
	*origin = (struct origin){0};
}

void origin_describe(const struct found *found, struct ncm_reg_model *entry)
{
	struct origin origin = found->file_count == 1 ? origin_of(found, &found->files[0]) : (struct origin){0};

	registry_model_copy(entry, &found->seen->entry);
	if (found->file_count == 1 && found->files[0].identity) {
		origin_clear(&origin);
		identity_describe(found->files[0].identity, entry);
		return;
	}
	if (!found->seen->source_is_hearsay) {
		origin_clear(&origin);
		return;
	}
	free(entry->source);
	free(entry->revision);
	entry->source = origin.source;
	entry->revision = origin.revision;
}
