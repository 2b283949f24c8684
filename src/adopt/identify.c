/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of files come from that nothing on this machine tells of: by their digest the lock and the manifests
 * are asked for single files of what they pin, then, if the user said so, the sources that can be asked by digest.
 */
#include "adopt/adopt.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

struct asking {
	struct adopt *adopt;
	struct ncm_http *http;
	struct ncm_sources *sources;
	bool gave_up;
};

/* The lock's file of this digest, of whatever it is a part. False: none. */
static bool find_locked(const struct adopt *adopt, const struct ncm_sha256 *sha256, struct identity *identity)
{
	for (size_t i = 0; i < adopt->lock->count; i++) {
		const struct ncm_lock_entry *locked = &adopt->lock->entries[i];
		const char *pinned = locked->pinned ? locked->pinned : locked->uri;

		for (size_t k = 0; !locked->ollama_name && k < locked->file_count; k++) {
			const struct ncm_lock_file *file = &locked->files[k];

			if (!file->has_sha256 || !ncm_sha256_equal(&file->sha256, sha256))
				continue;
			identity->origin.source =
			    locked->revision ? ncm_source_file_at(pinned, file->path, locked->revision) : NULL;
			if (!identity->origin.source && locked->file_count == 1)
				identity->origin.source = ncm_strdup(pinned);
			if (!identity->origin.source)
				continue;
			identity->origin.revision = ncm_strdup_null(locked->revision);
			return true;
		}
	}
	return false;
}

static bool find_spec(const struct adopt *adopt, const struct ncm_model *model, const struct ncm_file_spec *specs,
		      size_t count, const struct ncm_sha256 *sha256, struct identity *identity)
{
	for (size_t i = 0; i < count; i++) {
		if (!specs[i].has_sha256 || specs[i].extract || !ncm_sha256_equal(&specs[i].sha256, sha256))
			continue;
		identity->origin = origin_of_spec(adopt, &specs[i]);
		if (identity->origin.source) {
			identity->license = ncm_strdup_null(model->license);
			return true;
		}
		origin_clear(&identity->origin);
	}
	return false;
}

/* A manifest's file of this digest, though not all of its model is here. */
static bool find_pinned(const struct adopt *adopt, const struct ncm_sha256 *sha256, struct identity *identity)
{
	for (size_t i = 0; i < adopt->catalog_count; i++) {
		for (size_t k = 0; k < adopt->catalogs[i]->count; k++) {
			const struct ncm_model *model = &adopt->catalogs[i]->models[k];

			if (find_spec(adopt, model, model->files, model->file_count, sha256, identity))
				return true;
			for (size_t v = 0; v < model->variant_count; v++) {
				if (find_spec(adopt, model, model->variants[v].files, model->variants[v].file_count,
					      sha256, identity))
					return true;
			}
		}
	}
	return false;
}

/* So that a plan, a dump and a repair know it by its digest. */
static void pin(struct adopt *adopt, const struct identity *identity, const struct found_file *file)
{
	struct ncm_lock_file locked = {.path = (char *)ncm_path_base(file->path),
				       .role = (char *)file->role,
				       .has_size = true,
				       .size = file->size,
				       .has_sha256 = true,
				       .sha256 = file->sha256};
	char now[32];
	const struct ncm_lock_entry entry = {.uri = identity->origin.source,
					     .pinned = identity->origin.source,
					     .revision = identity->origin.revision,
					     .trust = (char *)"upstream",
					     .resolved_at = ncm_time_utc(now),
					     .files = &locked,
					     .file_count = 1};

	if (ncm_lock_find(adopt->lock, entry.uri))
		return;
	ncm_lock_put(adopt->lock, &entry);
	ncm_strings_add(&adopt->pinned, entry.uri);
}

static void start_asking(struct asking *asking)
{
	if (asking->sources)
		return;
	asking->http = ncm_http_new(asking->adopt->config, asking->adopt->sink);
	asking->sources = ncm_sources_new(asking->adopt->config, asking->http, asking->adopt->sink);
}

/* Who cannot be asked once is not asked again. */
static bool find_asked(struct asking *asking, const struct found_file *file, struct identity *identity)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_resolution *found;

	if (asking->gave_up || !asking->adopt->options->identify || ncm_interrupted())
		return false;
	start_asking(asking);
	found = ncm_source_find(asking->sources, &file->sha256, file->size, &err);
	if (err.code != NCM_OK) {
		ncm_emit_text(asking->adopt->sink, NCM_EVENT_WARNING, "not everything could be identified: %s",
			      err.message);
		asking->gave_up = true;
	}
	ncm_error_clear(&err);
	if (!found)
		return false;
	identity->origin.source = ncm_strdup(found->uri);
	identity->origin.revision = ncm_strdup_null(found->revision);
	identity->license = ncm_strdup_null(found->license);
	identity->architecture = ncm_strdup_null(found->architecture);
	identity->known_by = ncm_source_scheme(found->uri);
	pin(asking->adopt, identity, file);
	ncm_resolution_free(found);
	return true;
}

/* Nothing tells where it comes from, neither beside it nor in models.json. */
static bool is_unknown(const struct adopt *adopt, const struct found *found, const struct found_file *file)
{
	struct origin origin;
	bool unknown;

	if (found->seen->form != NCM_SURVEY_FILES || found->taken || found->refused || !file->has_sha256 ||
	    strcmp(file->role, "weights") != 0 || found_doubt(found))
		return false;
	if (found->registered)
		return adopt->options->identify && found->known && found->registered->file_count == 1 &&
		       !found->registered->source && !file->record->source;
	origin = origin_of(found, file);
	unknown = !origin.source;
	origin_clear(&origin);
	return unknown && found_is_read(found);
}

static void identify(struct asking *asking, const struct found *found, struct found_file *file)
{
	struct identity identity = {0};

	if (!is_unknown(asking->adopt, found, file))
		return;
	if (find_locked(asking->adopt, &file->sha256, &identity) ||
	    find_pinned(asking->adopt, &file->sha256, &identity) || find_asked(asking, file, &identity)) {
		file->identity = ncm_calloc(1, sizeof *file->identity);
		*file->identity = identity;
	}
}

/* What was registered without a source gets one; all else that its entry says stays. */
static void complete_registered(struct adopt *adopt, struct found *found)
{
	const struct identity *identity = found->files[0].identity;
	struct ncm_reg_model entry;
	struct ncm_reg_file *file;

	registry_model_copy(&entry, found->registered);
	identity_describe(identity, &entry);
	file = NCM_PUSH(entry.files, entry.file_count);
	registry_file_copy(file, found->registered->files);
	free(file->source);
	free(file->revision);
	file->source = ncm_strdup(identity->origin.source);
	file->revision = ncm_strdup_null(identity->origin.revision);
	found->taken = true;
	adopt_put(adopt, &entry, NCM_ADOPT_CHANGED, identity->known_by ? identity->known_by : found->seen->known_by,
		  NULL);
}

void adopt_identify(struct adopt *adopt)
{
	struct asking asking = {.adopt = adopt};

	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];

		for (size_t k = 0; k < found->file_count; k++)
			identify(&asking, found, &found->files[k]);
		if (found->known && found->file_count == 1 && found->files[0].identity)
			complete_registered(adopt, found);
	}
	ncm_sources_free(asking.sources);
	if (asking.http)
		ncm_http_free(asking.http);
}

void identity_describe(const struct identity *identity, struct ncm_reg_model *entry)
{
	free(entry->source);
	free(entry->revision);
	free(entry->trust);
	entry->source = ncm_strdup(identity->origin.source);
	entry->revision = ncm_strdup_null(identity->origin.revision);
	entry->trust = ncm_strdup("upstream");
	if (!entry->license)
		entry->license = ncm_strdup_null(identity->license);
	if (!entry->architecture)
		entry->architecture = ncm_strdup_null(identity->architecture);
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	origin_clear(&identity->origin);
	free(identity->license);
	free(identity->architecture);
	free(identity);
}
