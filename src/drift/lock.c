/* SPDX-License-Identifier: MIT */
/* Pinning without fetching: what is not in the lock yet, or everything anew. */
#include "drift/drift.h"

#include "base/mem.h"
#include "base/strings.h"

#include <ncmodel/log.h>
#include <string.h>

struct locking {
	struct run *run;
	const struct ncm_lock_options *options;
	struct ncm_drift *drift;
	const char **uris;                      /* of the entries to write or to drop */
	const struct ncm_drift_entry **entries; /* what each of them is told as */
	size_t uri_count;
	struct contents contents;
};

static const struct ncm_lock_entry *locked(const struct run *run, const struct wanted *wanted)
{
	return ncm_lock_find(run->lock, wanted->spec->from.items[0]);
}

/* A revision of another place means nothing at the first, which the lock is about. */
static const char *revision_of(const struct wanted *wanted)
{
	return ncm_same_text(wanted->uri, wanted->spec->from.items[0]) ? wanted->resolution->revision : NULL;
}

static bool has_moved(const struct ncm_drift_entry *entry)
{
	const char *before = entry->revision_before, *after = entry->revision_after;

	return entry->file_count > 0 || (before && after && strcmp(before, after) != 0);
}

static bool tells_nothing(const struct ncm_resolution *found)
{
	const struct ncm_artifact *only = found->count == 1 ? found->artifacts : NULL;

	return only && !found->revision && !only->has_size && !only->has_sha256 && !only->has_git_sha1;
}

static void compare(struct run *run, const struct wanted *wanted, struct ncm_drift_entry *entry)
{
	const struct ncm_lock_entry *old = locked(run, wanted);
	struct ncm_resolution *older =
	    old ? side_ask_before(run, wanted, wanted->uri, old->revision, wanted->resolution) : NULL;
	AUTO_SIDE struct side before = older ? side_of_resolution(older) : old ? side_of_lock(old) : (struct side){0};
	AUTO_SIDE struct side after = side_of_resolution(wanted->resolution);

	entry->revision_after = ncm_strdup_null(revision_of(wanted));
	sides_compare(&before, &after, ncm_same_text(entry->revision_before, entry->revision_after), entry);
	entry->to_get = sides_to_get(run, entry);
	entry->state = !old ? NCM_DRIFT_NEW : has_moved(entry) ? NCM_DRIFT_MOVED : NCM_DRIFT_SAME;
	if (entry->state == NCM_DRIFT_MOVED)
		drift_explain(run, wanted->resolution, entry);
	if (old && tells_nothing(wanted->resolution)) {
		entry->state = NCM_DRIFT_UNKNOWN;
		drift_say(entry, "its server tells no size that could be compared");
	}
	ncm_resolution_free(older);
}

static void look_up(struct run *run, size_t index, struct ncm_drift_entry *entry, const void *context)
{
	struct wanted *wanted = &run->wanted[index];

	(void)context;
	wanted_ask(run, wanted);
	if (wanted->error.code == NCM_OK)
		compare(run, wanted, entry);
}

/* The lock has what the manifest pins: whatever upstream serves now, nothing else would be taken. */
static bool is_fixed(const struct ncm_file_spec *spec, const struct ncm_lock_entry *old)
{
	struct ncm_sha256 revision;

	if (spec->has_digest)
		return old->revision && ncm_sha256_parse(old->revision, &revision) == 0 &&
		       ncm_sha256_equal(&revision, &spec->digest);
	return spec->has_sha256 && old->file_count == 1 && old->files[0].has_sha256 &&
	       ncm_sha256_equal(&old->files[0].sha256, &spec->sha256);
}

/* What the lock has is left alone unless all is looked up anew. */
static bool must_look(const struct locking *locking, size_t index)
{
	struct wanted *wanted = &locking->run->wanted[index];
	struct ncm_drift_entry *entry = &locking->drift->entries[index];
	const struct ncm_lock_entry *old = locked(locking->run, wanted);

	if (old)
		entry->revision_before = ncm_strdup_null(old->revision);
	if (wanted->error.code != NCM_OK)
		return false;
	if (old && (!locking->options->update || is_fixed(wanted->spec, old))) {
		AUTO_SIDE struct side side = side_of_lock(old), same = side_of_lock(old);

		sides_compare(&side, &same, true, entry);
		entry->revision_after = ncm_strdup_null(old->revision);
		entry->state = NCM_DRIFT_SAME;
		return false;
	}
	return true;
}

/* --locked believes an entry: what makes the bytes certain must be in it. */
static bool is_exact(const struct wanted *wanted, const struct ncm_lock_entry *entry)
{
	bool digests = entry->file_count > 0;

	for (size_t i = 0; i < entry->file_count; i++)
		digests = digests && entry->files[i].has_sha256;
	return digests || (entry->revision && strcmp(wanted->trust, "first-use") != 0);
}

/* The policies of a pull hold here, too: an entry in the lock would be its way around them. */
static void pin(struct locking *locking, size_t index)
{
	struct run *run = locking->run;
	struct wanted *wanted = &run->wanted[index];
	struct ncm_drift_entry *entry = &locking->drift->entries[index];

	if (wanted->error.code != NCM_OK || contents_add(run, index, content_targets, NULL, &locking->contents) < 0) {
		drift_fail(entry, &wanted->error);
		return;
	}
	wanted_pin(run, wanted, &locking->contents);
	if (is_exact(wanted, locked(run, wanted))) {
		locking->entries[locking->uri_count] = entry;
		locking->uris[locking->uri_count++] = wanted->spec->from.items[0];
		return;
	}
	if (entry->state == NCM_DRIFT_NEW) {
		entry->state = NCM_DRIFT_UNPINNED;
		drift_say(entry, "nothing but its bytes tells its digest: the first pull pins it");
	} else {
		drift_say(entry, "another size is served; its new bytes are pinned when they are pulled (ncmodel pull "
				 "--update)");
	}
}

static void finish(struct locking *locking)
{
	for (size_t i = 0; i < locking->run->wanted_count; i++) {
		const struct wanted *wanted = &locking->run->wanted[i];
		const enum ncm_drift_state state = locking->drift->entries[i].state;

		if (wanted->error.code != NCM_OK || state == NCM_DRIFT_NEW || state == NCM_DRIFT_MOVED)
			pin(locking, i);
	}
}

static int take_extra(struct locking *locking, struct ncm_error *err)
{
	struct run *run = locking->run;
	AUTO_CENSUS struct census census = {0};
	struct ncm_error why = NCM_ERROR_INIT;

	if (!locking->options->whole)
		return 0;
	if (census_take(run, &census, &why) < 0) {
		if (locking->options->prune)
			return ncm_error_move(err, &why);
		ncm_emit_text(&run->sink, NCM_EVENT_WARNING, "what no manifest names cannot be told: %s", why.message);
		ncm_error_clear(&why);
		return 0;
	}
	for (size_t i = 0; i < run->lock->count; i++) {
		const struct ncm_lock_entry *old = &run->lock->entries[i];
		struct ncm_drift_entry *entry;

		if (census_has_source(&census, old))
			continue;
		entry = drift_add(locking->drift, NULL, old->uri);
		entry->state = NCM_DRIFT_EXTRA;
		entry->revision_before = ncm_strdup_null(old->revision);
		drift_say(entry, "no manifest names it, and no registered model came from it");
	}
	return 0;
}

static void drop_extra(struct locking *locking)
{
	for (size_t i = 0; i < locking->drift->count && locking->options->prune; i++) {
		const struct ncm_drift_entry *entry = &locking->drift->entries[i];

		if (entry->state != NCM_DRIFT_EXTRA)
			continue;
		ncm_lock_drop(locking->run->lock, entry->uri);
		locking->entries[locking->uri_count] = entry;
		locking->uris[locking->uri_count++] = entry->uri;
	}
}

static void tell_pin(const struct locking *locking, size_t index)
{
	const struct ncm_lock_entry *pinned = ncm_lock_find(locking->run->lock, locking->uris[index]);
	const size_t count = pinned ? pinned->file_count : 0;
	NCM_AUTO_FREE struct ncm_deed_file *files = ncm_calloc(count + 1, sizeof *files);
	const struct ncm_deed deed = {.action = pinned ? "pinned" : "unpinned",
				      .model = locking->entries[index]->model,
				      .source = pinned ? pinned->pinned : locking->uris[index],
				      .revision = pinned ? pinned->revision : locking->entries[index]->revision_before,
				      .files = files,
				      .file_count = count};

	for (size_t i = 0; i < count; i++) {
		const struct ncm_lock_file *file = &pinned->files[i];

		files[i] = (struct ncm_deed_file){.path = file->path, .size = file->size};
		if (file->has_sha256)
			files[i].sha256 = file->sha256;
	}
	ncm_emit_deed(&locking->run->sink, &deed);
}

/* Those of one pinned file, if it has any at all. */
static int keep_checkpoints(struct locking *locking, const struct ncm_lock_file *file, struct ncm_error *err)
{
	bool kept;

	if (!file->has_sha256 || !file->has_size || !checkpoints_are_possible(file->size))
		return 0;
	if (checkpoints_keep(locking->run, &file->sha256, file->size, &kept, err) < 0)
		return -1;
	locking->drift->checkpoints_kept += kept;
	locking->drift->checkpoints_unknown += !kept;
	return 0;
}

static int keep_all_checkpoints(struct locking *locking, struct ncm_error *err)
{
	const struct run *run = locking->run;

	for (size_t i = 0; i < run->wanted_count; i++) {
		const struct ncm_lock_entry *entry = locked(run, &run->wanted[i]);

		for (size_t k = 0; entry && k < entry->file_count; k++) {
			if (keep_checkpoints(locking, &entry->files[k], err) < 0)
				return -1;
		}
	}
	return 0;
}

static int write_lock(struct locking *locking, struct ncm_error *err)
{
	struct run *run = locking->run;

	if (locking->uri_count == 0)
		return 0;
	if (ncm_lock_save(run->lock, locking->uris, locking->uri_count, err) < 0)
		return -1;
	locking->drift->written = true;
	for (size_t i = 0; i < locking->uri_count; i++)
		tell_pin(locking, i);
	return 0;
}

static int lock_all(struct locking *locking, struct ncm_error *err)
{
	struct run *run = locking->run;
	NCM_AUTO_FREE bool *asked = ncm_calloc(run->wanted_count + 1, sizeof *asked);

	wanted_resolve_locally(run);
	for (size_t i = 0; i < run->wanted_count; i++)
		asked[i] = must_look(locking, i);
	if (drift_ask(run, locking->drift, asked, look_up, NULL, err) < 0 || take_extra(locking, err) < 0)
		return -1;
	finish(locking);
	drop_extra(locking);
	drift_count(locking->drift, locking->options->prune);
	if (locking->options->dry_run)
		return 0;
	if (write_lock(locking, err) < 0)
		return -1;
	if (locking->options->prune)
		checkpoints_drop(run);
	return locking->options->checkpoints ? keep_all_checkpoints(locking, err) : 0;
}

struct ncm_drift *ncm_lock_update(const struct ncm_config *config, struct ncm_model *const *models, size_t count,
				  const struct ncm_lock_options *options, const struct ncm_sink *sink,
				  struct ncm_error *err)
{
	const struct ncm_provision_options provision = {.update = options->update,
							.allow_pickle = options->allow_pickle};
	struct locking locking = {.options = options, .run = run_new(config, &provision, sink, err)};
	size_t room;

	if (!locking.run)
		return NULL;
	run_take_models(locking.run, models, count);
	locking.drift = drift_new(locking.run);
	room = locking.run->wanted_count + locking.run->lock->count + 1;
	locking.uris = ncm_calloc(room, sizeof *locking.uris);
	locking.entries = ncm_calloc(room, sizeof *locking.entries);
	if (lock_all(&locking, err) < 0) {
		ncm_drift_free(locking.drift);
		locking.drift = NULL;
	}
	free(locking.uris);
	free(locking.entries);
	contents_free(locking.run, &locking.contents);
	run_free(locking.run);
	return locking.drift;
}
