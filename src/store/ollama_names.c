/* SPDX-License-Identifier: MIT */
#include "store/ollama_names.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/store.h"
#include "store/walk.h"

#include <fcntl.h>

enum { MANIFEST_BYTES = 4 << 20 };

struct naming {
	json_t *named;
	bool complete;
};

static void add_name(json_t *named, const struct ncm_sha256 *blob, const char *manifest)
{
	char hex[NCM_SHA256_HEX + 1];
	json_t *names = json_object_get(named, ncm_sha256_hex(blob, hex));

	if (!names) {
		names = json_array();
		json_object_set_new_nocheck(named, hex, names);
	}
	json_array_append_new(names, json_string_nocheck(manifest));
}

static void read_manifest(void *context, const struct ncm_walk_entry *entry)
{
	struct naming *naming = context;
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(entry->dirfd, entry->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	size_t size = 0, count = 0;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, MANIFEST_BYTES, &size);
	NCM_AUTO_FREE struct ncm_sha256 *blobs = NULL;
	NCM_AUTO_FREE uint64_t *sizes = NULL;
	char **types = NULL;

	if (!text || ncm_ollama_manifest_blobs(text, size, &blobs, &sizes, &types, &count, NULL) < 0) {
		naming->complete = false;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		add_name(naming->named, &blobs[i], entry->path);
		free(types[i]);
	}
	free(types);
}

json_t *ncm_ollama_named(int dirfd, bool *complete)
{
	struct naming naming = {json_object(), true};

	/* A folder that cannot be read may hold a manifest. */
	if (ncm_walk_all(dirfd, "manifests", read_manifest, &naming) < 0)
		naming.complete = false;
	*complete = naming.complete;
	return naming.named;
}
