/* SPDX-License-Identifier: MIT */
/* One manifest in several forms, and all that a manifest reaches. */
#include "store/ollama.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

/* Who is told of what a manifest reaches. */
struct part {
	int dirfd;
	void (*found)(void *context, const struct ncm_sha256 *digest, const struct ollama_layer *layer);
	void *context;
};

static int reach_list(const struct part *part, const struct ollama_manifest *list);
/* A blob that a list or an anchor says is a manifest: it need not be there. */
static int reach_blob(const struct part *part, const struct ncm_sha256 *digest, bool may_be_list);

static int reach_plain(const struct part *part, const struct ollama_manifest *manifest, bool is_anchor)
{
	int failed = 0;

	for (size_t i = 0; i < manifest->count; i++) {
		const struct ollama_layer *layer = &manifest->layers[i];

		if (!ollama_layer_is_manifest(layer))
			part->found(part->context, &layer->digest, layer);
		else if (is_anchor && reach_blob(part, &layer->digest, true) < 0)
			failed = -1;
	}
	if (manifest->has_config)
		part->found(part->context, &manifest->config.digest, &manifest->config);
	return failed;
}

static int reach_blob(const struct part *part, const struct ncm_sha256 *digest, bool may_be_list)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};
	const enum ollama_found found = ollama_read_blob(part->dirfd, digest, &held);

	part->found(part->context, digest, NULL);
	if (found == OLLAMA_ABSENT)
		return 0;
	if (found != OLLAMA_READ || (held.manifest.is_list && !may_be_list))
		return -1;
	return held.manifest.is_list ? reach_list(part, &held.manifest) : reach_plain(part, &held.manifest, false);
}

static int reach_list(const struct part *part, const struct ollama_manifest *list)
{
	int failed = 0;

	for (size_t i = 0; i < list->child_count; i++) {
		const struct ollama_child *child = &list->children[i];

		if ((child->manifest ? reach_plain(part, child->manifest, false)
				     : reach_blob(part, &child->digest, false)) < 0)
			failed = -1;
	}
	return failed;
}

int ollama_reach(int dirfd, const struct ollama_held *held,
		 void (*found)(void *context, const struct ncm_sha256 *digest, const struct ollama_layer *layer),
		 void *context)
{
	const struct part part = {dirfd, found, context};

	if (held->is_link)
		found(context, &held->link, NULL);
	return held->manifest.is_list ? reach_list(&part, &held->manifest) : reach_plain(&part, &held->manifest, true);
}

/* The manifest of the digest, as far as the store has it itself. */
struct wanted {
	int dirfd;
	const struct ollama_known *known;
	enum ollama_found found;
	struct ollama_held held;
};

/* Whether the configuration and layers are those that were recorded: all of them, and no others. */
static bool has_known_blobs(const struct ollama_known *known, const struct ollama_manifest *manifest)
{
	NCM_AUTO_JSON json_t *left = json_object();
	char hex[NCM_SHA256_HEX + 1];
	size_t found = 0;

	for (size_t i = 0; i < known->blob_count; i++)
		json_object_set_new(left, ncm_sha256_hex(&known->blobs[i], hex), json_true());
	for (size_t i = 0; i < manifest->count; i++) {
		if (ollama_layer_is_manifest(&manifest->layers[i]))
			continue;
		if (!json_object_get(left, ncm_sha256_hex(&manifest->layers[i].digest, hex)))
			return false;
		found += json_is_true(json_object_get(left, hex));
		json_object_set_new(left, hex, json_false());
	}
	if (manifest->has_config) {
		if (!json_object_get(left, ncm_sha256_hex(&manifest->config.digest, hex)))
			return false;
		found += json_is_true(json_object_get(left, hex));
	}
	return found > 0 && found == json_object_size(left);
}

static bool is_form_of(const struct wanted *wanted, const struct ollama_manifest *manifest, uint64_t *size)
{
	struct ncm_sha256 plain;

	ollama_manifest_plain(manifest, &plain, size);
	if (ncm_sha256_equal(&plain, &wanted->known->digest))
		return true;
	*size = wanted->found == OLLAMA_READ ? wanted->held.size : 0;
	if (wanted->found == OLLAMA_READ)
		return ollama_manifest_is_same(manifest, &wanted->held.manifest);
	return has_known_blobs(wanted->known, manifest);
}

/* An anchor of a list names it. */
static bool names_list(const struct ollama_manifest *manifest, const struct ncm_sha256 *digest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		if (strcmp(manifest->layers[i].type, OLLAMA_LIST_TYPE) == 0 &&
		    ncm_sha256_equal(&manifest->layers[i].digest, digest))
			return true;
	}
	return false;
}

static enum ollama_holds compare_child(const struct wanted *wanted, const struct ollama_child *child, uint64_t *size)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};

	if (child->manifest)
		return is_form_of(wanted, child->manifest, size) ? OLLAMA_HOLDS_IT : OLLAMA_HOLDS_ANOTHER;
	if (ncm_sha256_equal(&child->digest, &wanted->known->digest)) {
		*size = wanted->found == OLLAMA_READ ? wanted->held.size : 0;
		return OLLAMA_HOLDS_IT;
	}
	switch (ollama_read_blob(wanted->dirfd, &child->digest, &held)) {
	case OLLAMA_READ:
		return !held.manifest.is_list && is_form_of(wanted, &held.manifest, size) ? OLLAMA_HOLDS_IT
											  : OLLAMA_HOLDS_ANOTHER;
	case OLLAMA_UNREADABLE:
		return OLLAMA_HOLDS_UNKNOWN;
	default:
		return OLLAMA_HOLDS_ANOTHER;
	}
}

static enum ollama_holds compare_list(const struct wanted *wanted, const struct ollama_manifest *list, uint64_t *size)
{
	enum ollama_holds holds = OLLAMA_HOLDS_ANOTHER;

	for (size_t i = 0; i < list->child_count; i++) {
		const enum ollama_holds child = compare_child(wanted, &list->children[i], size);

		if (child == OLLAMA_HOLDS_IT)
			return child;
		if (child == OLLAMA_HOLDS_UNKNOWN)
			holds = child;
	}
	return holds;
}

enum ollama_holds ollama_held_compare(int dirfd, const struct ollama_held *held, const struct ollama_known *known,
				      uint64_t *size)
{
	struct wanted wanted = {.dirfd = dirfd, .known = known};
	enum ollama_holds holds;
	uint64_t unused;

	size = size ? size : &unused;
	*size = held->size;
	if (ncm_sha256_equal(&held->digest, &known->digest))
		return OLLAMA_HOLDS_IT;
	wanted.found = ollama_read_blob(dirfd, &known->digest, &wanted.held);
	if (held->manifest.is_list) {
		holds = compare_list(&wanted, &held->manifest, size);
	} else if (is_form_of(&wanted, &held->manifest, size)) {
		holds = OLLAMA_HOLDS_IT;
	} else {
		*size = wanted.found == OLLAMA_READ ? wanted.held.size : 0;
		holds = names_list(&held->manifest, &known->digest) ? OLLAMA_HOLDS_IT : OLLAMA_HOLDS_ANOTHER;
	}
	ollama_held_clear(&wanted.held);
	return holds;
}

/* The child's manifest if it is there, in the list or as a blob. */
static const struct ollama_manifest *read_child(int dirfd, const struct ollama_child *child, struct ollama_held *held)
{
	if (child->manifest)
		return child->manifest;
	if (ollama_read_blob(dirfd, &child->digest, held) == OLLAMA_READ && !held->manifest.is_list)
		return &held->manifest;
	ollama_held_clear(held);
	return NULL;
}

const struct ollama_manifest *ollama_plain_of(int dirfd, const struct ollama_held *held,
					      const struct ollama_known *known, struct ollama_held *child)
{
	const struct ollama_manifest *list = &held->manifest, *found = NULL;
	const bool any = !known || ncm_sha256_equal(&known->digest, &held->digest);
	struct wanted wanted = {.dirfd = dirfd, .known = known, .found = OLLAMA_ABSENT};
	uint64_t size;

	if (!list->is_list)
		return list;
	if (!any)
		wanted.found = ollama_read_blob(dirfd, &known->digest, &wanted.held);
	for (size_t i = 0; !any && i < list->child_count && !found; i++) {
		if (compare_child(&wanted, &list->children[i], &size) == OLLAMA_HOLDS_IT)
			found = read_child(dirfd, &list->children[i], child);
	}
	ollama_held_clear(&wanted.held);
	for (unsigned rank = 0; any && rank <= ollama_runner_rank(NULL); rank++) {
		for (size_t i = 0; i < list->child_count; i++) {
			if (ollama_runner_rank(list->children[i].runner) != rank)
				continue;
			found = read_child(dirfd, &list->children[i], child);
			if (found)
				return found;
		}
	}
	return found;
}

/* No list names a list. */
static bool anchored_blob(int dirfd, const struct ollama_manifest *anchor, const struct ncm_sha256 *digest,
			  bool may_be_list, struct ncm_sha256 *original, uint64_t *size)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};
	const struct ollama_manifest *list = &held.manifest;
	bool found;

	if (ollama_read_blob(dirfd, digest, &held) != OLLAMA_READ)
		return false;
	found = ollama_manifest_is_same(anchor, &held.manifest);
	if (found) {
		*original = *digest;
		*size = held.size;
	}
	for (size_t i = 0; may_be_list && list->is_list && i < list->child_count && !found; i++) {
		if (!list->children[i].manifest)
			found = anchored_blob(dirfd, anchor, &list->children[i].digest, false, original, size);
	}
	return found;
}

void ollama_anchored(int dirfd, const struct ollama_held *held, struct ncm_sha256 *digest, uint64_t *size)
{
	const struct ollama_manifest *manifest = &held->manifest;
	bool is_anchor = false, found = false;

	*digest = held->digest;
	*size = held->size;
	for (size_t i = 0; i < manifest->count && !found; i++) {
		if (!ollama_layer_is_manifest(&manifest->layers[i]))
			continue;
		is_anchor = true;
		found = anchored_blob(dirfd, manifest, &manifest->layers[i].digest, true, digest, size);
	}
	if (is_anchor && !found)
		ollama_manifest_plain(manifest, digest, size);
}

static enum ollama_holds look_at(int dirfd, const char *path, const struct ollama_known *known, uint64_t *size)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};

	switch (ollama_read_at(dirfd, path, &held)) {
	case OLLAMA_READ:
		return ollama_held_compare(dirfd, &held, known, size);
	case OLLAMA_ABSENT:
		return OLLAMA_HOLDS_NOTHING;
	case OLLAMA_BROKEN:
		return OLLAMA_HOLDS_ANOTHER;
	case OLLAMA_UNREADABLE:
		break;
	}
	return OLLAMA_HOLDS_UNKNOWN;
}

/* The first of the spellings that is there counts. */
static enum ollama_holds look_in(int dirfd, const char *name, bool v2, const struct ollama_known *known, uint64_t *size)
{
	enum ollama_holds holds = OLLAMA_HOLDS_NOTHING;
	char *paths[2];
	const size_t count = ollama_name_paths(name, v2, paths);

	for (size_t i = 0; i < count; i++) {
		uint64_t found = 0;

		if (holds == OLLAMA_HOLDS_NOTHING)
			holds = look_at(dirfd, paths[i], known, &found);
		if (holds == OLLAMA_HOLDS_IT && found > 0)
			*size = found;
		free(paths[i]);
	}
	return holds;
}

void ollama_tag_look(int dirfd, const char *name, const struct ollama_known *known, struct ollama_tag *tag)
{
	*tag = (struct ollama_tag){0};
	tag->v2 = look_in(dirfd, name, true, known, &tag->size);
	tag->legacy = look_in(dirfd, name, false, known, &tag->size);
}
