/* SPDX-License-Identifier: MIT */
/* An Ollama model that a local store has: its manifest names the blobs. */
#include "inspect/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "source/ollama.h"
#include "store/inside.h"
#include "store/ollama.h"
#include "store/store.h"

#include <string.h>

static bool is_wanted(const char *role)
{
	return strcmp(role, "model") == 0 || strcmp(role, "projector") == 0;
}

static int read_weights(struct ncm_inspection *inspection, const char *store, const struct ollama_manifest *manifest,
			struct ncm_error *err)
{
	char relative[80];

	for (size_t i = 0; i < manifest->count; i++) {
		NCM_AUTO_FREE char *role = ollama_layer_role(&manifest->layers[i]), *path = NULL;

		if (!is_wanted(role))
			continue;
		ncm_ollama_blob_path(&manifest->layers[i].digest, relative);
		path = ncm_path_join(store, relative);
		if (inspect_local(inspection, path, role, err) < 0)
			return -1;
	}
	return 0;
}

static char *read_blob(const char *store, const struct ncm_sha256 *digest, size_t *size)
{
	NCM_AUTO_FREE char *path = NULL;
	char relative[80];

	ncm_ollama_blob_path(digest, relative);
	path = ncm_path_join(store, relative);
	return ncm_read_file(path, NCM_METADATA_TEXT_BYTES, size);
}

/* What the headers do not tell, the configuration may, and the layer of a template. */
static void read_texts(struct ncm_inspection *inspection, const char *store, const struct ollama_manifest *manifest)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = manifest->has_config ? read_blob(store, &manifest->config.digest, &size) : NULL;
	NCM_AUTO_JSON json_t *config = text ? ncm_json_parse(text, size, "config", NCM_E_PROTOCOL, NULL) : NULL;

	inspection_set(&inspection->architecture, ncm_json_string(config, "model_family"));
	inspection_set(&inspection->parameters, ncm_json_string(config, "model_type"));
	inspection_set(&inspection->quantization, ncm_json_string(config, "file_type"));
	for (size_t i = 0; i < manifest->count && !inspection->chat_template; i++) {
		NCM_AUTO_FREE char *role = ollama_layer_role(&manifest->layers[i]);

		if (strcmp(role, "template") == 0)
			inspection->chat_template = read_blob(store, &manifest->layers[i].digest, &size);
	}
}

/* 1: it is there and *inspection has it; 0: it is not; -1. */
static int read_path(struct ncm_inspection **inspection, const struct ncm_store *store, int dirfd, const char *path,
		     const struct ollama_name *name, struct ncm_error *err)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0}, child = {0};
	const struct ollama_manifest *plain;

	if (ollama_read_at(dirfd, path, &held) != OLLAMA_READ ||
	    (name->has_digest && !ncm_sha256_equal(&name->digest, &held.digest)))
		return 0;
	plain = ollama_plain_of(dirfd, &held, NULL, &child);
	if (!plain)
		return 0;
	*inspection = inspection_new(ncm_path_join(store->path, path));
	if (read_weights(*inspection, store->path, plain, err) < 0)
		return -1;
	if ((*inspection)->file_count == 0)
		return ncm_error_set(err, NCM_E_POLICY, "%s names no weights", (*inspection)->location);
	inspect_finish(*inspection);
	read_texts(*inspection, store->path, plain);
	return 1;
}

/* In one of the two folders of manifests. */
static int read_folder(struct ncm_inspection **inspection, const struct ncm_store *store, int dirfd, bool v2,
		       const struct ollama_name *name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *whole = ncm_asprintf("%s/%s/%s/%s", name->host, name->namespace, name->model, name->tag);
	char *paths[2] = {NULL, NULL};
	const size_t count = ollama_name_paths(whole, v2, paths);
	int found = 0;

	for (size_t i = 0; i < count && found == 0; i++)
		found = read_path(inspection, store, dirfd, paths[i], name, err);
	free(paths[0]);
	free(paths[1]);
	return found;
}

/* As Ollama looks: in the newer folder first. */
static int read_store(struct ncm_inspection **inspection, const struct ncm_store *store, const struct ollama_name *name,
		      struct ncm_error *err)
{
	NCM_AUTO_CLOSE int dirfd = os_open(OS_HERE, store->path, OS_READ | OS_FOLDER);
	int found = 0;

	if (dirfd < 0)
		return 0;
	found = read_folder(inspection, store, dirfd, true, name, err);
	return found ? found : read_folder(inspection, store, dirfd, false, name, err);
}

int inspect_ollama_store(struct ncm_inspection **inspection, const struct ncm_config *config, const char *uri,
			 struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, NULL);
	struct ollama_name name = {0};
	int found = 0;

	if (layout && ollama_name_parse(uri, &name, NULL) == 0) {
		for (size_t i = 0; i < layout->count && found == 0; i++) {
			if (layout->stores[i].kind->takes_tags)
				found = read_store(inspection, &layout->stores[i], &name, err);
		}
	}
	ollama_name_clear(&name);
	ncm_layout_free(layout);
	return found;
}
