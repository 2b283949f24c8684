/* SPDX-License-Identifier: MIT */
#include "registry/identity.h"

#include "base/mem.h"
#include "registry/lookup.h"
#include "source/source.h"

#include <string.h>

bool registry_is_spelled_out(const struct ncm_model *model)
{
	return model->phase == 0 && !model->profile;
}

/* The entry itself before one of its files, and what came first before what came later. NULL if there is none. */
static const struct ncm_reg_model *from_source(const struct registry_lookup *lookup, const char *uri, bool of_none)
{
	NCM_AUTO_FREE char *key = ncm_source_key(uri);
	size_t count = 0;
	const struct registry_ref *refs = key ? registry_near(lookup, key, &count) : NULL;
	const struct ncm_reg_model *by_file = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct registry_ref *ref = &refs[i];

		if (of_none && (ref->file || ref->model->profiles.count > 0))
			continue;
		if ((ref->file && by_file) || !registry_has_key(ref, key))
			continue;
		if (!ref->file)
			return ref->model;
		by_file = ref->model;
	}
	return by_file;
}

/*
 * An id with a ':' was made of a source, and of no other: "civitai:4384@latest", whose entry has the version that was
 * the latest, is found by it.
 */
static const struct ncm_reg_model *by_made_id(const struct registry_lookup *lookup, const struct ncm_model *model)
{
	const struct ncm_reg_model *entry = strchr(model->id, ':') ? registry_by_id(lookup, model->id) : NULL;
	const struct ncm_source *source = entry && entry->source ? ncm_source_of(entry->source) : NULL;

	return source && source == ncm_source_of(model->files[0].from.items[0]) && strcmp(entry->id, model->id) == 0
		   ? entry
		   : NULL;
}

static const struct ncm_reg_model *same_spelled(const struct registry_lookup *lookup, const struct ncm_model *model)
{
	const struct ncm_reg_model *found;

	if (model->file_count == 0 || model->files[0].from.count == 0)
		return NULL;
	found = from_source(lookup, model->files[0].from.items[0], false);
	return found ? found : by_made_id(lookup, model);
}

/* An older script wrote names, paths and nothing else: the name is all that tells what it is. */
static bool is_of_a_script(const struct ncm_reg_model *entry)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (!ncm_sha256_is_zero(&entry->files[i].sha256))
			return false;
	}
	return !entry->source;
}

static const struct ncm_reg_model *by_manifest_id(const struct registry_lookup *lookup, const char *id)
{
	const struct ncm_reg_model *entry = registry_by_id(lookup, id);

	return entry && (entry->profiles.count > 0 || is_of_a_script(entry)) ? entry : NULL;
}

static bool is_weights(const struct ncm_file_spec *spec)
{
	return strcmp(spec->role, "weights") == 0 || strcmp(spec->role, "model") == 0;
}

/* What no manifest has named yet, and comes from where its weights do. */
static const struct ncm_reg_model *not_named_yet(const struct registry_lookup *lookup, const struct ncm_model *model)
{
	const struct ncm_variant *chosen = model->chosen;
	const struct ncm_file_spec *files = chosen ? chosen->files : model->files;
	const size_t count = chosen ? chosen->file_count : model->file_count;
	const struct ncm_reg_model *found = NULL;

	for (size_t i = 0; i < count && !found; i++) {
		for (size_t k = 0; k < files[i].from.count && is_weights(&files[i]) && !found; k++)
			found = from_source(lookup, files[i].from.items[k], true);
	}
	return found;
}

/* The id of a manifest's model that another has: the same digits in every profile. */
static char *own_id(const struct ncm_model *model)
{
	NCM_AUTO_FREE char *key =
	    registry_is_spelled_out(model) && model->file_count > 0 && model->files[0].from.count > 0
		? ncm_source_key(model->files[0].from.items[0])
		: NULL;

	return ncm_source_id_apart(model->id, key ? key : model->id, NCM_SOURCE_ID_LONGEST);
}

const struct ncm_reg_model *registry_same(const struct registry_lookup *lookup, const struct ncm_model *model)
{
	NCM_AUTO_FREE char *apart = NULL;
	const struct ncm_reg_model *found;

	if (registry_is_spelled_out(model))
		return same_spelled(lookup, model);
	found = by_manifest_id(lookup, model->id);
	if (found)
		return found;
	apart = own_id(model);
	found = by_manifest_id(lookup, apart);
	return found ? found : not_named_yet(lookup, model);
}

char *registry_id_for(const struct registry_lookup *lookup, const struct ncm_model *model)
{
	const struct ncm_reg_model *entry = registry_same(lookup, model);

	if (entry)
		return ncm_strdup(entry->id);
	return registry_by_id(lookup, model->id) ? own_id(model) : ncm_strdup(model->id);
}

char *registry_alias_for(const struct registry_lookup *lookup, const struct ncm_model *model)
{
	const struct ncm_reg_model *entry = registry_same(lookup, model);
	const struct ncm_reg_model *other = registry_by_id(lookup, model->id);

	/* A source that is spelled out is found by itself. */
	if (!entry || other == entry || registry_is_spelled_out(model))
		return NULL;
	return other ? own_id(model) : ncm_strdup(model->id);
}

static bool gives(const struct ncm_file_spec *spec, const char *source)
{
	for (size_t i = 0; i < spec->from.count; i++) {
		if (ncm_source_holds(spec->from.items[i], source))
			return true;
	}
	return false;
}

static bool any_gives(const struct ncm_file_spec *specs, size_t count, const char *source)
{
	for (size_t i = 0; i < count; i++) {
		if (gives(&specs[i], source))
			return true;
	}
	return false;
}

static bool model_gives(const struct ncm_model *model, const char *source)
{
	bool found = any_gives(model->files, model->file_count, source);

	for (size_t i = 0; i < model->variant_count && !found; i++)
		found = any_gives(model->variants[i].files, model->variants[i].file_count, source);
	return found;
}

/* An older version told the source of its first file alone. Of small files it forgot the digest, too: whether they are
 * as they came nobody knows, and so they are kept when others take their place (plan/evidence.c). */
static bool came_with_model(const struct registry_ref *ref, const struct ncm_model *model)
{
	return ref->file->origin == NCM_ORIGIN_UNKNOWN && ref->model->source && model_gives(model, ref->model->source);
}

/* The look-up may have told more than the spec spells: which file of a version, say. */
static bool is_resolved(const char *resolved, const char *source)
{
	NCM_AUTO_FREE char *key = resolved ? ncm_source_key(resolved) : NULL;
	NCM_AUTO_FREE char *own = key ? ncm_source_key(source) : NULL;

	return key && own && strcmp(key, own) == 0;
}

const struct ncm_reg_model *registry_forbids(const struct registry_lookup *lookup, const char *abs,
					     const struct ncm_model *model, const struct ncm_file_spec *spec,
					     const char *resolved)
{
	const struct ncm_reg_model *own = registry_same(lookup, model);
	size_t count = 0;
	const struct registry_ref *refs = registry_at(lookup, abs, &count);

	for (size_t i = 0; i < count; i++) {
		const struct ncm_reg_file *file = refs[i].file;

		if (refs[i].model != own || file->target)
			return refs[i].model;
		if (file->source ? !gives(spec, file->source) && !is_resolved(resolved, file->source)
				 : !came_with_model(&refs[i], model))
			return refs[i].model;
	}
	return NULL;
}
