/* SPDX-License-Identifier: MIT */
/* What is installed against what upstream would hand out now. */
#include "drift/drift.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <string.h>

/* One look at one source of an installed model. */
struct inquiry {
	struct run *run;
	const struct wanted *wanted;
	const struct ncm_reg_model *installed;
	const struct ncm_lock_entry *locked; /* or NULL */
	const char *uri;
	char *newest;         /* what is asked for; NULL: nobody knows what moves */
	const char *revision; /* that is installed, or NULL */
	bool only;            /* the model has no other source */
	struct ncm_drift_entry *entry;
};

/* Manifest or spelling say which bytes these are: a newer upstream changes nothing. */
static bool is_pinned(const struct inquiry *inquiry)
{
	const struct ncm_file_spec *spec = inquiry->wanted->spec;
	NCM_AUTO_FREE char *canonical = NULL;
	NCM_AUTO_FREE char *moving = ncm_source_newest(inquiry->uri);

	if (spec->has_sha256 || spec->has_digest || spec->layer_count > 0)
		return true;
	return ncm_source_check(inquiry->uri, true, &canonical, NULL) < 0 || !ncm_same_text(canonical, moving);
}

static void tell_newer(const struct inquiry *inquiry)
{
	struct ncm_drift_entry *entry = inquiry->entry;
	NCM_AUTO_FREE char *said = NULL;

	entry->state = NCM_DRIFT_MOVED;
	if (!is_pinned(inquiry))
		return;
	entry->state = NCM_DRIFT_PINNED;
	said = ncm_strdup(entry->detail);
	drift_say(entry, "pinned by %s; upstream: %s",
		  inquiry->run->models[inquiry->wanted->model].model->profile ? "the manifest" : "its source", said);
	ncm_error_clear(&entry->error);
}

static void tell_failure(const struct inquiry *inquiry, struct ncm_error *why)
{
	drift_fail_asking(inquiry->entry, why);
	if (inquiry->entry->state == NCM_DRIFT_GONE && is_pinned(inquiry))
		tell_newer(inquiry);
}

/* The registered file with these bytes, or NULL. */
static const struct ncm_reg_file *with_bytes(const struct ncm_reg_model *model, const struct ncm_artifact *artifact)
{
	for (size_t i = 0; artifact->has_sha256 && i < model->file_count; i++) {
		if (ncm_sha256_equal(&model->files[i].sha256, &artifact->sha256))
			return &model->files[i];
	}
	return NULL;
}

static bool is_wanted_still(const struct ncm_reg_file *file, const struct ncm_resolution *found)
{
	for (size_t i = 0; i < found->count; i++) {
		if (found->artifacts[i].has_sha256 && ncm_sha256_equal(&file->sha256, &found->artifacts[i].sha256))
			return true;
	}
	return false;
}

static void push(struct side *side, const char *name, const char *kind, const struct ncm_reg_file *file)
{
	*NCM_PUSH(side->files, side->count) = (struct side_file){
	    .name = name, .kind = kind, .size = file->size, .has_sha256 = true, .sha256 = file->sha256};
}

/*
 * models.json knows files by where they lie. Those that upstream still has are called as upstream does; layers that it
 * has not are told by their kind, and one file stands against one.
 */
static struct side side_of_installed(const struct inquiry *inquiry, const struct ncm_resolution *found)
{
	const struct ncm_reg_model *model = inquiry->installed;
	struct side side = {0};

	for (size_t i = 0; i < found->count; i++) {
		const struct ncm_artifact *artifact = &found->artifacts[i];
		const struct ncm_reg_file *file = with_bytes(model, artifact);

		if (file && artifact->name)
			push(&side, artifact->name, found->ollama_name ? artifact->role : NULL, file);
	}
	for (size_t i = 0; found->ollama_name && inquiry->only && i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];

		if (file->role && strcmp(file->role, "manifest") != 0 && !is_wanted_still(file, found))
			push(&side, file->abs, file->role, file);
	}
	if (side.count == 0 && inquiry->only && found->count == 1 && model->file_count > 0)
		push(&side, model->files[0].abs, NULL, &model->files[0]);
	return side;
}

/* Where nothing is told of the bytes, another revision is all there is to go by. */
static bool tells_bytes(const struct ncm_resolution *found)
{
	for (size_t i = 0; i < found->count; i++) {
		const struct ncm_artifact *artifact = &found->artifacts[i];

		if (artifact->has_sha256 || artifact->has_git_sha1 || artifact->has_size)
			return true;
	}
	return false;
}

static void compare(const struct inquiry *inquiry, const struct ncm_resolution *found)
{
	struct ncm_drift_entry *entry = inquiry->entry;
	struct ncm_resolution *older =
	    side_ask_before(inquiry->run, inquiry->wanted, inquiry->newest, inquiry->revision, found);
	AUTO_SIDE struct side before = older ? side_of_resolution(older) : side_of_installed(inquiry, found);
	AUTO_SIDE struct side after = side_of_resolution(found);

	sides_compare(&before, &after, false, entry);
	ncm_resolution_free(older);
	if (inquiry->only)
		entry->size_before = inquiry->installed->size;
	entry->to_get = sides_to_get(inquiry->run, entry);
	drift_explain(inquiry->run, found, entry);
	if (entry->file_count > 0 || !tells_bytes(found))
		tell_newer(inquiry);
	else
		entry->state = NCM_DRIFT_SAME;
}

static void look_at_service(const struct inquiry *inquiry)
{
	const struct ncm_file_spec bare = probe_unpinned(inquiry->wanted->spec);
	struct ncm_drift_entry *entry = inquiry->entry;
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *found = ncm_source_resolve(inquiry->run->sources, inquiry->newest, &bare, NULL, &why);

	if (!found) {
		tell_failure(inquiry, &why);
		return;
	}
	entry->revision_after = ncm_strdup_null(found->revision);
	if (inquiry->revision && ncm_same_text(inquiry->revision, found->revision)) {
		entry->size_before = entry->size_after = inquiry->only ? inquiry->installed->size : 0;
		entry->state = NCM_DRIFT_SAME;
	} else {
		compare(inquiry, found);
	}
	ncm_resolution_free(found);
}

/* Of what was unpacked the lock alone knows the size. */
static uint64_t fetched_size(const struct inquiry *inquiry)
{
	if (inquiry->locked && inquiry->locked->file_count == 1)
		return inquiry->locked->files[0].size;
	return inquiry->installed->file_count == 1 && !inquiry->wanted->spec->extract
		   ? inquiry->installed->files[0].size
		   : 0;
}

static void look_at_url(const struct inquiry *inquiry)
{
	struct ncm_drift_entry *entry = inquiry->entry;
	struct ncm_error why = NCM_ERROR_INIT;

	entry->size_before = fetched_size(inquiry);
	if (probe_url(inquiry->run, inquiry->wanted, inquiry->newest, &entry->size_after, &why) < 0) {
		tell_failure(inquiry, &why);
	} else if (entry->size_after == 0 || entry->size_before == 0) {
		drift_say(entry, "it is there; its server tells no size to compare");
	} else if (entry->size_after == entry->size_before) {
		entry->state = NCM_DRIFT_SAME;
	} else {
		if (entry->is_spelled)
			drift_say(entry, "another size is served");
		else
			drift_say(entry, "another size is served; to take it: ncmodel pull --update %s",
				  inquiry->installed->id);
		entry->to_get = entry->size_after;
		tell_newer(inquiry);
	}
}

/* Where a model of files lies: "STORE/FOLDER/NAME", of a repository NAME is its folder. NULL: it cannot be said so. */
static char *place_of(const struct inquiry *inquiry)
{
	const struct ncm_layout *layout = inquiry->run->layout;
	const struct ncm_reg_file *file = inquiry->installed->file_count > 0 ? &inquiry->installed->files[0] : NULL;
	const size_t number = file ? ncm_layout_store_of(layout, file->abs, file->store) : NCM_NO_STORE;
	const struct ncm_store *store = number == NCM_NO_STORE ? NULL : &layout->stores[number];
	const char *relative = store ? ncm_path_below(file->abs, store->path) : NULL;
	const struct ncm_store_folder *folder = relative ? ncm_store_folder_around(store, relative) : NULL;
	const char *name = folder ? ncm_path_below(relative, folder->path) : relative;
	const bool is_repository = inquiry->installed->file_count > 1;

	if (!name)
		return NULL;
	if (store->kind->takes_tags || store->kind->keeps_repositories)
		return ncm_strdup(store->id);
	if (is_repository && !strchr(name, '/'))
		return folder ? ncm_asprintf("%s/%s", store->id, folder->name) : ncm_strdup(store->id);
	return ncm_asprintf("%s/%s/%.*s", store->id, folder ? folder->name : "",
			    is_repository ? (int)strcspn(name, "/") : (int)strlen(name), name);
}

/* The first source's revision is the model's; of others only the lock knows. */
static void set_revision(struct inquiry *inquiry, bool first)
{
	if (first)
		inquiry->revision = inquiry->installed->revision;
	else if (inquiry->locked)
		inquiry->revision = inquiry->locked->revision;
	inquiry->entry->revision_before = ncm_strdup_null(inquiry->revision);
}

static void look_at(struct run *run, size_t index, struct ncm_drift_entry *entry, const void *context)
{
	const struct ncm_reg_model *const *installed = context;
	const struct wanted *wanted = &run->wanted[index];
	const bool first = index == 0 || run->wanted[index - 1].model != wanted->model;
	struct inquiry inquiry = {.run = run,
				  .wanted = wanted,
				  .installed = installed[wanted->model],
				  .locked = ncm_lock_find(run->lock, entry->uri),
				  .uri = entry->uri,
				  .newest = ncm_source_newest(entry->uri),
				  .only = run->models[wanted->model].file_count == 1,
				  .entry = entry};

	set_revision(&inquiry, first);
	entry->is_spelled = !run->models[wanted->model].model->profile;
	if (entry->is_spelled)
		entry->to = place_of(&inquiry);
	/* A version's number alone does not say which model may have a newer one; what was found does. */
	if (!inquiry.newest && inquiry.locked && inquiry.locked->pinned)
		inquiry.newest = ncm_source_newest(inquiry.locked->pinned);
	if (!inquiry.newest && first && inquiry.installed->source)
		inquiry.newest = ncm_source_newest(inquiry.installed->source);
	if (!inquiry.newest)
		drift_say(entry, "its source cannot be asked for anything newer");
	else if (ncm_source_is_address(inquiry.newest))
		look_at_url(&inquiry);
	else
		look_at_service(&inquiry);
	free(inquiry.newest);
}

/* As the user spelled it, which the lock remembers; else models.json's source without its pins. The caller frees it. */
static char *spelled_source(const struct run *run, const struct ncm_reg_model *entry)
{
	char *newest;

	for (size_t i = 0; i < run->lock->count; i++) {
		if (ncm_same_text(run->lock->entries[i].pinned, entry->source) ||
		    ncm_same_text(run->lock->entries[i].uri, entry->source))
			return ncm_strdup(run->lock->entries[i].uri);
	}
	newest = ncm_source_newest(entry->source);
	return newest ? newest : ncm_strdup(entry->source);
}

/* A model that no manifest has. Without a file if nothing tells where it came from. */
static struct ncm_model *spell(struct run *run, const struct ncm_reg_model *entry)
{
	struct ncm_model *model = &run->own_models[run->own_count++];
	NCM_AUTO_FREE char *uri = entry->source ? spelled_source(run, entry) : NULL;
	struct ncm_file_spec *spec;

	model->id = ncm_strdup(entry->id);
	if (!uri || ncm_source_check(uri, true, NULL, NULL) < 0)
		return model;
	spec = NCM_PUSH(model->files, model->file_count);
	spec->role = ncm_strdup("weights");
	spec->insecure_http = ncm_source_is_in_clear(uri);
	ncm_strings_add(&spec->from, uri);
	return model;
}

static void tell_unknown_origins(const struct run *run, struct ncm_drift *drift)
{
	for (size_t i = 0; i < run->model_count; i++) {
		if (run->models[i].file_count == 0)
			drift_say(drift_add(drift, run->models[i].model->id, NULL), "nothing tells where it came from");
	}
}

static struct ncm_drift *look_at_all(struct run *run, const struct ncm_reg_model *const *installed,
				     struct ncm_error *err)
{
	struct ncm_drift *drift = drift_new(run);
	NCM_AUTO_FREE bool *asked = ncm_calloc(run->wanted_count + 1, sizeof *asked);

	for (size_t i = 0; i < run->wanted_count; i++)
		asked[i] = true;
	if (drift_ask(run, drift, asked, look_at, installed, err) < 0) {
		ncm_drift_free(drift);
		return NULL;
	}
	tell_unknown_origins(run, drift);
	drift_count(drift, false);
	return drift;
}

struct ncm_drift *ncm_outdated(const struct ncm_config *config, struct ncm_catalog *catalog,
			       const struct ncm_selector *selector, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct run *run = run_new(config, &(const struct ncm_provision_options){0}, sink, err);
	NCM_AUTO_FREE const struct ncm_reg_model **installed = NULL;
	NCM_AUTO_FREE struct ncm_model **models = NULL;
	struct known_catalog *known;
	struct ncm_drift *drift = NULL;
	size_t count = 0;

	if (!run)
		return NULL;
	if (ncm_registry_select(run->registry, selector, &installed, &count, err) == 0) {
		models = ncm_calloc(count + 1, sizeof *models);
		run->own_models = ncm_calloc(count + 1, sizeof *run->own_models);
		known = known_catalog_new(catalog);
		for (size_t i = 0; i < count; i++) {
			models[i] = known_in_catalog(known, installed[i]);
			models[i] = models[i] ? models[i] : spell(run, installed[i]);
		}
		known_catalog_free(known);
		run_take_models(run, models, count);
		drift = look_at_all(run, installed, err);
	}
	run_free(run);
	return drift;
}
