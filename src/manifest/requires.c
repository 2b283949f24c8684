/* SPDX-License-Identifier: MIT */
/* Ids over all files of a run: each once in its profile, each that is required or recommended there, no model requiring
 * itself over others. */
#include "manifest/load.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "manifest/ids.h"

#include <string.h>

/* Where the model of an id is. */
struct where {
	size_t file;
	size_t index; /* in the file */
	size_t model; /* in the catalog; SIZE_MAX: the file has faults */
};

struct known_ids {
	struct manifest_ids *ids; /* to numbers of `wheres` */
	struct where *wheres;
	size_t count;
};

static bool told_enough(const struct manifest_set *set)
{
	return set->fault_count >= MANIFEST_FAULTS_TOLD;
}

static void tell_double(struct manifest_set *set, size_t file, size_t index, const char *id, const struct where *other)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu].id", index);
	NCM_AUTO_FREE char *other_path = ncm_asprintf("$.models[%zu].id", other->index);
	/* A line is looked for in the whole text: not for faults that are counted alone. */
	NCM_AUTO_FREE char *at = told_enough(set) ? NULL : manifest_place(&set->files[other->file], other_path);

	manifest_fault(set, file, path, "\"%s\" is the id of another model too (%s)", id, at ? at : "");
}

static void collect_id(struct manifest_set *set, const struct where *where, const char *id, struct known_ids *known)
{
	const char *profile = set->files[where->file].profile;
	size_t other;

	if (manifest_ids_add(known->ids, profile, id, known->count))
		*NCM_PUSH(known->wheres, known->count) = *where;
	else if (manifest_ids_own(known->ids, profile, id, &other))
		tell_double(set, where->file, where->index, id, &known->wheres[other]);
}

/* A file with faults elsewhere does not make its ids unknown. */
static void collect_ids(struct manifest_set *set, size_t index, struct known_ids *known)
{
	const struct manifest_file *file = &set->files[index];

	for (size_t i = 0; i < file->count; i++)
		collect_id(set, &(struct where){index, i, file->first + i}, set->catalog->models[file->first + i].id,
			   known);
	for (size_t i = 0; i < file->faulty_count; i++) {
		if (file->faulty[i].id)
			collect_id(set, &(struct where){index, i, SIZE_MAX}, file->faulty[i].id, known);
	}
}

static void offer_ids(const struct manifest_set *set, const char *profile, struct ncm_nearest *nearest)
{
	for (size_t i = 0; i < set->catalog->count; i++) {
		const struct ncm_model *model = &set->catalog->models[i];

		if (!model->profile || !profile || strcmp(model->profile, profile) == 0)
			ncm_nearest_offer(nearest, model->id);
	}
}

/* `path` is of the list of ids, which a model or a rule of that profile names. */
static void check_known(struct manifest_set *set, size_t file, const char *path, const char *profile,
			const struct ncm_strings *ids, const struct known_ids *known)
{
	for (size_t i = 0; i < ids->count; i++) {
		struct ncm_nearest nearest = {.to = ids->items[i]};
		NCM_AUTO_FREE char *item = NULL;
		const char *meant;
		size_t number;

		if (manifest_ids_meant(known->ids, profile, nearest.to, &number))
			continue;
		if (!told_enough(set))
			offer_ids(set, profile, &nearest);
		meant = ncm_nearest_close(&nearest);
		item = ncm_asprintf("%s[%zu]", path, i);
		if (meant)
			manifest_fault(set, file, item, "no model has the id \"%s\" (did you mean \"%s\"?)", nearest.to,
				       meant);
		else
			manifest_fault(set, file, item, "no model has the id \"%s\"", nearest.to);
	}
}

static void check_file(struct manifest_set *set, size_t index, const struct known_ids *known)
{
	const struct manifest_file *file = &set->files[index];

	for (size_t i = 0; i < file->count; i++) {
		const struct ncm_model *model = &set->catalog->models[file->first + i];
		NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu].requires", i);

		check_known(set, index, path, model->profile, &model->requires_ids, known);
	}
	for (size_t i = 0; i < file->rule_count; i++) {
		const struct ncm_rule *rule = &set->catalog->rules[file->first_rule + i];
		NCM_AUTO_FREE char *path = ncm_asprintf("$.rules[%zu].models", i);

		check_known(set, index, path, rule->profile, &rule->models, known);
	}
}

/* A walk along `requires` that does not recurse: a chain may be as long as there are models. */
struct walk {
	struct manifest_set *set;
	const struct known_ids *known;
	unsigned char *state; /* of each model of the catalog: 0 not seen, 1 on the chain, 2 done */
	size_t *chain;
	size_t *next; /* which of its requirements comes next, for each model on the chain */
	size_t depth;
};

static void tell_cycle(const struct walk *walk, const struct where *back)
{
	const struct ncm_model *models = walk->set->catalog->models;
	struct ncm_buffer names = {0};
	NCM_AUTO_FREE char *path = ncm_asprintf("$.models[%zu].requires", back->index);
	size_t from = walk->depth;

	while (from > 0 && walk->chain[--from] != back->model)
		;
	for (size_t i = from; i < walk->depth && !told_enough(walk->set); i++)
		ncm_buffer_printf(&names, "%s requires ", models[walk->chain[i]].id);
	manifest_fault(walk->set, back->file, path, "a circle: %s%s", names.data ? names.data : "",
		       models[back->model].id);
	ncm_buffer_free(&names);
}

/* The model that the next requirement of the chain's last one means, or NULL. */
static const struct where *next_required(const struct walk *walk)
{
	const struct ncm_model *model = &walk->set->catalog->models[walk->chain[walk->depth - 1]];
	const char *id = model->requires_ids.items[walk->next[walk->depth - 1]++];
	size_t number;

	if (!manifest_ids_meant(walk->known->ids, model->profile, id, &number))
		return NULL;
	return walk->known->wheres[number].model == SIZE_MAX ? NULL : &walk->known->wheres[number];
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
		const struct where *required;

		if (walk->next[walk->depth - 1] == models[at].requires_ids.count) {
			walk->state[at] = 2;
			walk->depth--;
			continue;
		}
		required = next_required(walk);
		if (!required || walk->state[required->model] == 2)
			continue;
		if (walk->state[required->model] == 1) {
			tell_cycle(walk, required);
			continue;
		}
		walk->state[required->model] = 1;
		walk->chain[walk->depth] = required->model;
		walk->next[walk->depth++] = 0;
	}
}

static void check_cycles(struct manifest_set *set, const struct known_ids *known)
{
	const size_t count = set->catalog->count;
	NCM_AUTO_FREE unsigned char *state = ncm_calloc(count + 1, sizeof *state);
	NCM_AUTO_FREE size_t *chain = ncm_calloc(count + 1, sizeof *chain);
	NCM_AUTO_FREE size_t *next = ncm_calloc(count + 1, sizeof *next);
	struct walk walk = {.set = set, .known = known, .state = state, .chain = chain, .next = next};

	for (size_t i = 0; i < count; i++) {
		if (state[i] == 0)
			walk_from(&walk, i);
	}
}

void manifest_check_ids(struct manifest_set *set)
{
	struct known_ids known = {.ids = manifest_ids_new()};

	for (size_t i = 0; i < set->count; i++)
		collect_ids(set, i, &known);
	for (size_t i = 0; i < set->count && set->complete; i++)
		check_file(set, i, &known);
	check_cycles(set, &known);
	manifest_ids_free(known.ids);
	free(known.wheres);
}
