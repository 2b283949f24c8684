/* SPDX-License-Identifier: MIT */
/* Does upstream still serve what the lock pins? Small answers and HEAD alone: no content is fetched. */
#include "drift/drift.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

static const char *pinned_uri(const struct ncm_lock_entry *entry)
{
	return entry->pinned ? entry->pinned : entry->uri;
}

static void check_url(struct run *run, const struct wanted *wanted, const struct ncm_lock_entry *pinned,
		      struct ncm_drift_entry *entry)
{
	struct ncm_error why = NCM_ERROR_INIT;
	uint64_t size = 0;

	if (probe_url(run, wanted, pinned_uri(pinned), &size, &why) < 0) {
		drift_fail_asking(entry, &why);
		return;
	}
	entry->size_after = size;
	entry->state = NCM_DRIFT_SAME;
	if (size == 0 || entry->size_before == 0) {
		drift_say(entry, "it is there; its server tells no size to compare");
	} else if (size != entry->size_before) {
		entry->state = NCM_DRIFT_MOVED;
		drift_say(entry, "another size is served");
	}
}

/* The pinned layers may outlive the tag that named them. Returns 0, or -1 with why one of them cannot be had. */
static int check_layers(struct run *run, const struct wanted *wanted, const struct ncm_lock_entry *pinned,
			const struct ncm_resolution *found, struct ncm_error *why)
{
	for (size_t i = 0; i < pinned->file_count; i++) {
		NCM_AUTO_FREE char *url =
		    pinned->files[i].has_sha256 ? ncm_source_blob_url(found, &pinned->files[i].sha256) : NULL;

		if (url && probe_served(run, wanted, found, url, why) < 0)
			return -1;
	}
	return 0;
}

static void tag_moved(struct run *run, const struct wanted *wanted, const struct ncm_lock_entry *pinned,
		      const struct ncm_resolution *found, struct ncm_drift_entry *entry)
{
	struct ncm_error why = NCM_ERROR_INIT;

	entry->state = NCM_DRIFT_MOVED;
	drift_explain(run, found, entry);
	if (check_layers(run, wanted, pinned, found, &why) == 0) {
		NCM_AUTO_FREE char *said = ncm_strdup(entry->detail);

		drift_say(entry, "%s; the pinned layers are still served", said);
		return;
	}
	drift_fail_asking(entry, &why);
	if (entry->state == NCM_DRIFT_GONE)
		drift_say(entry, "the tag names another model, and the pinned layers are not served any more");
}

/* What the source says, set beside what is pinned. NULL: the entry tells why it cannot be had. */
static struct ncm_resolution *compare_with(struct run *run, const char *uri, const struct ncm_file_spec *spec,
					   const struct ncm_pin *pin, const struct ncm_lock_entry *pinned,
					   struct ncm_drift_entry *entry)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *found = ncm_source_resolve(run->sources, uri, spec, pin, &why);
	AUTO_SIDE struct side before = side_of_lock(pinned);
	AUTO_SIDE struct side after = found ? side_of_resolution(found) : (struct side){0};

	if (!found) {
		drift_fail_asking(entry, &why);
		return NULL;
	}
	entry->revision_after = ncm_strdup_null(found->revision);
	sides_compare(&before, &after, true, entry);
	return found;
}

/* A registry need not hand out manifests by digest, so it is the tag that is asked for. */
static void check_tag(struct run *run, const struct wanted *wanted, const struct ncm_lock_entry *pinned,
		      struct ncm_drift_entry *entry)
{
	const struct ncm_file_spec bare = probe_unpinned(wanted->spec);
	NCM_AUTO_FREE char *tag = ncm_source_newest(pinned_uri(pinned));
	struct ncm_resolution *found = compare_with(run, tag ? tag : pinned_uri(pinned), &bare, NULL, pinned, entry);

	if (!found)
		return;
	if (entry->file_count > 0 || (pinned->revision && !ncm_same_text(pinned->revision, found->revision)))
		tag_moved(run, wanted, pinned, found, entry);
	else
		entry->state = NCM_DRIFT_SAME;
	ncm_resolution_free(found);
}

static const struct ncm_artifact *largest(const struct ncm_resolution *found)
{
	const struct ncm_artifact *most = NULL;

	for (size_t i = 0; i < found->count; i++) {
		if (!most || found->artifacts[i].size > most->size)
			most = &found->artifacts[i];
	}
	return most;
}

/*
 * A list of files is public where the files are not: whoever gates or takes down a repository of Hugging Face does so
 * for all of it, so one file tells; where a HEAD tells anything.
 */
static int check_access(struct run *run, const struct wanted *wanted, const struct ncm_resolution *found,
			struct ncm_error *why)
{
	const struct ncm_artifact *artifact = largest(found);
	const struct ncm_source *source = ncm_source_of(found->uri);

	if (!artifact || !source || source->refuses_head)
		return 0;
	return probe_served(run, wanted, found, artifact->url, why);
}

static void check_revision(struct run *run, const struct wanted *wanted, const struct ncm_lock_entry *pinned,
			   struct ncm_drift_entry *entry)
{
	const struct ncm_pin pin = {.revision = pinned->revision};
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *found = compare_with(run, pinned_uri(pinned), wanted->spec, &pin, pinned, entry);

	if (!found)
		return;
	entry->state = NCM_DRIFT_SAME;
	if (entry->file_count > 0) {
		entry->state = NCM_DRIFT_MOVED;
		drift_say(entry, "other bytes are served under the pinned revision");
	} else if (check_access(run, wanted, found, &why) < 0) {
		drift_fail_asking(entry, &why);
	}
	ncm_resolution_free(found);
}

/* Another place than the one that the entry itself pins; NULL: none is known. The caller frees it. */
static char *other_place(const struct run *run, const struct ncm_lock_entry *pinned, const struct ncm_lock_file *file)
{
	struct ncm_strings places = {0};
	char *found = NULL;

	if (file->has_sha256)
		ncm_lock_places(run->lock, &file->sha256, &places);
	for (size_t i = 0; i < places.count && !found; i++) {
		if (!ncm_source_holds(pinned->uri, places.items[i]) &&
		    !ncm_source_holds(pinned_uri(pinned), places.items[i]))
			found = ncm_strdup(places.items[i]);
	}
	ncm_strings_free(&places);
	return found;
}

/* A pull asks there: what is gone at its source need not be lost. */
static void tell_places(const struct run *run, const struct ncm_lock_entry *pinned, struct ncm_drift_entry *entry)
{
	NCM_AUTO_FREE char *first = NULL;
	size_t known = 0;

	for (size_t i = 0; i < pinned->file_count; i++) {
		char *place = other_place(run, pinned, &pinned->files[i]);

		known += place != NULL;
		if (first || !place)
			free(place);
		else
			first = place;
	}
	if (known > 0)
		drift_say(entry, "%s; the lock knows who else served %zu of its %zu %s: %s", entry->detail, known,
			  pinned->file_count, pinned->file_count == 1 ? "file" : "files", first);
}

static void check(struct run *run, size_t index, struct ncm_drift_entry *entry, const void *context)
{
	const struct wanted *wanted = &run->wanted[index];
	const struct ncm_lock_entry *pinned = ncm_lock_find(run->lock, entry->uri);

	(void)context;
	switch (ncm_source_revision_kind(pinned_uri(pinned))) {
	case NCM_REVISION_NONE:
		check_url(run, wanted, pinned, entry);
		break;
	case NCM_REVISION_TAG:
		check_tag(run, wanted, pinned, entry);
		break;
	case NCM_REVISION_EXACT:
		check_revision(run, wanted, pinned, entry);
		break;
	}
	if (entry->state == NCM_DRIFT_GONE)
		tell_places(run, pinned, entry);
}

/* What the lock says of an entry, before anybody is asked. False if it says nothing. */
static bool is_locked(const struct run *run, struct ncm_drift_entry *entry)
{
	const struct ncm_lock_entry *pinned = ncm_lock_find(run->lock, entry->uri);

	if (!pinned) {
		entry->state = NCM_DRIFT_UNPINNED;
		drift_say(entry, "the lock does not have it: `ncmodel lock` pins it");
		return false;
	}
	entry->revision_before = ncm_strdup_null(pinned->revision);
	for (size_t i = 0; i < pinned->file_count; i++)
		entry->size_before += pinned->files[i].size;
	return true;
}

struct ncm_drift *ncm_lock_check(const struct ncm_config *config, struct ncm_model *const *models, size_t count,
				 const struct ncm_sink *sink, struct ncm_error *err)
{
	struct run *run = run_new(config, &(const struct ncm_provision_options){0}, sink, err);
	NCM_AUTO_FREE bool *asked = NULL;
	struct ncm_drift *drift;

	if (!run)
		return NULL;
	run_take_models(run, models, count);
	drift = drift_new(run);
	asked = ncm_calloc(run->wanted_count + 1, sizeof *asked);
	for (size_t i = 0; i < run->wanted_count; i++)
		asked[i] = is_locked(run, &drift->entries[i]);
	if (drift_ask(run, drift, asked, check, NULL, err) < 0) {
		ncm_drift_free(drift);
		drift = NULL;
	} else {
		drift_count(drift, false);
	}
	run_free(run);
	return drift;
}
