/* SPDX-License-Identifier: MIT */
#include "registry/names.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "registry/lookup.h"
#include "source/source.h"

#include <ncmodel/text.h>
#include <pthread.h>
#include <string.h>

struct registry_names {
	pthread_mutex_t mutex;
	struct registry_lookup *lookup;
	struct registry_index_of names; /* display names and main files' names, folded */
	struct registry_index_of ends;  /* of ids and display names, what stands behind the last '/', folded */
	struct registry_index_of files; /* the other files' names, folded */
	struct ncm_arena texts;
	bool are_known;
};

struct registry_names *registry_names_new(void)
{
	struct registry_names *names = ncm_calloc(1, sizeof *names);

	pthread_mutex_init(&names->mutex, NULL);
	return names;
}

void registry_names_free(struct registry_names *names)
{
	if (!names)
		return;
	registry_lookup_free(names->lookup);
	registry_index_of_free(&names->names);
	registry_index_of_free(&names->ends);
	registry_index_of_free(&names->files);
	ncm_arena_free(&names->texts);
	pthread_mutex_destroy(&names->mutex);
	free(names);
}

const struct registry_lookup *registry_lookup_of(const struct ncm_registry *registry)
{
	struct registry_names *names = registry->names;

	pthread_mutex_lock(&names->mutex);
	if (!names->lookup)
		names->lookup = registry_lookup_new(registry);
	pthread_mutex_unlock(&names->mutex);
	return names->lookup;
}

static void enter(struct registry_names *names, struct registry_index_of *index, const char *name,
		  const struct ncm_reg_model *model)
{
	const char *folded = registry_folded(&names->texts, name);

	registry_index_of_add(index, folded, strlen(folded), (struct registry_ref){model, NULL});
}

/* "Some-Repo" of "org/Some-Repo". */
static void enter_end(struct registry_names *names, const char *name, const struct ncm_reg_model *model)
{
	const char *slash = name ? strrchr(name, '/') : NULL;

	if (slash && slash[1])
		enter(names, &names->ends, slash + 1, model);
}

static void enter_model(struct registry_names *names, const struct ncm_reg_model *model)
{
	const char *main = ncm_path_base(model->file_path);

	enter(names, &names->names, model->display_name, model);
	enter(names, &names->names, main, model);
	enter_end(names, model->id, model);
	enter_end(names, model->display_name, model);
	for (size_t i = 0; i < model->file_count; i++) {
		const char *name = ncm_path_base(model->files[i].path);

		if (strcmp(name, main) != 0)
			enter(names, &names->files, name, model);
	}
}

static const struct registry_names *names_of(const struct ncm_registry *registry)
{
	struct registry_names *names = registry->names;

	pthread_mutex_lock(&names->mutex);
	if (!names->are_known) {
		for (size_t i = 0; i < registry->count; i++)
			enter_model(names, &registry->models[i]);
		registry_index_of_close(&names->names);
		registry_index_of_close(&names->ends);
		registry_index_of_close(&names->files);
		names->are_known = true;
	}
	pthread_mutex_unlock(&names->mutex);
	return names;
}

struct list {
	const struct ncm_reg_model **models;
	size_t count;
};

/* What is of one model comes in a row. */
static void list_model(struct list *list, const struct ncm_reg_model *model)
{
	if (list->count == 0 || list->models[list->count - 1] != model)
		*NCM_PUSH(list->models, list->count) = model;
}

static void list_index(struct list *list, const struct registry_index_of *index, const char *word)
{
	struct ncm_arena arena = {0};
	const char *folded = registry_folded(&arena, word);
	size_t count = 0;
	const struct registry_ref *refs = registry_index_of_find(index, folded, strlen(folded), &count);

	for (size_t i = 0; i < count; i++)
		list_model(list, refs[i].model);
	ncm_arena_free(&arena);
}

/* Of ids that differ in case alone, the one that is spelled so. */
static void list_ids(struct list *list, const struct ncm_registry *registry, const char *word)
{
	const struct registry_lookup *lookup = registry_lookup_of(registry);

	list_index(list, &lookup->ids, word);
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->models[i]->id, word) == 0) {
			list->models[0] = list->models[i];
			list->count = 1;
		}
	}
}

/* A version that has several files, whichever of these it is. */
static bool is_version_of(const char *key, const struct ncm_reg_model *model)
{
	NCM_AUTO_FREE char *own = ncm_source_key(model->source);
	const struct ncm_source *source = ncm_source_of(key);
	const size_t size = strlen(key);

	return source && source->query_chooses && own && strncmp(own, key, size) == 0 && own[size] == '?';
}

/* Who spells a source out means what was pulled as such, not what has that file among others. */
static void list_sources(struct list *list, const struct ncm_registry *registry, const char *word)
{
	NCM_AUTO_FREE char *key = ncm_source_scheme(word) ? ncm_source_key(word) : NULL;
	size_t count = 0;
	const struct registry_ref *refs = key ? registry_near(registry_lookup_of(registry), key, &count) : NULL;

	for (size_t i = 0; i < count; i++) {
		if (!refs[i].file && registry_has_key(&refs[i], key))
			list_model(list, refs[i].model);
	}
	for (size_t i = 0; i < count && list->count == 0; i++) {
		if (!refs[i].file && is_version_of(key, refs[i].model))
			list_model(list, refs[i].model);
	}
}

size_t registry_named(const struct ncm_registry *registry, const char *word, enum registry_named_by by,
		      const struct ncm_reg_model ***found)
{
	struct list list = {0};

	list_ids(&list, registry, word);
	if (list.count == 0)
		list_index(&list, &names_of(registry)->names, word);
	if (list.count == 0)
		list_sources(&list, registry, word);
	if (list.count == 0)
		list_index(&list, &names_of(registry)->ends, word);
	if (list.count == 0 && by == NAMED_FILE)
		list_index(&list, &names_of(registry)->files, word);
	*found = list.models;
	return list.count;
}

int registry_ambiguous(const char *word, const struct ncm_reg_model *const *found, size_t count, struct ncm_error *err)
{
	enum { SHOWN = 8 };
	struct ncm_buffer ids = {0};

	for (size_t i = 0; i < count && i < SHOWN; i++)
		ncm_buffer_printf(&ids, "%s%s", i > 0 ? ", " : "", found[i]->id);
	if (count > SHOWN)
		ncm_buffer_printf(&ids, " and %zu more", count - SHOWN);
	ncm_error_set(err, NCM_E_USAGE, "\"%s\" is the name of %zu installed models: %s", word, count, ids.data);
	ncm_buffer_free(&ids);
	return ncm_error_hint(err, "say which by its id, spelled as it stands there: %s", found[0]->id);
}

const struct ncm_reg_model *ncm_registry_get(const struct ncm_registry *registry, const char *name,
					     struct ncm_error *err)
{
	NCM_AUTO_FREE const struct ncm_reg_model **found = NULL;
	const size_t count = registry_named(registry, name, NAMED_FILE, &found);

	NCM_AUTO_FREE char *shown = ncm_typed_shown(name);

	if (count == 1)
		return found[0];
	if (count > 1)
		registry_ambiguous(name, found, count, err);
	else
		ncm_error_set(err, NCM_E_USAGE, "no installed model is called \"%s\"", shown);
	return NULL;
}

const struct ncm_reg_model *ncm_registry_find(const struct ncm_registry *registry, const char *name)
{
	return ncm_registry_get(registry, name, NULL);
}

const struct ncm_reg_model *ncm_registry_same(const struct ncm_registry *registry, const struct ncm_model *model)
{
	return registry_same(registry_lookup_of(registry), model);
}
