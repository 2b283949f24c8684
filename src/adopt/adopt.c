/* SPDX-License-Identifier: MIT */
/* The order of things: lock the stores, look, compare with models.json, read, match, record. */
#include "adopt/adopt.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "registry/moving.h"
#include "registry/write.h"

#include <string.h>

const char *ncm_adopt_verdict_name(enum ncm_adopt_verdict verdict)
{
	static const char *const names[] = {
	    [NCM_ADOPT_KNOWN] = "known",
	    [NCM_ADOPT_NEW] = "new",
	    [NCM_ADOPT_CHANGED] = "changed",
	    [NCM_ADOPT_REFUSED] = "refused",
	};

	return names[verdict];
}

/* A profile that cannot be read costs nothing but its names. */
static void load_other_catalogs(struct adopt *adopt)
{
	struct ncm_strings profiles = {0};

	(void)ncm_profiles(adopt->config, &profiles, NULL);
	for (size_t i = 0; i < profiles.count; i++) {
		struct ncm_config config = *adopt->config;
		struct ncm_catalog *catalog;

		if (adopt->catalogs && config.manifest_file_count == 0 &&
		    ncm_config_has_profile(&config, profiles.items[i]))
			continue;
		config.profile = profiles.items[i];
		config.more_profile_count = 0;
		config.manifest_file_count = 0;
		catalog = ncm_catalog_load(&config, NULL);
		if (catalog)
			*NCM_PUSH(adopt->catalogs, adopt->catalog_count) = catalog;
	}
	ncm_strings_free(&profiles);
}

static int start(struct adopt *adopt, const struct ncm_catalog *catalog, struct ncm_error *err)
{
	NCM_AUTO_FREE char *lock_path = NULL;

	adopt->adoption = ncm_calloc(1, sizeof *adopt->adoption);
	adopt->by_path = json_object();
	adopt->by_digest = json_object();
	adopt->ids = json_object();
	adopt->layout = moving_layout(adopt->config, err);
	if (!adopt->layout)
		return -1;
	adopt_find_roots(adopt);
	adopt->registry_path = ncm_layout_registry(adopt->layout, adopt->config);
	lock_path = ncm_layout_lock(adopt->layout, adopt->config);
	adopt->lock = ncm_lock_load(lock_path, err);
	if (!adopt->lock)
		return -1;
	if (catalog)
		*NCM_PUSH(adopt->catalogs, adopt->catalog_count) = catalog;
	load_other_catalogs(adopt);
	return 0;
}

bool adopt_looks_at(const struct adopt *adopt, const struct ncm_store *store)
{
	const struct ncm_adopt_options *options = adopt->options;

	for (size_t i = 0; i < options->store_count; i++) {
		if (ncm_store_is_of(store, options->stores[i]))
			return true;
	}
	for (size_t i = 0; i < options->path_count; i++) {
		const struct ncm_store *around;
		NCM_AUTO_FREE char *path = adopt_named(adopt, options->paths[i], &around);

		if (around == store || ncm_path_below(store->path, path))
			return true;
	}
	return options->store_count == 0 && options->path_count == 0;
}

/* The stores that are looked at, each folder once, in the order in which everybody takes their locks. */
static struct ncm_store **stores_to_lock(const struct adopt *adopt, size_t *count)
{
	struct ncm_store **stores = NULL;

	*count = 0;
	for (size_t i = 0; i < adopt->layout->count; i++) {
		struct ncm_store *store = &adopt->layout->stores[i];
		struct os_stat status;

		if (adopt_looks_at(adopt, store) && os_stat(OS_HERE, store->path, &status) == 0)
			*NCM_PUSH(stores, *count) = store;
	}
	ncm_stores_order(stores, count);
	return stores;
}

/* A store that we may only read is looked at without its lock: nothing of ours works in it. */
static int lock_stores(struct adopt *adopt, int **locks, size_t *count, struct ncm_error *err)
{
	NCM_AUTO_FREE struct ncm_store **stores = NULL;

	*count = 0;
	if (adopt->options->dry_run)
		return 0;
	stores = stores_to_lock(adopt, count);
	*locks = ncm_calloc(*count + 1, sizeof **locks);
	for (size_t i = 0; i < *count; i++)
		(*locks)[i] = -1;
	for (size_t i = 0; i < *count; i++) {
		struct ncm_error why = NCM_ERROR_INIT;

		(*locks)[i] = ncm_store_lock(stores[i], adopt->options->no_wait, adopt->sink, &why);
		if (why.code == NCM_E_BUSY || why.code == NCM_E_INTERRUPTED)
			return ncm_error_move(err, &why);
		if (why.code != NCM_OK)
			ncm_emit_text(adopt->sink, NCM_EVENT_DEBUG, "looked at without a lock: %s", why.message);
		ncm_error_clear(&why);
	}
	return 0;
}

static int by_verdict_and_id(const void *a, const void *b)
{
	const struct ncm_adoption_model *x = a, *y = b;

	if (x->verdict != y->verdict)
		return x->verdict < y->verdict ? -1 : 1;
	return strcmp(x->entry.id, y->entry.id);
}

static int look_and_record(struct adopt *adopt, struct ncm_error *err)
{
	struct ncm_adoption *adoption = adopt->adoption;

	/* Read under the locks: another run may have registered what this one waited for. */
	adopt->registry = ncm_registry_read(adopt->registry_path, err);
	if (!adopt->registry || adopt_gather(adopt, err) < 0)
		return -1;
	for (size_t i = 0; i < adopt->registry->count; i++)
		adopt_use_id(adopt, adopt->registry->models[i].id);
	adopt_compare(adopt);
	adopt_read(adopt);
	adopt_find_moved(adopt);
	adopt_registered(adopt);
	adopt_match_manifests(adopt);
	adopt_match_lock(adopt);
	adopt_identify(adopt);
	adopt_rest(adopt);
	adopt_follow(adopt);
	if (adoption->count > 1)
		qsort(adoption->models, adoption->count, sizeof *adoption->models, by_verdict_and_id);
	/* What was read before an interruption need not be read again. */
	if (!adopt->options->dry_run && adopt_record(adopt, err) < 0)
		return -1;
	if (!ncm_interrupted())
		return 0;
	ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted: not everything was looked at");
	return ncm_error_hint(err, "the same command goes on with what was not read yet");
}

static void adopt_clear(struct adopt *adopt, const struct ncm_catalog *given)
{
	adopt_free_found(adopt);
	for (size_t i = 0; i < adopt->catalog_count; i++) {
		if (adopt->catalogs[i] != given)
			ncm_catalog_free((struct ncm_catalog *)adopt->catalogs[i]);
	}
	free(adopt->catalogs);
	json_decref(adopt->by_path);
	json_decref(adopt->by_digest);
	json_decref(adopt->ids);
	ncm_strings_free(&adopt->pinned);
	ncm_lock_free(adopt->lock);
	ncm_registry_free(adopt->registry);
	ncm_layout_free(adopt->layout);
	free(adopt->registry_path);
}

struct ncm_adoption *ncm_adopt(const struct ncm_config *config, const struct ncm_catalog *catalog,
			       const struct ncm_adopt_options *options, const struct ncm_sink *sink,
			       struct ncm_error *err)
{
	const double start_time = ncm_monotonic();
	struct adopt adopt = {.config = config, .options = options, .sink = sink};
	NCM_AUTO_FREE int *locks = NULL;
	size_t lock_count = 0;
	int failed = start(&adopt, catalog, err);

	if (!failed)
		failed = lock_stores(&adopt, &locks, &lock_count, err);
	if (!failed)
		failed = look_and_record(&adopt, err);
	for (size_t i = 0; i < lock_count; i++)
		ncm_lock_release(locks[i]);
	adopt_clear(&adopt, catalog);
	adopt.adoption->seconds = ncm_monotonic() - start_time;
	if (!failed)
		return adopt.adoption;
	ncm_adoption_free(adopt.adoption);
	return NULL;
}

void ncm_adoption_free(struct ncm_adoption *adoption)
{
	if (!adoption)
		return;
	for (size_t i = 0; i < adoption->count; i++) {
		registry_model_clear(&adoption->models[i].entry);
		free(adoption->models[i].detail);
	}
	ncm_unread_free(adoption->unread, adoption->unread_count);
	free(adoption->models);
	free(adoption);
}
