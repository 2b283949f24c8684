/* SPDX-License-Identifier: MIT */
#include "manifest/spelled.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/strings.h"
#include "base/text_map.h"
#include "source/source.h"

#include <string.h>

struct ncm_catalog_index {
	struct ncm_text_map sources; /* the first model that is just this source */
	struct ncm_text_map own;     /* the first such that no manifest has */
	struct ncm_text_map ids;     /* in lower case */
	struct ncm_arena texts;
	size_t count; /* of the catalog's models that are in it */
};

static void add(struct ncm_catalog_index *index, struct ncm_text_map *map, const char *text, size_t number)
{
	const size_t size = strlen(text);
	char *kept;

	if (ncm_text_map_find(map, text, size))
		return;
	kept = ncm_arena_take(&index->texts, size + 1);
	memcpy(kept, text, size + 1);
	ncm_text_map_add(map, kept, size, number);
}

static void learn(struct ncm_catalog_index *index, const struct ncm_model *model, size_t number)
{
	const bool is_one = model->file_count == 1 && model->files[0].from.count > 0;
	NCM_AUTO_FREE char *canonical = NULL;
	NCM_AUTO_FREE char *id = ncm_lower(model->id);

	add(index, &index->ids, id, number);
	if (!is_one || ncm_source_check(model->files[0].from.items[0], true, &canonical, NULL) < 0)
		return;
	add(index, &index->sources, canonical, number);
	if (model->phase == 0)
		add(index, &index->own, canonical, number);
}

/* What was added to the catalog since is learned first. */
static const struct ncm_catalog_index *index_of(struct ncm_catalog *catalog)
{
	if (!catalog->index)
		catalog->index = ncm_calloc(1, sizeof *catalog->index);
	while (catalog->index->count < catalog->count) {
		learn(catalog->index, &catalog->models[catalog->index->count], catalog->index->count);
		catalog->index->count++;
	}
	return catalog->index;
}

bool manifest_index_source(struct ncm_catalog *catalog, const char *canonical, bool own, size_t *number)
{
	const struct ncm_catalog_index *index = index_of(catalog);
	const uint32_t *found = ncm_text_map_find(own ? &index->own : &index->sources, canonical, strlen(canonical));

	if (found)
		*number = *found;
	return found;
}

bool manifest_index_has_id(struct ncm_catalog *catalog, const char *id)
{
	NCM_AUTO_FREE char *lower = ncm_lower(id);

	return ncm_text_map_find(&index_of(catalog)->ids, lower, strlen(lower));
}

void manifest_index_free(struct ncm_catalog *catalog)
{
	if (!catalog->index)
		return;
	ncm_text_map_free(&catalog->index->sources);
	ncm_text_map_free(&catalog->index->own);
	ncm_text_map_free(&catalog->index->ids);
	ncm_arena_free(&catalog->index->texts);
	free(catalog->index);
	catalog->index = NULL;
}
