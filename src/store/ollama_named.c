/* SPDX-License-Identifier: MIT */
/* Which blobs something names. */
#include "store/ollama.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/staging.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>

/* What a replaced manifest names stays until that manifest goes. */
static const char replaced[] = ".ncmodel/" OWN_REPLACED;

struct naming {
	int dirfd;
	json_t *named;
	bool complete;
	json_t *names;    /* canonical names that a manifest was read of */
	json_t *dangling; /* those of links to blobs that are not there */
	const char *by;   /* what is read now, as the map tells it */
};

static void add_name(void *context, const struct ncm_sha256 *blob, const struct ollama_layer *layer)
{
	const struct naming *naming = context;
	char hex[NCM_SHA256_HEX + 1];
	json_t *by = json_object_get(naming->named, ncm_sha256_hex(blob, hex));

	(void)layer;
	if (!by) {
		by = json_array();
		json_object_set_new_nocheck(naming->named, hex, by);
	}
	json_array_append_new(by, json_string_nocheck(naming->by));
}

/* As a path below `manifests/`, or as it is. */
static const char *told_as(const char *path)
{
	return strncmp(path, "manifests/", strlen("manifests/")) == 0 ? path + strlen("manifests/") : path;
}

static void read_manifest(struct naming *naming, const char *path, const char *name, bool is_v2)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0};
	const enum ollama_found found = ollama_read_at(naming->dirfd, path, &held);

	naming->by = told_as(path);
	if (found == OLLAMA_READ) {
		if (ollama_reach(naming->dirfd, &held, add_name, naming) < 0)
			naming->complete = false;
		/* A hard link or a copy of its blob. */
		if (is_v2)
			add_name(naming, &held.digest, NULL);
		json_object_set_new_nocheck(naming->names, name ? name : path, json_true());
	} else if (found == OLLAMA_ABSENT && held.is_link) {
		add_name(naming, &held.link, NULL);
		json_object_set_new_nocheck(naming->dangling, name ? name : path, json_true());
	} else {
		naming->complete = false;
	}
}

static void read_replaced(void *context, const struct ncm_walk_entry *entry)
{
	struct naming *naming = context;
	/* "<time>/<path below the store>" */
	const char *path = strchr(entry->path, '/');
	NCM_AUTO_FREE char *relative = ncm_path_join(replaced, entry->path);

	if (path && ollama_is_manifest_path(path + 1))
		read_manifest(naming, relative, NULL, strncmp(path + 1, "manifests-v2/", 13) == 0);
}

static void read_all_replaced(struct naming *naming)
{
	struct os_stat status;

	if (os_lstat(naming->dirfd, replaced, &status) < 0 && errno == ENOENT)
		return;
	if (ncm_walk_all(naming->dirfd, replaced, read_replaced, naming) < 0)
		naming->complete = false;
}

json_t *ncm_ollama_named(int dirfd, bool *complete)
{
	struct naming naming = {.dirfd = dirfd, .named = json_object()};
	struct ollama_entries entries;
	const char *name;
	json_t *value;

	naming.names = json_object();
	naming.dangling = json_object();
	ollama_entries_read(dirfd, &entries);
	naming.complete = entries.complete;
	for (size_t i = 0; i < entries.count; i++)
		read_manifest(&naming, entries.items[i].path, entries.items[i].name, entries.items[i].is_v2);
	read_all_replaced(&naming);
	/* Ollama looks further when a link leads to nothing; where there is nothing further, nobody knows what it
	 * named. */
	json_object_foreach(naming.dangling, name, value)
	{
		naming.complete = naming.complete && json_object_get(naming.names, name);
	}
	*complete = naming.complete;
	ollama_entries_clear(&entries);
	json_decref(naming.names);
	json_decref(naming.dangling);
	return naming.named;
}
