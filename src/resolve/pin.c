/* SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "base/mem.h"
#include "resolve/content.h"

#include <string.h>

static struct ncm_lock_file pinned_file(const struct wanted *wanted, size_t which, const struct contents *contents)
{
	const struct ncm_artifact *artifact = &wanted->resolution->artifacts[which];
	const struct content *content = wanted->contents ? &contents->items[wanted->contents[which]] : NULL;
	struct ncm_lock_file file = {
	    .path = artifact->name ? artifact->name : wanted->spec->from.items[0],
	    .role = artifact->role,
	    .has_size = (content && content->has_size) || artifact->has_size,
	    .size = content && content->size ? content->size : artifact->size,
	    .has_git_sha1 = artifact->has_git_sha1,
	    .git_sha1 = artifact->git_sha1,
	    .has_sha256 = content && content->has_sha256,
	};

	if (file.has_sha256)
		file.sha256 = content->sha256;
	return file;
}

bool wanted_is_pinned(const struct run *run, const struct wanted *wanted, const struct contents *contents)
{
	const struct ncm_lock_entry *entry = wanted->from_lock ? wanted_lock_entry(run, wanted) : NULL;

	for (size_t i = 0; entry && i < entry->file_count && wanted->contents; i++) {
		if (!entry->files[i].has_sha256 && contents->items[wanted->contents[i]].has_sha256)
			return false;
	}
	return entry;
}

void wanted_pin(struct run *run, const struct wanted *wanted, const struct contents *contents)
{
	const struct ncm_resolution *resolution = wanted->resolution;
	const char *uri = wanted->spec->from.items[0];
	NCM_AUTO_FREE struct ncm_lock_file *files = ncm_calloc(resolution->count + 1, sizeof *files);
	char now[32];
	struct ncm_lock_entry entry = {
	    .uri = (char *)uri,
	    .pinned = resolution->uri,
	    /* A revision of another place means nothing at the first. */
	    .revision = strcmp(wanted->uri, uri) == 0 ? resolution->revision : NULL,
	    .trust = (char *)wanted->trust,
	    .resolved_at = ncm_time_utc(now),
	    .ollama_name = resolution->ollama_name,
	    .kind = resolution->kind,
	    .files = files,
	};

	for (size_t i = 0; i < resolution->count; i++) {
		if (!wanted_leaves_out(wanted, resolution->artifacts[i].name))
			files[entry.file_count++] = pinned_file(wanted, i, contents);
	}
	ncm_lock_put(run->lock, &entry);
}
