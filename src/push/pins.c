/* SPDX-License-Identifier: MIT */
/*
 * The lock that goes along: what is pinned of the sources of what is pushed, so that whoever has the artifact knows
 * where else its bytes are.
 */
#include "push/work.h"

#include "base/mem.h"
#include "base/strings.h"
#include "digest/hash.h"
#include "manifest/lock.h"
#include "oci/artifact.h"
#include "source/oci.h"

#include <string.h>

/* When a machine looked a source up is no part of what was found. */
#define NO_TIME "1970-01-01T00:00:00Z"

/* What is pushed: keys of its sources, and digests in hex. */
struct known {
	struct ncm_text_map sources, digests;
	struct ncm_strings texts; /* that these borrow */
};

/* Takes the text over. */
static void note(struct known *known, struct ncm_text_map *map, char *text)
{
	ncm_strings_take(&known->texts, text);
	ncm_text_map_add(map, text, strlen(text), 0);
}

static bool has(const struct ncm_text_map *map, const char *text)
{
	return text && ncm_text_map_find(map, text, strlen(text));
}

static void note_source(struct known *known, const char *source)
{
	char *key = source ? ncm_source_key(source) : NULL;

	if (key)
		note(known, &known->sources, key);
}

static void note_all(const struct push *push, struct known *known)
{
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < push->model_count; i++) {
		const struct ncm_reg_model *model = push->models[i];

		note_source(known, model->source);
		for (size_t k = 0; k < model->file_count; k++)
			note_source(known, model->files[k].source);
	}
	for (size_t i = 0; i < push->report->count; i++)
		note(known, &known->digests, ncm_strdup(ncm_sha256_hex(&push->report->files[i].sha256, hex)));
}

/* What is pushed to does not lead to itself: else who pulls and pushes again would push something else. */
static bool is_same_repository(const struct push *push, const char *source)
{
	struct oci_spelling name = {0};
	bool same;

	if (!oci_claims(source) || oci_spelling_parse(source, &name, NULL) < 0)
		return false;
	same = strcmp(name.oci.registry, push->name.registry) == 0 &&
	       strcmp(name.oci.repository, push->name.repository) == 0;
	oci_spelling_clear(&name);
	return same;
}

static bool pins_some(const struct ncm_lock_entry *entry, const struct known *known)
{
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < entry->file_count; i++) {
		if (entry->files[i].has_sha256 && has(&known->digests, ncm_sha256_hex(&entry->files[i].sha256, hex)))
			return true;
	}
	return false;
}

static bool is_wanted(const struct push *push, const struct ncm_lock_entry *entry, const struct known *known)
{
	NCM_AUTO_FREE char *key = ncm_source_key(entry->uri);

	return has(&known->sources, key) && !is_same_repository(push, entry->uri) && pins_some(entry, known);
}

/* Who else has served it to this machine is its own affair. */
static void forget_places(struct ncm_lock *lock)
{
	for (size_t i = 0; i < lock->count; i++) {
		for (size_t k = 0; k < lock->entries[i].file_count; k++)
			ncm_strings_free(&lock->entries[i].files[k].places);
	}
}

static char *text_of(struct push *push, const struct ncm_lock *lock)
{
	struct ncm_lock *chosen = ncm_calloc(1, sizeof *chosen);
	struct known known = {0};
	char *text = NULL;

	note_all(push, &known);
	for (size_t i = 0; i < lock->count; i++) {
		struct ncm_lock_entry entry = lock->entries[i];

		entry.resolved_at = (char[]){NO_TIME};
		if (is_wanted(push, &entry, &known))
			ncm_lock_put(chosen, &entry);
	}
	forget_places(chosen);
	push->report->pins = chosen->count;
	if (chosen->count > 0)
		text = ncm_lock_text(chosen);
	ncm_lock_free(chosen);
	ncm_text_map_free(&known.sources);
	ncm_text_map_free(&known.digests);
	ncm_strings_free(&known.texts);
	return text;
}

static void settle(struct push *push)
{
	push->pins_size = strlen(push->pins);
	if (push->options->tar) {
		NCM_AUTO_FREE char *text = push->pins;

		push->pins = push_text_in_tar(OCI_LOCK_NAME, text, &push->pins_size);
	}
	ncm_sha256_of(push->pins, push->pins_size, &push->pins_digest);
}

int push_choose_pins(struct push *push, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = NULL;
	struct ncm_lock *lock;

	push->layout = ncm_layout_load(push->config, err);
	path = push->layout ? ncm_layout_lock(push->layout, push->config) : NULL;
	lock = path ? ncm_lock_load(path, err) : NULL;
	if (!lock)
		return -1;
	if (!ncm_text_map_find(&push->names, OCI_LOCK_NAME, strlen(OCI_LOCK_NAME)))
		push->pins = text_of(push, lock);
	ncm_lock_free(lock);
	if (push->pins)
		settle(push);
	return 0;
}
