/* SPDX-License-Identifier: MIT */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/load.h"
#include "source/source.h"

#include <ncmodel/text.h>
#include <string.h>

static const struct ncm_file_spec *specs_of(const struct form *form, size_t *count)
{
	*count = form->variant ? form->variant->file_count : form->model->file_count;
	return form->variant ? form->variant->files : form->model->files;
}

/* The lock's word on a spec that pins nothing itself, if it has a digest for each file; else NULL. */
static const struct ncm_lock_entry *locked(const struct adopt *adopt, const struct ncm_file_spec *spec)
{
	const struct ncm_lock_entry *entry = ncm_lock_find(adopt->lock, spec->from.items[0]);

	for (size_t i = 0; entry && i < entry->file_count; i++) {
		if (!entry->files[i].has_sha256)
			return NULL;
	}
	return entry && entry->file_count > 0 ? entry : NULL;
}

bool form_is_pinned(const struct adopt *adopt, const struct form *form)
{
	size_t count;
	const struct ncm_file_spec *specs = specs_of(form, &count);

	for (size_t i = 0; i < count; i++) {
		if (specs[i].extract)
			return false;
		if (!ncm_source_gives_blobs(specs[i].from.items[0]) && !specs[i].has_sha256 &&
		    !locked(adopt, &specs[i]))
			return false;
	}
	return count > 0;
}

/* How well a place is what the target names: 3 it is, 2 in its folder, 1 in its store, 0 elsewhere. */
static unsigned closeness(const struct adopt *adopt, const struct ncm_target *target, const struct found_file *file)
{
	const struct ncm_store *store = ncm_layout_find(adopt->layout, target->store);
	const char *below = store ? ncm_path_below(file->path, store->path) : NULL;
	NCM_AUTO_FREE char *path = NULL;
	const char *name = target->name ? target->name : ncm_path_base(file->path);

	if (!below || !file->store || strcmp(file->store, target->store) != 0)
		return 0;
	path = ncm_store_path(store, target->folder, name, NULL);
	if (path && strcmp(path, below) == 0)
		return 3;
	return target->folder && path && strncmp(path, below, (size_t)(ncm_path_base(path) - path)) == 0 ? 2 : 1;
}

static void add_piece(struct match *match, struct found *found, struct found_file *file, const char *role,
		      const struct ncm_file_spec *spec)
{
	for (size_t i = 0; i < match->count; i++) {
		if (match->pieces[i].file == file)
			return;
	}
	*NCM_PUSH(match->pieces, match->count) = (struct piece){found, file, role, spec};
}

/* Something that nobody refused has these bytes. */
static bool next_with(const struct adopt *adopt, const json_t *list, size_t *at, struct found **found,
		      struct found_file **file)
{
	while (*at < json_array_size(list)) {
		const json_t *place = json_array_get(list, (*at)++);

		*found = &adopt->found[json_integer_value(json_array_get(place, 0))];
		*file = &(*found)->files[json_integer_value(json_array_get(place, 1))];
		if (!(*found)->refused)
			return true;
	}
	return false;
}

/* The copy that lies where the target says, or nearest to it. False if there is none in its store. */
static bool add_nearest(const struct adopt *adopt, const struct ncm_target *target, const json_t *list,
			const struct ncm_file_spec *spec, struct match *match)
{
	struct found *found, *best = NULL;
	struct found_file *file, *best_file = NULL;
	unsigned most = 0;

	for (size_t at = 0; next_with(adopt, list, &at, &found, &file);) {
		const unsigned close = closeness(adopt, target, file);

		if (close <= most)
			continue;
		most = close;
		best = found;
		best_file = file;
	}
	if (best)
		add_piece(match, best, best_file, spec->role, spec);
	return best != NULL;
}

static bool add_beside(const struct adopt *adopt, const struct ncm_file_spec *spec, const struct ncm_target *target,
		       const struct ncm_sha256 *sha256, struct match *match)
{
	struct found_file *file = beside_find(adopt, spec, target, sha256);

	if (!file)
		return false;
	*NCM_PUSH(match->beside, match->beside_count) = file;
	add_piece(match, NULL, file, spec->role, spec);
	return true;
}

static void lack(struct match *match, const char *name, uint64_t size)
{
	NCM_AUTO_FREE char *before = match->missing;
	char text[32];

	match->missing = ncm_asprintf("%s%s%s%s%s", before ? before : "", before ? ", " : "", name, size ? " of " : "",
				      size ? ncm_format_size(size, text, sizeof text) : "");
}

static void match_content(const struct adopt *adopt, const struct ncm_file_spec *spec, const struct ncm_sha256 *sha256,
			  const char *name, uint64_t size, struct match *match)
{
	char hex[NCM_SHA256_HEX + 1];
	const json_t *list = json_object_get(adopt->by_digest, ncm_sha256_hex(sha256, hex));
	struct found_file *file;
	struct found *found;
	bool near = false;
	size_t at = 0;

	match->wanted++;
	for (size_t i = 0; i < spec->to_count; i++)
		near = add_nearest(adopt, &spec->to[i], list, spec, match) ||
		       add_beside(adopt, spec, &spec->to[i], sha256, match) || near;
	/* In none of the places that the manifest names, but there. */
	if (!near && next_with(adopt, list, &at, &found, &file)) {
		add_piece(match, found, file, spec->role, spec);
		near = true;
	}
	match->had += near;
	match->weights = match->weights || (near && strcmp(spec->role, "weights") == 0);
	if (!near)
		lack(match, name, size);
}

static void match_plain(const struct adopt *adopt, const struct ncm_file_spec *spec, struct match *match)
{
	const struct ncm_lock_entry *entry = spec->has_sha256 ? NULL : locked(adopt, spec);

	if (spec->has_sha256)
		match_content(adopt, spec, &spec->sha256, ncm_path_base(spec->from.items[0]),
			      spec->has_size ? spec->size : 0, match);
	for (size_t i = 0; entry && i < entry->file_count; i++)
		match_content(adopt, spec, &entry->files[i].sha256, entry->files[i].path, entry->files[i].size, match);
}

static bool has_layers(const struct found *found, const struct ncm_file_spec *spec)
{
	for (size_t i = 0; i < spec->layer_count; i++) {
		bool has = strcmp(spec->layers[i].type, "model") != 0;

		for (size_t k = 0; k < found->file_count && !has; k++)
			has = found->files[k].has_sha256 &&
			      ncm_sha256_equal(&found->files[k].sha256, &spec->layers[i].digest);
		if (!has)
			return false;
	}
	return true;
}

/* By the digest of its manifest; where that is not pinned, by its name and the layers that are. */
static bool is_ollama_model(const struct found *found, const struct ncm_file_spec *spec, const char *canonical)
{
	const struct found_file *manifest = found_manifest(found);

	if (found->refused || !manifest || !manifest->has_sha256 || found->seen->form != NCM_SURVEY_TAG)
		return false;
	if (spec->has_digest)
		return ncm_sha256_equal(&manifest->sha256, &spec->digest);
	return found->seen->entry.source && strcmp(found->seen->entry.source, canonical) == 0 &&
	       has_layers(found, spec);
}

static bool is_target_store(const struct ncm_file_spec *spec, const char *store)
{
	for (size_t i = 0; store && i < spec->to_count; i++) {
		if (strcmp(spec->to[i].store, store) == 0)
			return true;
	}
	return false;
}

static void match_ollama(const struct adopt *adopt, const struct ncm_file_spec *spec, struct match *match)
{
	NCM_AUTO_FREE char *canonical = NULL;
	bool near = false;

	match->wanted++;
	if (ncm_source_check(spec->from.items[0], true, &canonical, NULL) < 0)
		return;
	/* First in the stores that the manifest names, then anywhere. */
	for (unsigned pass = 0; pass < 2 && !near; pass++) {
		for (size_t i = 0; i < adopt->found_count && !(pass == 1 && near); i++) {
			struct found *found = &adopt->found[i];

			if (!is_ollama_model(found, spec, canonical) ||
			    (pass == 0 && !is_target_store(spec, found->files[0].store)))
				continue;
			near = true;
			for (size_t k = 0; k < found->file_count; k++)
				add_piece(match, found, &found->files[k], NULL, NULL);
		}
	}
	match->had += near;
	match->weights = match->weights || near;
	if (!near)
		lack(match, spec->from.items[0], 0);
}

void form_match(const struct adopt *adopt, const struct form *form, struct match *match)
{
	size_t count;
	const struct ncm_file_spec *specs = specs_of(form, &count);

	*match = (struct match){0};
	for (size_t i = 0; i < count; i++) {
		if (ncm_source_gives_blobs(specs[i].from.items[0]))
			match_ollama(adopt, &specs[i], match);
		else
			match_plain(adopt, &specs[i], match);
	}
}

void match_clear(struct match *match)
{
	for (size_t i = 0; i < match->beside_count; i++)
		beside_free(match->beside[i]);
	free(match->beside);
	free(match->pieces);
	free(match->missing);
	*match = (struct match){0};
}
