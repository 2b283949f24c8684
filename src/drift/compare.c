/* SPDX-License-Identifier: MIT */
/* Two sides of one source: what was pinned or installed, and what is served or wanted now. */
#include "drift/drift.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

/* More layers than any model has: those of a hostile manifest are not compared each with each. */
enum { MOST_LAYERS_PAIRED = 64 };

/* What is left out of many is no change. */
static bool is_no_matter(const char *name, size_t count)
{
	return name && count > 1 && name_is_botched(name);
}

struct side side_of_lock(const struct ncm_lock_entry *entry)
{
	struct side side = {.files = ncm_calloc(entry->file_count + 1, sizeof *side.files)};

	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_lock_file *file = &entry->files[i];

		if (is_no_matter(file->path, entry->file_count))
			continue;
		side.files[side.count++] = (struct side_file){.name = file->path,
							      .kind = entry->ollama_name ? file->role : NULL,
							      .size = file->size,
							      .has_sha256 = file->has_sha256,
							      .sha256 = file->sha256};
	}
	return side;
}

struct side side_of_resolution(const struct ncm_resolution *resolution)
{
	struct side side = {.files = ncm_calloc(resolution->count + 1, sizeof *side.files)};

	for (size_t i = 0; i < resolution->count; i++) {
		const struct ncm_artifact *artifact = &resolution->artifacts[i];

		if (is_no_matter(artifact->name, resolution->count))
			continue;
		side.files[side.count++] =
		    (struct side_file){.name = artifact->name ? artifact->name : resolution->uri,
				       .kind = resolution->ollama_name ? artifact->role : NULL,
				       .size = artifact->has_size ? artifact->size : 0,
				       /* A plain URL's length is rough for a later fetch, not for now. */
				       .size_is_rough = artifact->size_is_rough && resolution->revision,
				       .has_sha256 = artifact->has_sha256,
				       .sha256 = artifact->sha256,
				       .has_git_sha1 = artifact->has_git_sha1,
				       .git_sha1 = artifact->git_sha1};
	}
	return side;
}

void side_clear(struct side *side)
{
	free(side->files);
	*side = (struct side){0};
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct side_file *)a)->name, ((const struct side_file *)b)->name);
}

static void sort(struct side *side)
{
	if (side->count > 1)
		qsort(side->files, side->count, sizeof *side->files, compare_names);
}

/* The names of layers hold digests: what took a layer's place is told by its kind. */
static struct side_file *by_kind(struct side *side, const struct side_file *file)
{
	if (!file->kind || side->count > MOST_LAYERS_PAIRED)
		return NULL;
	for (size_t i = 0; i < side->count; i++) {
		if (!side->files[i].paired && ncm_same_text(side->files[i].kind, file->kind))
			return &side->files[i];
	}
	return NULL;
}

static bool are_same(const struct side_file *before, const struct side_file *after, bool one_revision)
{
	if (before->has_sha256 && after->has_sha256)
		return ncm_sha256_equal(&before->sha256, &after->sha256);
	if (before->has_git_sha1 && after->has_git_sha1)
		return memcmp(&before->git_sha1, &after->git_sha1, sizeof before->git_sha1) == 0;
	if (before->size > 0 && after->size > 0 && !before->size_is_rough && !after->size_is_rough &&
	    before->size != after->size)
		return false;
	return one_revision || !(after->has_sha256 || after->has_git_sha1);
}

static void add_difference(struct ncm_drift_entry *entry, const struct side_file *before, const struct side_file *after)
{
	struct ncm_drift_file *file = NCM_PUSH(entry->files, entry->file_count);
	const struct side_file *named = after ? after : before;

	file->name = ncm_strdup(named->kind ? named->kind : named->name);
	if (before) {
		file->size_before = before->size;
		file->before = before->sha256;
	}
	if (after) {
		file->size_after = after->size;
		file->after = after->sha256;
	}
}

static uint64_t sum(const struct side *side)
{
	uint64_t size = 0;

	for (size_t i = 0; i < side->count; i++) {
		if (__builtin_add_overflow(size, side->files[i].size, &size))
			return UINT64_MAX;
	}
	return size;
}

/* Pairs the files of the same name, and one file with one file: its server may have given it another name. */
static void pair_by_name(struct side *before, struct side *after, bool one_revision, struct ncm_drift_entry *entry)
{
	const bool one = before->count == 1 && after->count == 1;

	for (size_t i = 0; before->count > 0 && i < after->count; i++) {
		struct side_file *file = &after->files[i];
		struct side_file *old =
		    one ? before->files
			: bsearch(file, before->files, before->count, sizeof *before->files, compare_names);

		if (!old || old->paired)
			continue;
		old->paired = file->paired = true;
		if (!are_same(old, file, one_revision))
			add_difference(entry, old, file);
	}
}

void sides_compare(struct side *before, struct side *after, bool one_revision, struct ncm_drift_entry *entry)
{
	sort(before);
	sort(after);
	entry->size_before = sum(before);
	entry->size_after = sum(after);
	pair_by_name(before, after, one_revision, entry);
	for (size_t i = 0; i < after->count; i++) {
		struct side_file *file = &after->files[i];
		struct side_file *old = file->paired ? NULL : by_kind(before, file);

		if (file->paired)
			continue;
		if (old)
			old->paired = true;
		if (!old || !are_same(old, file, one_revision))
			add_difference(entry, old, file);
	}
	for (size_t i = 0; i < before->count; i++) {
		if (!before->files[i].paired)
			add_difference(entry, &before->files[i], NULL);
	}
}

static bool is_registered(const struct run *run, const struct ncm_sha256 *sha256)
{
	size_t count;

	(void)registry_having(run->lookup, sha256, &count);
	return count > 0;
}

uint64_t sides_to_get(const struct run *run, const struct ncm_drift_entry *entry)
{
	uint64_t size = 0;

	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_drift_file *file = &entry->files[i];

		if (!ncm_sha256_is_zero(&file->after) && is_registered(run, &file->after))
			continue;
		if (__builtin_add_overflow(size, file->size_after, &size))
			return UINT64_MAX;
	}
	return size;
}

struct ncm_resolution *side_ask_before(struct run *run, const struct wanted *wanted, const char *uri,
				       const char *revision, const struct ncm_resolution *found)
{
	const struct ncm_pin pin = {.revision = revision};
	bool needed = false;

	if (!revision || ncm_same_text(revision, found->revision))
		return NULL;
	for (size_t i = 0; i < found->count; i++)
		needed = needed || (found->artifacts[i].has_git_sha1 && !found->artifacts[i].has_sha256);
	return needed ? ncm_source_resolve(run->sources, uri, wanted->spec, &pin, NULL) : NULL;
}

static void add_fact(struct ncm_buffer *text, const char *before, const char *after)
{
	if (before && after && strcmp(before, after) != 0)
		ncm_buffer_printf(text, ", %s → %s", before, after);
}

/* What is registered under that revision, so that its facts can be set beside the new ones. */
static const struct ncm_reg_model *installed_at(const struct run *run, const struct ncm_drift_entry *entry)
{
	const struct ncm_reg_model *model = registry_by_id(run->lookup, entry->model);

	return model && entry->revision_before && ncm_same_text(model->revision, entry->revision_before) ? model : NULL;
}

void drift_explain(const struct run *run, const struct ncm_resolution *found, struct ncm_drift_entry *entry)
{
	const struct ncm_reg_model *old = installed_at(run, entry);
	struct ncm_buffer text = {0};
	NCM_AUTO_FREE char *said = NULL;

	if (entry->file_count == 0)
		ncm_buffer_puts(&text, found->ollama_name ? "the same layers under another manifest" : "same bytes");
	else if (found->ollama_name)
		ncm_buffer_printf(&text, "the tag names another model: %zu of %zu layers differ", entry->file_count,
				  found->count);
	else if (found->count == 1)
		ncm_buffer_puts(&text, "other bytes");
	else
		ncm_buffer_printf(&text, "%zu of %zu files differ", entry->file_count, found->count);
	if (old) {
		add_fact(&text, old->architecture, found->architecture);
		add_fact(&text, old->parameters, found->parameters);
		add_fact(&text, old->quantization, found->quantization);
	}
	said = ncm_buffer_take(&text);
	drift_say(entry, "%s", said);
}
