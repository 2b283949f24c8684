/* SPDX-License-Identifier: MIT */
/*
 * The Ollama store. Sources: ollama/ollama types/model/name.go (isValidPart, Filepath), manifest/paths.go (BlobsPath),
 * manifest/manifest.go, server/images.go (PruneLayers: when the server starts, it removes blobs that no manifest names
 * and that are older than an hour, and every other file in blobs/; one unreadable manifest stops that).
 */
#include "store/commit.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <ncmodel/limits.h>
#include <string.h>
#include <sys/stat.h>

enum { PART_HOST, PART_NAMESPACE, PART_MODEL, PART_TAG, PARTS };

void ncm_ollama_blob_path(const struct ncm_sha256 *digest, char path[80])
{
	char hex[NCM_SHA256_HEX + 1];

	snprintf(path, 80, "blobs/sha256-%s", ncm_sha256_hex(digest, hex));
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Ollama takes hosts of up to 350 bytes; no file system takes them as a folder's name. */
static bool is_part(int part, const char *text, size_t size)
{
	if (size < 1 || size > (part == PART_HOST ? NCM_LIMIT_NAME_BYTES : 80) || !is_word_byte(text[0]))
		return false;
	for (size_t i = 1; i < size; i++) {
		const char c = text[i];

		if (!is_word_byte(c) && c != '-' && !(c == '.' && part != PART_NAMESPACE) &&
		    !(c == ':' && part == PART_HOST))
			return false;
	}
	return true;
}

char *ncm_ollama_manifest_path(const char *name, struct ncm_error *err)
{
	static const char *const names[PARTS] = {"host", "namespace", "model", "tag"};
	const char *at = name;

	for (int part = 0; part < PARTS; part++) {
		size_t size = strcspn(at, "/");
		const bool last = part == PART_TAG;

		if (!is_part(part, at, size) || (at[size] == '\0') != last) {
			ncm_error_set(err, NCM_E_POLICY,
				      "refused the Ollama name \"%s\": its %s is not one that Ollama takes", name,
				      names[part]);
			return NULL;
		}
		at += size + !last;
	}
	return ncm_asprintf("manifests/%s", name);
}

static int check_blobs(const struct ncm_store *store, const struct ncm_sha256 *blobs, const uint64_t *sizes,
		       size_t count, struct ncm_error *err)
{
	for (size_t i = 0; i < count; i++) {
		NCM_AUTO_CLOSE int fd = -1;
		struct stat status;
		char path[80];

		ncm_ollama_blob_path(&blobs[i], path);
		fd = ncm_open_beneath(store->dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
		    (uint64_t)status.st_size == sizes[i])
			continue;
		if (fd < 0 && errno != ENOENT)
			return ncm_error_errno(err, errno, "cannot open %s/%s", store->path, path);
		ncm_error_set(err, NCM_E_IO, "the blob %s/%s %s", store->path, path,
			      fd < 0 ? "is gone" : "has another size than its manifest says");
		return ncm_error_hint(err, "an Ollama server that starts removes blobs that no manifest names yet; "
					   "pull again");
	}
	return 0;
}

static int stage_manifest(struct ncm_store *store, const void *manifest, size_t size, char **staged)
{
	int fd = store_stage(store, staged);
	int saved;

	if (fd < 0)
		return -1;
	if (ncm_pwrite_all(fd, manifest, size, 0) == 0 && store_seal(fd) == 0)
		return fd;
	saved = errno;
	unlinkat(store->staging, *staged, 0);
	close(fd);
	errno = saved;
	return -1;
}

int ncm_ollama_commit(struct ncm_store *store, const char *name, const void *manifest, size_t size,
		      const struct ncm_sha256 *blobs, const uint64_t *sizes, size_t count, struct ncm_error *err)
{
	/* Never through a temporary among the manifests: Ollama would take it for a broken one. */
	struct publish how = {.replace = true, .may_copy = false};
	NCM_AUTO_FREE char *path = ncm_ollama_manifest_path(name, err);
	NCM_AUTO_FREE char *staged = NULL;
	NCM_AUTO_CLOSE int fd = -1;

	if (!path || check_blobs(store, blobs, sizes, count, err) < 0)
		return -1;
	fd = stage_manifest(store, manifest, size, &staged);
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot write %s/%s", store->path, path);
	if (store_publish(store, fd, staged, path, &how, NULL, err) < 0) {
		unlinkat(store->staging, staged, 0);
		return -1;
	}
	/* If one went meanwhile, the manifest stays all the same: it keeps the others from being removed too. */
	return check_blobs(store, blobs, sizes, count, err);
}

/* What the lists of one manifest grow into. */
struct blob_list {
	struct ncm_sha256 *digests;
	uint64_t *sizes;
	char **types;
	size_t count;
};

/* "application/vnd.ollama.image.model" is "model". */
static char *layer_type(const char *media_type, bool config)
{
	static const char prefix[] = "application/vnd.ollama.image.";

	if (config)
		return ncm_strdup("config");
	if (media_type && strncmp(media_type, prefix, sizeof prefix - 1) == 0)
		media_type += sizeof prefix - 1;
	return ncm_strndup(media_type ? media_type : "", NCM_LIMIT_NAME_BYTES);
}

static int add_blob(struct blob_list *list, const json_t *layer, bool config, struct ncm_error *err)
{
	const char *digest = ncm_json_string(layer, "digest");
	struct ncm_sha256 parsed;
	uint64_t size = 0;

	if (!digest || strncmp(digest, "sha256:", 7) != 0 || ncm_sha256_parse(digest, &parsed) < 0)
		return ncm_error_set(err, NCM_E_PROTOCOL, "bad Ollama manifest: a layer has no sha256 digest");
	if (!ncm_json_u64(layer, "size", &size) || size > NCM_LIMIT_FILE_BYTES)
		return ncm_error_set(err, NCM_E_PROTOCOL, "bad Ollama manifest: %s has no size that can be", digest);
	/* Three arrays of one length: each grows by the count before it counts. */
	ncm_grow((void **)&list->digests, list->count, sizeof *list->digests);
	ncm_grow((void **)&list->sizes, list->count, sizeof *list->sizes);
	ncm_grow((void **)&list->types, list->count, sizeof *list->types);
	list->digests[list->count] = parsed;
	list->sizes[list->count] = size;
	list->types[list->count++] = layer_type(ncm_json_string(layer, "mediaType"), config);
	return 0;
}

static int read_manifest(struct blob_list *list, const json_t *manifest, struct ncm_error *err)
{
	const json_t *layers = json_object_get(manifest, "layers");
	const json_t *config = json_object_get(manifest, "config");
	const json_t *layer;
	uint64_t version = 0;
	size_t i;

	if (!ncm_json_u64(manifest, "schemaVersion", &version) || version != 2)
		return ncm_error_set(err, NCM_E_PROTOCOL, "bad Ollama manifest: its schemaVersion is not 2");
	if (!json_is_array(layers) || json_array_size(layers) == 0 || json_array_size(layers) > NCM_LIMIT_FILES)
		return ncm_error_set(err, NCM_E_PROTOCOL, "bad Ollama manifest: it has no layers, or far too many");
	json_array_foreach(layers, i, layer)
	{
		if (add_blob(list, layer, false, err) < 0)
			return -1;
	}
	/* Ollama pulls models without a configuration too (its digest is then empty). */
	if (!config || json_is_null(config) ||
	    (ncm_json_string(config, "digest") && !*ncm_json_string(config, "digest")))
		return 0;
	return add_blob(list, config, true, err);
}

int ncm_ollama_manifest_blobs(const char *text, size_t size, struct ncm_sha256 **blobs, uint64_t **sizes, char ***types,
			      size_t *count, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *manifest = ncm_json_parse(text, size, "Ollama manifest", NCM_E_PROTOCOL, err);
	struct blob_list list = {0};

	if (!manifest)
		return -1;
	if (read_manifest(&list, manifest, err) < 0) {
		for (size_t i = 0; i < list.count; i++)
			free(list.types[i]);
		free(list.digests);
		free(list.sizes);
		free(list.types);
		return -1;
	}
	*blobs = list.digests;
	*sizes = list.sizes;
	*types = list.types;
	*count = list.count;
	return 0;
}
