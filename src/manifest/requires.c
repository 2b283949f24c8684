/* SPDX-License-Identifier: MIT */
/* Ids over all files of a run: each once, each that is required there, no model requiring itself over others. */
#include "manifest/load.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <string.h>

/* Where the model of an id is: [file, index in the file, index in the catalog or -1]. */
static json_t *where(size_t file, size_t index, json_int_t model)
{
	return json_pack("[I,I,I]", (json_int_t)file, (json_int_t)index, model);
}

static size_t part(const json_t *place, size_t i)
{
	return (size_t)json_integer_value(json_array_get(place, i));
}

/* Ids are read from the JSON, so that a file with faults elsewhere does not make its ids unknown. */
static void collect_ids(struct manifest_set *set, size_t index, json_t *ids)
{
	const struct manifest_file *file = &set->files[index];
	const json_t *model;
	size_t i;

	json_array_foreach(json_object_get(file->json, "models"), i, model)
	{
		const char *id = ncm_json_string(model, "id");
		const json_t *other = id ? json_object_get(ids, id) : NULL;
		NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu].id", i);

		if (other) {
			NCM_AUTO_FREE char *other_path = ncm_asprintf("$.models[%zu].id", part(other, 1));
			NCM_AUTO_FREE char *at = manifest_place(&set->files[part(other, 0)], other_path);

			manifest_fault(set, index, path, "\"%s\" is the id of another model too (%s)", id, at);
		} else if (id) {
			json_object_set_new(ids, id, where(index, i, file->sound ? (json_int_t)(file->first + i) : -1));
		}
	}
}

static void check_known(struct manifest_set *set, size_t file, size_t index, const json_t *ids)
{
	const struct ncm_model *model = &set->catalog->models[set->files[file].first + index];

	for (size_t i = 0; i < model->requires_ids.count; i++) {
		struct ncm_nearest nearest = {.to = model->requires_ids.items[i]};
		NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu].requires[%zu]", index, i);
		const char *id, *meant;
		json_t *ignored;

		if (json_object_get(ids, nearest.to))
			continue;
		json_object_foreach((json_t *)ids, id, ignored) ncm_nearest_offer(&nearest, id);
		meant = ncm_nearest_close(&nearest);
		if (meant)
			manifest_fault(set, file, path, "no model has the id \"%s\" (did you mean \"%s\"?)", nearest.to,
				       meant);
		else
			manifest_fault(set, file, path, "no model has the id \"%s\"", nearest.to);
	}
}

/* A walk along `requires` that does not recurse: a chain may be as long as there are models. */
struct walk {
	struct manifest_set *set;
	const json_t *ids;
	unsigned char *state; /* of each model of the catalog: 0 not seen, 1 on the chain, 2 done */
	size_t *chain;
	size_t *next; /* which of its requirements comes next, for each model on the chain */
	size_t depth;
};

static void tell_cycle(const struct walk *walk, const json_t *back)
{
	const struct ncm_model *models = walk->set->catalog->models;
	const size_t target = part(back, 2);
	struct ncm_buffer names = {0};
	NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu].requires", part(back, 1));
	size_t from = walk->depth;

	while (from > 0 && walk->chain[--from] != target)
		;
	for (size_t i = from; i < walk->depth; i++)
		ncm_buffer_printf(&names, "%s requires ", models[walk->chain[i]].id);
	manifest_fault(walk->set, part(back, 0), path, "a circle: %s%s", names.data, models[target].id);
	ncm_buffer_free(&names);
}

static void walk_from(struct walk *walk, size_t start)
{
	const struct ncm_model *models = walk->set->catalog->models;

	walk->chain[0] = start;
	walk->next[0] = 0;
	walk->state[start] = 1;
	walk->depth = 1;
	while (walk->depth > 0) {
		const size_t at = walk->chain[walk->depth - 1];
		const struct ncm_strings *requires = &models[at].requires_ids;
		const json_t *place;
		size_t model;

		if (walk->next[walk->depth - 1] == requires->count) {
			walk->state[at] = 2;
			walk->depth--;
			continue;
		}
		place = json_object_get(walk->ids, requires->items[walk->next[walk->depth - 1]++]);
		model = place ? part(place, 2) : SIZE_MAX;
		if (model == SIZE_MAX || walk->state[model] == 2)
			continue;
		if (walk->state[model] == 1) {
			tell_cycle(walk, place);
			continue;
		}
		walk->state[model] = 1;
		walk->chain[walk->depth] = model;
		walk->next[walk->depth++] = 0;
	}
}

static void check_cycles(struct manifest_set *set, const json_t *ids)
{
	const size_t count = set->catalog->count;
	NCM_AUTO_FREE unsigned char *state = ncm_calloc(count + 1, sizeof *state);
	NCM_AUTO_FREE size_t *chain = ncm_calloc(count + 1, sizeof *chain);
	NCM_AUTO_FREE size_t *next = ncm_calloc(count + 1, sizeof *next);
	struct walk walk = {.set = set, .ids = ids, .state = state, .chain = chain, .next = next};

	for (size_t i = 0; i < count; i++) {
		if (state[i] == 0)
			walk_from(&walk, i);
	}
}

void manifest_check_ids(struct manifest_set *set)
{
	NCM_AUTO_JSON json_t *ids = json_object();

	for (size_t i = 0; i < set->count; i++)
		collect_ids(set, i, ids);
	for (size_t i = 0; i < set->count && set->complete; i++) {
		for (size_t k = 0; k < set->files[i].count; k++)
			check_known(set, i, k, ids);
	}
	check_cycles(set, ids);
}
