/* SPDX-License-Identifier: MIT */
/* A tag of an Ollama store is more than the manifest that was registered: see store/ollama.h. */
#include "upkeep/upkeep.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "registry/ollama.h"

#include <errno.h>
#include <string.h>

/* One tag that goes. */
struct leaving {
	struct upkeep *upkeep;
	size_t store;
	const struct ncm_reg_model *model;
	const struct ollama_known *known; /* that was registered */
	json_t *reached;                  /* what goes with it names these blobs */
};

static void add_reached(void *context, const struct ncm_sha256 *digest, const struct ollama_layer *layer)
{
	char hex[NCM_SHA256_HEX + 1];

	(void)layer;
	json_object_set_new_nocheck(context, ncm_sha256_hex(digest, hex), json_true());
}

/* Why what was read has to stay, or NULL. A link to nothing is nobody's. */
static const char *reason_to_stay(const struct leaving *leaving, enum ollama_found found,
				  const struct ollama_held *held)
{
	const int dirfd = leaving->upkeep->facts[leaving->store].dirfd;
	enum ollama_holds holds = OLLAMA_HOLDS_ANOTHER;

	if (leaving->upkeep->request.force || found == OLLAMA_ABSENT)
		return NULL;
	if (found == OLLAMA_BROKEN)
		return "changed since it was registered; only --force takes it";
	if (found == OLLAMA_READ)
		holds = ollama_held_compare(dirfd, held, leaving->known, NULL);
	if (found == OLLAMA_UNREADABLE || holds == OLLAMA_HOLDS_UNKNOWN)
		return "cannot be read, and may be another model; only --force takes it";
	return holds == OLLAMA_HOLDS_IT
		   ? NULL
		   : "changed since it was registered: it names another model; only --force takes it";
}

static void consider_entry(struct leaving *leaving, const char *relative)
{
	struct upkeep *upkeep = leaving->upkeep;
	const struct ncm_store *in = &upkeep->layout->stores[leaving->store];
	const int dirfd = upkeep->facts[leaving->store].dirfd;
	NCM_AUTO_FREE char *path = ncm_path_join(in->path, relative);
	OLLAMA_AUTO_HELD struct ollama_held held = {0};
	const enum ollama_found found = ollama_read_at(dirfd, relative, &held);

	if (found == OLLAMA_ABSENT && !held.is_link)
		return;
	if (upkeep_consider(upkeep, &(struct candidate){.kind = NCM_REMOVAL_MANIFEST,
							.path = path,
							.store = in->id,
							.model = leaving->model->id,
							.keep = reason_to_stay(leaving, found, &held)}) &&
	    found == OLLAMA_READ)
		(void)ollama_reach(dirfd, &held, add_reached, leaving->reached);
}

/* Whether a tag that stays, and is no shadow itself, names the blob. */
static bool is_named_by_model(const struct leaving *leaving, const struct ncm_sha256 *digest)
{
	const struct store_facts *facts = &leaving->upkeep->facts[leaving->store];
	char hex[NCM_SHA256_HEX + 1];
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(facts->named, ncm_sha256_hex(digest, hex)), i, name)
	{
		const char *text = json_string_value(name);
		NCM_AUTO_FREE char *canonical =
		    strncmp(text, "manifests-v2/", 13) == 0 ? ollama_name_at(text, NULL) : ollama_name_canonical(text);

		if (!json_object_get(facts->leaving, text) && !(canonical && ollama_name_is_shadow(canonical)))
			return true;
	}
	return false;
}

/* A shadow is the model's if all that it names goes with the model, and no other model has its weights. */
static bool is_shadow_of(const struct leaving *leaving, const struct ollama_held *shadow)
{
	const struct ollama_manifest *manifest = &shadow->manifest;
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < manifest->count; i++) {
		const struct ollama_layer *layer = &manifest->layers[i];
		NCM_AUTO_FREE char *role = ollama_layer_role(layer);

		if (!json_object_get(leaving->reached, ncm_sha256_hex(&layer->digest, hex)) ||
		    (ollama_role_is_weights(role) && is_named_by_model(leaving, &layer->digest)))
			return false;
	}
	return !manifest->is_list;
}

static void consider_shadow(struct leaving *leaving, const struct ollama_entry *entry)
{
	struct upkeep *upkeep = leaving->upkeep;
	const struct ncm_store *in = &upkeep->layout->stores[leaving->store];
	NCM_AUTO_FREE char *path = ncm_path_join(in->path, entry->path);
	OLLAMA_AUTO_HELD struct ollama_held held = {0};

	if (ollama_read_at(upkeep->facts[leaving->store].dirfd, entry->path, &held) == OLLAMA_READ &&
	    is_shadow_of(leaving, &held))
		upkeep_consider(upkeep, &(struct candidate){.kind = NCM_REMOVAL_MANIFEST,
							    .path = path,
							    .store = in->id,
							    .model = leaving->model->id});
}

static void consider_spellings(struct leaving *leaving, const char *name)
{
	for (int v2 = 1; v2 >= 0; v2--) {
		char *paths[2];
		const size_t count = ollama_name_paths(name, v2 == 1, paths);

		for (size_t i = 0; i < count; i++) {
			consider_entry(leaving, paths[i]);
			free(paths[i]);
		}
	}
}

void upkeep_consider_tag(struct upkeep *upkeep, size_t store, const char *relative, const struct ncm_reg_model *model,
			 const struct ncm_reg_file *manifest)
{
	NCM_AUTO_FREE char *name = ollama_name_at(relative, NULL);
	NCM_AUTO_JSON json_t *reached = json_object();
	struct ollama_known known;
	struct leaving leaving = {upkeep, store, model, &known, reached};
	struct ollama_entries entries;

	if (!name || upkeep->facts[store].dirfd < 0)
		return;
	upkeep_learn_names(upkeep, store, false);
	registry_known_manifest(model, manifest, &known);
	consider_spellings(&leaving, name);
	free(known.blobs);
	ollama_entries_read(upkeep->facts[store].dirfd, &entries);
	for (size_t i = 0; i < entries.count; i++) {
		if (entries.items[i].is_shadow)
			consider_shadow(&leaving, &entries.items[i]);
	}
	ollama_entries_clear(&entries);
}

struct counting {
	const struct ncm_store *store;
	json_t *counted; /* paths */
	struct tally *tally;
};

static void count_blob(void *context, const struct ncm_sha256 *digest, const struct ollama_layer *layer)
{
	struct counting *counting = context;
	NCM_AUTO_FREE char *path = NULL;
	struct os_stat status;
	char blob[80];

	(void)layer;
	ncm_ollama_blob_path(digest, blob);
	path = ncm_path_join(counting->store->path, blob);
	if (json_object_get(counting->counted, path))
		return;
	json_object_set_new_nocheck(counting->counted, path, json_true());
	if (os_lstat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_FILE)
		tally_add(counting->tally, &status);
}

static void count_tag(struct counting *counting, int dirfd, const char *name)
{
	for (int v2 = 0; v2 < 2; v2++) {
		char *paths[2];
		const size_t count = ollama_name_paths(name, v2 == 1, paths);

		for (size_t i = 0; i < count; i++) {
			OLLAMA_AUTO_HELD struct ollama_held held = {0};

			if (ollama_read_at(dirfd, paths[i], &held) == OLLAMA_READ)
				(void)ollama_reach(dirfd, &held, count_blob, counting);
			free(paths[i]);
		}
	}
}

void upkeep_tally_tags(const struct upkeep *upkeep, const struct ncm_reg_model *model, struct tally *tally)
{
	NCM_AUTO_JSON json_t *counted = json_object();

	for (size_t i = 0; i < model->file_count; i++)
		json_object_set_new_nocheck(counted, model->files[i].abs, json_true());
	for (size_t i = 0; i < model->file_count; i++) {
		const size_t store = upkeep_store_of(upkeep, model->files[i].abs, model->files[i].store);
		const struct ncm_store *in = store == NOWHERE ? NULL : &upkeep->layout->stores[store];
		const char *relative = in ? ncm_path_below(model->files[i].abs, in->path) : NULL;
		NCM_AUTO_FREE char *name =
		    relative && upkeep_is_tag(upkeep, store, relative) ? ollama_name_at(relative, NULL) : NULL;

		if (name && upkeep->facts[store].dirfd >= 0)
			count_tag(&(struct counting){in, counted, tally}, upkeep->facts[store].dirfd, name);
	}
}

/* "manifests/…: why", of the first manifest that cannot be read. NULL: it is a folder. The caller frees it. */
static char *unread_manifest(int dirfd)
{
	struct ollama_entries entries;
	char *unread = NULL;

	ollama_entries_read(dirfd, &entries);
	for (size_t i = 0; i < entries.count && !unread; i++) {
		OLLAMA_AUTO_HELD struct ollama_held held = {0};
		const enum ollama_found found = ollama_read_at(dirfd, entries.items[i].path, &held);
		const int failure = errno;

		if (found == OLLAMA_BROKEN || found == OLLAMA_UNREADABLE)
			unread =
			    ncm_asprintf("%s: %s", entries.items[i].path, held.why ? held.why : os_error_text(failure));
		else if (found == OLLAMA_ABSENT && held.is_link)
			unread = ncm_asprintf("%s: leads to a blob that is not there", entries.items[i].path);
	}
	ollama_entries_clear(&entries);
	return unread;
}

void upkeep_tell_tags_unread(const struct upkeep *upkeep, size_t store)
{
	struct store_facts *facts = &upkeep->facts[store];
	NCM_AUTO_FREE char *unread = NULL;

	if (facts->told_unread)
		return;
	facts->told_unread = true;
	unread = unread_manifest(facts->dirfd);
	upkeep_undone(upkeep, "no blob of %s is removed, because not all that names them can be read%s%s",
		      upkeep->layout->stores[store].path, unread ? ": " : "", unread ? unread : "");
}

static void pass_by(void *context, const struct ncm_walk_entry *entry)
{
	(void)context;
	(void)entry;
}

void upkeep_warn_of_tags(struct upkeep *upkeep, size_t store)
{
	(void)upkeep_walk(upkeep, store, "manifests", true, pass_by, NULL);
	(void)upkeep_walk(upkeep, store, "manifests-v2", true, pass_by, NULL);
	upkeep_tell_tags_unread(upkeep, store);
}
