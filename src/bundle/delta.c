/* SPDX-License-Identifier: MIT */
/*
 * Which spans of a file who gets it has already, in another version of it. Of that version only checkpoints are here:
 * states of its hash. Bytes that lead from the state before a span to the one behind it are that span's; so each span
 * is compared alone, wherever the versions differ before it.
 */
#include "bundle/making.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"
#include "digest/checkpoint.h"
#include "digest/transit.h"
#include "os/os.h"
#include "source/source.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <string.h>

struct comparing {
	struct making *making;
	char **keys;      /* ncm_source_key of each entry of their lock */
	int theirs, ours; /* folders of checkpoints beside the locks; -1: there is none */
	const char *path; /* of what is compared */
};

static void tell_bytes(void *context, uint64_t bytes)
{
	const struct comparing *comparing = context;

	making_tell(comparing->making, comparing->path, bytes);
}

/* The last span's step has the padding in it, so both have to end there. */
static size_t comparable(const struct ncm_checkpoints *older, uint64_t size)
{
	const uint64_t whole = size / NCM_CHECKPOINT_SPAN;

	if (older->size == size)
		return ncm_span_count(older);
	return older->count < whole ? older->count : (size_t)whole;
}

static struct ncm_bundle_base *shared_of(const struct ncm_transit *transits, size_t count)
{
	struct ncm_bundle_base *base = ncm_calloc(1, sizeof *base);

	for (size_t i = 0; i < count; i++) {
		if (transits[i].holds)
			bundle_base_add(base, ncm_span_start(i), ncm_span_end(transits[i].checkpoints, i));
	}
	if (base->count > 0)
		return base;
	bundle_base_free(base);
	return NULL;
}

static struct ncm_transit proof_of(int fd, const struct ncm_checkpoints *checkpoints, size_t span)
{
	return (struct ncm_transit){
	    .from = fd, .from_at = ncm_span_start(span), .to = -1, .checkpoints = checkpoints, .span = span};
}

/* NULL: they share nothing, or it cannot be read, which who copies it tells. */
static struct ncm_bundle_base *compare(struct comparing *comparing, const char *path, uint64_t size,
				       const struct ncm_checkpoints *older)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ);
	const size_t count = fd < 0 ? 0 : comparable(older, size);
	NCM_AUTO_FREE struct ncm_transit *transits = ncm_calloc(count + 1, sizeof *transits);
	struct ncm_bundle_base *base;

	for (size_t i = 0; i < count; i++) {
		transits[i] = proof_of(fd, older, i);
		comparing->making->total += ncm_span_end(older, i) - ncm_span_start(i);
	}
	comparing->path = path;
	ncm_transits_run(transits, count, tell_bytes, comparing);
	base = shared_of(transits, count);
	if (base) {
		base->sha256 = older->sha256;
		base->size = older->size;
	}
	return base;
}

static int find_states(const struct comparing *comparing, const struct ncm_lock_file *older,
		       struct ncm_checkpoints *states)
{
	if (!older->has_sha256 || !older->has_size || ncm_checkpoints_expected(older->size) == 0)
		return -1;
	if (comparing->theirs >= 0 &&
	    ncm_checkpoints_read_in(comparing->theirs, &older->sha256, older->size, states) == 0)
		return 0;
	return making_kept_checkpoints(comparing->making, comparing->ours, &older->sha256, older->size, states);
}

static bool is_only_one(const struct ncm_lock_entry *entry, const char *role)
{
	size_t count = 0;

	for (size_t i = 0; i < entry->file_count; i++)
		count += ncm_same_text(entry->files[i].role, role);
	return count == 1;
}

/* By its path; layers of registries have none, but a role ("model"). */
static bool is_version(const struct ncm_lock_entry *entry, const struct ncm_lock_file *theirs,
		       const struct ncm_lock_entry *own, const struct ncm_lock_file *ours)
{
	if (strcmp(theirs->path, ours->path) == 0)
		return true;
	return ours->role && ncm_same_text(theirs->role, ours->role) && is_only_one(entry, ours->role) &&
	       is_only_one(own, ours->role);
}

static void tell_no_states(const struct comparing *comparing, const char *path)
{
	ncm_emit_text(
	    comparing->making->sink, NCM_EVENT_NOTE,
	    "%s goes whole: the lock pins another version of it, of which no checkpoints are beside the lock or "
	    "here; `ncmodel lock --checkpoints` over there writes them",
	    path);
}

/* Compares it with what their lock has at the same place of the same source. */
static struct ncm_bundle_base *compare_with_theirs(struct comparing *comparing, const struct ncm_bundle_file *file,
						   const struct ncm_lock_entry *own, const struct ncm_lock_file *ours)
{
	const struct ncm_lock *theirs = comparing->making->their_lock;
	const struct bundle_source *source = making_source(comparing->making, file);
	NCM_AUTO_FREE char *key = ncm_source_key(own->uri);
	struct ncm_bundle_base *base = NULL;

	for (size_t i = 0; i < theirs->count && !base && key; i++) {
		const struct ncm_lock_entry *entry = &theirs->entries[i];

		for (size_t k = 0; k < entry->file_count && !base && ncm_same_text(comparing->keys[i], key); k++) {
			struct ncm_checkpoints states;

			if (!is_version(entry, &entry->files[k], own, ours))
				continue;
			if (find_states(comparing, &entry->files[k], &states) < 0) {
				tell_no_states(comparing, source->path);
				continue;
			}
			base = compare(comparing, source->path, file->size, &states);
			ncm_checkpoints_clear(&states);
		}
	}
	return base;
}

/* Its places are those where the own lock has it. */
static void find_base(struct comparing *comparing, struct ncm_bundle_file *file)
{
	const struct ncm_lock *lock = comparing->making->lock;

	for (size_t i = 0; i < lock->count && !file->base && !ncm_interrupted(); i++) {
		const struct ncm_lock_entry *entry = &lock->entries[i];

		for (size_t k = 0; k < entry->file_count && !file->base; k++) {
			if (!entry->files[k].has_sha256 || !ncm_sha256_equal(&entry->files[k].sha256, &file->sha256))
				continue;
			file->base = compare_with_theirs(comparing, file, entry, &entry->files[k]);
		}
	}
}

static void find_all(struct making *making, const struct ncm_lock *theirs)
{
	NCM_AUTO_CLOSE int beside = making_open_beside(theirs);
	NCM_AUTO_CLOSE int ours = making_open_beside(making->lock);
	struct comparing comparing = {.making = making, .theirs = beside, .ours = ours};
	struct ncm_bundle *bundle = making->bundle;

	comparing.keys = ncm_calloc(theirs->count + 1, sizeof *comparing.keys);
	for (size_t i = 0; i < theirs->count; i++)
		comparing.keys[i] = ncm_source_key(theirs->entries[i].uri);
	for (size_t i = 0; i < bundle->count; i++) {
		if (bundle_is_blob(bundle->files[i].path) && ncm_checkpoints_expected(bundle->files[i].size) > 0)
			find_base(&comparing, &bundle->files[i]);
		making->total -= bundle_base_bytes(bundle->files[i].base);
	}
	for (size_t i = 0; i < theirs->count; i++)
		free(comparing.keys[i]);
	free(comparing.keys);
}

int making_find_bases(struct making *making, struct ncm_error *err)
{
	if (making->their_lock)
		find_all(making, making->their_lock);
	return ncm_interrupted() ? ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while hashing") : 0;
}

/* What is left out is read by nobody any more: it has to be this file's, too. */
static int prove_base(struct comparing *comparing, const struct ncm_bundle_file *file,
		      const struct ncm_checkpoints *checkpoints, struct ncm_error *err)
{
	const char *path = making_source(comparing->making, file)->path;
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ);
	NCM_AUTO_FREE struct ncm_transit *transits = NULL;
	size_t count = 0;
	uint64_t end;

	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot open %s", path);
	for (size_t span = 0; span < ncm_span_count(checkpoints); span++) {
		if (bundle_is_of_base(file, ncm_span_start(span), &end))
			*NCM_PUSH(transits, count) = proof_of(fd, checkpoints, span);
	}
	comparing->path = path;
	ncm_transits_run(transits, count, tell_bytes, comparing);
	for (size_t i = 0; i < count; i++) {
		if (!transits[i].holds)
			return bundle_tell_transit(&transits[i], path, err);
	}
	return 0;
}

int making_prove_bases(struct making *making, const struct ncm_checkpoints *checkpoints, struct ncm_error *err)
{
	struct comparing comparing = {.making = making};
	const struct ncm_bundle *bundle = making->bundle;

	making->total += bundle->reused;
	for (size_t i = 0; i < bundle->count; i++) {
		if (bundle->files[i].base && prove_base(&comparing, &bundle->files[i], &checkpoints[i], err) < 0)
			return -1;
	}
	return 0;
}
