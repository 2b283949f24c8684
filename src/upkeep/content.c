/* SPDX-License-Identifier: MIT */
#include "upkeep/content.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"
#include "os/os.h"
#include "store/staging.h"

#include <string.h>

/* The names of the notes of a path below the store and of the folders above it. */
static void add_intents(json_t *intents, const char *relative)
{
	NCM_AUTO_FREE char *path = ncm_strdup(relative);

	for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
		NCM_AUTO_FREE char *name = NULL;

		*end = '\0';
		name = ncm_store_intent_name(path);
		json_object_set_new(intents, name, json_true());
	}
}

static void look_at(void *context, const struct ncm_walk_entry *entry)
{
	struct content *content = context;
	const struct ncm_store *store = &content->upkeep->layout->stores[content->store];
	NCM_AUTO_FREE char *relative = ncm_path_join(content->folder, entry->path);
	NCM_AUTO_FREE char *path = ncm_path_join(store->path, relative);
	NCM_AUTO_FREE char *size = ncm_asprintf("%lld", (long long)entry->status->size);

	if (staging_is_hidden(entry->name))
		upkeep_consider(content->upkeep,
				&(struct candidate){.kind = NCM_REMOVAL_LEFTOVER, .path = path, .store = store->id});
	else if (entry->status->kind == OS_IS_FILE && entry->status->size > NCM_CHECKPOINT_SPAN)
		json_object_set_new(content->sizes, size, json_integer((json_int_t)entry->status->size));
	if (content->with_intents)
		add_intents(content->there, relative);
}

int upkeep_walk_models(struct upkeep *upkeep, size_t store, const char **folder,
		       void (*found)(void *context, const struct ncm_walk_entry *entry), void *context)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	int failed = 0;

	*folder = "";
	if (in->folder_count == 0)
		failed = upkeep_walk(upkeep, store, "", false, found, context);
	for (size_t i = 0; i < in->folder_count; i++) {
		bool known = false;

		*folder = in->folders[i].path;
		for (size_t k = 0; k < in->folder_count; k++)
			known = known || ncm_path_below(*folder, in->folders[k].path) ||
				(k < i && strcmp(*folder, in->folders[k].path) == 0);
		if (!known && upkeep_walk(upkeep, store, *folder, false, found, context) < 0)
			failed = -1;
	}
	return failed;
}

void content_learn(struct content *content)
{
	const struct ncm_store *store = &content->upkeep->layout->stores[content->store];
	const char *path;
	json_t *id;

	content->sizes = json_object();
	content->there = json_object();
	content->registered = json_object();
	content->complete =
	    upkeep_walk_models(content->upkeep, content->store, &content->folder, look_at, content) == 0;
	json_object_foreach(content->upkeep->by_path, path, id)
	{
		const char *relative = ncm_path_below(path, store->path);

		if (relative && content->with_intents)
			add_intents(content->registered, relative);
	}
}

void content_clear(struct content *content)
{
	json_decref(content->sizes);
	json_decref(content->there);
	json_decref(content->registered);
}
