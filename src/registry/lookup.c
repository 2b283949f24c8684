/* SPDX-License-Identifier: MIT */
#include "registry/lookup.h"

#include "base/mem.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

enum { FIRST_ROOM = 64 };

void registry_index_of_reserve(struct registry_index_of *index, size_t count)
{
	if (count <= index->room)
		return;
	index->refs = ncm_realloc_array(index->refs, count, sizeof *index->refs);
	index->group_of = ncm_realloc_array(index->group_of, count, sizeof *index->group_of);
	index->room = count;
	ncm_text_map_reserve(&index->groups, count);
}

void registry_index_of_add(struct registry_index_of *index, const char *text, size_t size, struct registry_ref ref)
{
	const size_t group = index->groups.count;
	const bool is_new = ncm_text_map_add(&index->groups, text, size, group);

	if (index->count == index->room)
		registry_index_of_reserve(index, index->room ? index->room * 2 : FIRST_ROOM);
	index->refs[index->count] = ref;
	index->group_of[index->count++] = is_new ? (uint32_t)group : *ncm_text_map_find(&index->groups, text, size);
}

/* Sorted by counting: what has the same text stands together, in the order in which it came. */
void registry_index_of_close(struct registry_index_of *index)
{
	const size_t groups = index->groups.count;
	struct registry_ref *sorted = ncm_calloc(index->count + 1, sizeof *sorted);
	size_t *next = ncm_calloc(groups + 2, sizeof *next);

	for (size_t i = 0; i < index->count; i++)
		next[index->group_of[i] + 2]++;
	for (size_t group = 2; group < groups + 2; group++)
		next[group] += next[group - 1];
	for (size_t i = 0; i < index->count; i++)
		sorted[next[index->group_of[i] + 1]++] = index->refs[i];
	free(index->refs);
	free(index->group_of);
	index->refs = sorted;
	index->group_of = NULL;
	index->starts = next;
}

const struct registry_ref *registry_index_of_find(const struct registry_index_of *index, const char *text, size_t size,
						  size_t *count)
{
	const uint32_t *group = ncm_text_map_find(&index->groups, text, size);

	*count = group ? index->starts[*group + 1] - index->starts[*group] : 0;
	return group ? index->refs + index->starts[*group] : NULL;
}

void registry_index_of_free(struct registry_index_of *index)
{
	ncm_text_map_free(&index->groups);
	free(index->refs);
	free(index->group_of);
	free(index->starts);
	*index = (struct registry_index_of){0};
}

const char *registry_folded(struct ncm_arena *arena, const char *text)
{
	const char *upper = text;
	char *folded;
	size_t size;

	while (*upper && !(*upper >= 'A' && *upper <= 'Z'))
		upper++;
	if (!*upper)
		return text;
	size = strlen(text) + 1;
	folded = ncm_arena_take(arena, size);
	for (size_t i = 0; i < size; i++)
		folded[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	return folded;
}

/* A source in another spelling than its canonical one is entered by its key. */
static void add_source(struct registry_lookup *lookup, const char *source, struct registry_ref ref)
{
	NCM_AUTO_FREE char *key = NULL;
	size_t size = 0;
	const char *stem = source ? ncm_source_stem(source, &size) : NULL;
	char *kept;

	if (source && !stem && (key = ncm_source_key(source)) != NULL && ncm_source_stem(key, &size)) {
		stem = ncm_source_stem(key, &size);
		kept = ncm_arena_take(&lookup->texts, size + 1);
		memcpy(kept, stem, size);
		kept[size] = '\0';
		stem = kept;
	}
	if (stem)
		registry_index_of_add(&lookup->stems, stem, size, ref);
}

static bool is_weights(const struct ncm_reg_file *file)
{
	return file->role && (strcmp(file->role, "weights") == 0 || strcmp(file->role, "model") == 0);
}

static void add_model(struct registry_lookup *lookup, const struct ncm_reg_model *model)
{
	const char *id = registry_folded(&lookup->texts, model->id);

	registry_index_of_add(&lookup->ids, id, strlen(id), (struct registry_ref){model, NULL});
	for (size_t i = 0; i < model->aliases.count; i++) {
		const char *alias = registry_folded(&lookup->texts, model->aliases.items[i]);

		registry_index_of_add(&lookup->ids, alias, strlen(alias), (struct registry_ref){model, NULL});
	}
	add_source(lookup, model->source, (struct registry_ref){model, NULL});
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];
		const struct registry_ref ref = {model, file};

		registry_index_of_add(&lookup->paths, file->abs, strlen(file->abs), ref);
		if (!ncm_sha256_is_zero(&file->sha256))
			registry_index_of_add(&lookup->digests, (const char *)file->sha256.bytes,
					      sizeof file->sha256.bytes, ref);
		/* What is the model's own source, the model is found by. */
		if (is_weights(file) && file->source && !(model->source && strcmp(file->source, model->source) == 0))
			add_source(lookup, file->source, ref);
	}
}

struct registry_lookup *registry_lookup_new(const struct ncm_registry *registry)
{
	struct registry_lookup *lookup = ncm_calloc(1, sizeof *lookup);

	size_t files = 0;

	lookup->registry = registry;
	for (size_t i = 0; i < registry->count; i++)
		files += registry->models[i].file_count;
	registry_index_of_reserve(&lookup->ids, registry->count);
	registry_index_of_reserve(&lookup->stems, registry->count);
	registry_index_of_reserve(&lookup->paths, files);
	registry_index_of_reserve(&lookup->digests, files);
	for (size_t i = 0; i < registry->count; i++)
		add_model(lookup, &registry->models[i]);
	registry_index_of_close(&lookup->ids);
	registry_index_of_close(&lookup->paths);
	registry_index_of_close(&lookup->digests);
	registry_index_of_close(&lookup->stems);
	return lookup;
}

void registry_lookup_free(struct registry_lookup *lookup)
{
	if (!lookup)
		return;
	registry_index_of_free(&lookup->ids);
	registry_index_of_free(&lookup->paths);
	registry_index_of_free(&lookup->digests);
	registry_index_of_free(&lookup->stems);
	ncm_arena_free(&lookup->texts);
	free(lookup);
}

const struct ncm_reg_model *registry_by_id(const struct registry_lookup *lookup, const char *id)
{
	struct ncm_arena arena = {0};
	const char *folded = registry_folded(&arena, id);
	size_t count = 0;
	const struct registry_ref *refs = registry_index_of_find(&lookup->ids, folded, strlen(folded), &count);
	const struct ncm_reg_model *found = count > 0 ? refs[0].model : NULL;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(refs[i].model->id, id) == 0)
			found = refs[i].model;
	}
	ncm_arena_free(&arena);
	return found;
}

const struct registry_ref *registry_at(const struct registry_lookup *lookup, const char *abs, size_t *count)
{
	return registry_index_of_find(&lookup->paths, abs, strlen(abs), count);
}

const struct registry_ref *registry_having(const struct registry_lookup *lookup, const struct ncm_sha256 *sha256,
					   size_t *count)
{
	return registry_index_of_find(&lookup->digests, (const char *)sha256->bytes, sizeof sha256->bytes, count);
}

const struct registry_ref *registry_near(const struct registry_lookup *lookup, const char *key, size_t *count)
{
	size_t size = 0;
	const char *stem = ncm_source_stem(key, &size);

	*count = 0;
	return stem ? registry_index_of_find(&lookup->stems, stem, size, count) : NULL;
}

bool registry_has_key(const struct registry_ref *ref, const char *key)
{
	NCM_AUTO_FREE char *own = ncm_source_key(ref->file ? ref->file->source : ref->model->source);

	return own && strcmp(own, key) == 0;
}
