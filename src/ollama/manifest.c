/* SPDX-License-Identifier: MIT */
#include "ollama/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "digest/hash.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { MOST_CHILDREN = 64 };

/* One manifest that is read. */
struct reading {
	const char *what;
	json_t *sizes; /* digest → size: one blob has one */
	struct ncm_error *err;
};

static int read_manifest(const struct reading *reading, const json_t *root, bool may_be_list,
			 struct ollama_manifest *manifest);

static int fault(const struct reading *reading, const char *words, const char *detail)
{
	return ncm_error_set(reading->err, NCM_E_PROTOCOL, "%s: the manifest %s%.256s", reading->what, words, detail);
}

static int read_digest(const struct reading *reading, const json_t *object, struct ncm_sha256 *digest)
{
	const char *spelled = ncm_json_string(object, "digest");

	if (spelled && strncmp(spelled, "sha256:", 7) == 0 && ncm_sha256_parse(spelled, digest) == 0)
		return 0;
	return fault(reading, "holds a digest that is none: ", spelled ? spelled : "(none)");
}

static bool is_empty_digest(const struct ncm_sha256 *digest)
{
	struct ncm_sha256 empty;

	ncm_sha256_of("", 0, &empty);
	return ncm_sha256_equal(digest, &empty);
}

static int check_size(const struct reading *reading, const struct ollama_layer *layer)
{
	char hex[NCM_SHA256_HEX + 1];
	const json_t *before = json_object_get(reading->sizes, ncm_sha256_hex(&layer->digest, hex));

	if (before && (uint64_t)json_integer_value(before) != layer->size)
		return fault(reading, "gives two sizes for sha256:", hex);
	json_object_set_new(reading->sizes, hex, json_integer((json_int_t)layer->size));
	return 0;
}

static int read_layer(const struct reading *reading, const json_t *object, struct ollama_layer *layer)
{
	const char *type = ncm_json_string(object, "mediaType");
	char hex[NCM_SHA256_HEX + 1];

	if (read_digest(reading, object, &layer->digest) < 0)
		return -1;
	if (!ncm_json_u64(object, "size", &layer->size) || layer->size > NCM_LIMIT_FILE_BYTES ||
	    (layer->size == 0) != is_empty_digest(&layer->digest))
		return fault(reading, "gives no valid size for sha256:", ncm_sha256_hex(&layer->digest, hex));
	layer->type = ncm_strndup(type ? type : "", NCM_LIMIT_NAME_BYTES);
	layer->from = ncm_strdup_null(ncm_json_string(object, "from"));
	layer->name = ncm_strdup_null(ncm_json_string(object, "name"));
	return check_size(reading, layer);
}

/* Ollama writes a model without a configuration with an empty digest in its place. */
static bool has_config(const json_t *config)
{
	const char *digest = ncm_json_string(config, "digest");

	return config && !json_is_null(config) && !(digest && !*digest);
}

static int read_plain(const struct reading *reading, const json_t *root, struct ollama_manifest *manifest)
{
	const json_t *layers = json_object_get(root, "layers");
	const json_t *config = json_object_get(root, "config");
	const json_t *layer;
	size_t i;

	if (!json_is_array(layers) || json_array_size(layers) == 0)
		return fault(reading, "has no layers", "");
	if (json_array_size(layers) > NCM_LIMIT_FILES)
		return fault(reading, "has far too many layers", "");
	json_array_foreach(layers, i, layer)
	{
		if (read_layer(reading, layer, NCM_PUSH(manifest->layers, manifest->count)) < 0)
			return -1;
	}
	manifest->has_config = has_config(config);
	return manifest->has_config ? read_layer(reading, config, &manifest->config) : 0;
}

static int read_child(const struct reading *reading, const json_t *object, struct ollama_child *child)
{
	child->runner = ncm_strdup_null(ncm_json_string(object, "runner"));
	child->format = ncm_strdup_null(ncm_json_string(object, "format"));
	if (!json_object_get(object, "layers"))
		return read_digest(reading, object, &child->digest);
	child->manifest = ncm_calloc(1, sizeof *child->manifest);
	return read_manifest(reading, object, false, child->manifest);
}

static int read_list(const struct reading *reading, const json_t *root, struct ollama_manifest *manifest)
{
	const json_t *children = json_object_get(root, "manifests");
	const json_t *child;
	size_t i;

	manifest->is_list = true;
	if (!json_is_array(children) || json_array_size(children) == 0 || json_array_size(children) > MOST_CHILDREN)
		return fault(reading, "is a list without manifests, or of far too many", "");
	json_array_foreach(children, i, child)
	{
		if (read_child(reading, child, NCM_PUSH(manifest->children, manifest->child_count)) < 0)
			return -1;
	}
	return 0;
}

static int read_manifest(const struct reading *reading, const json_t *root, bool may_be_list,
			 struct ollama_manifest *manifest)
{
	const char *type = ncm_json_string(root, "mediaType");
	const bool is_list = (type && strcmp(type, OLLAMA_LIST_TYPE) == 0) || json_object_get(root, "manifests");
	uint64_t version = 0;

	manifest->media_type = ncm_strdup_null(type);
	manifest->runner = ncm_strdup_null(ncm_json_string(root, "runner"));
	manifest->format = ncm_strdup_null(ncm_json_string(root, "format"));
	/* What stands in a list has the list's version. */
	if (may_be_list && (!ncm_json_u64(root, "schemaVersion", &version) || version != 2))
		return fault(reading, "is not of schema version 2: its schemaVersion says so", "");
	if (is_list && !may_be_list)
		return fault(reading, "holds a list in a list", "");
	return is_list ? read_list(reading, root, manifest) : read_plain(reading, root, manifest);
}

int ollama_manifest_parse(const char *text, size_t size, const char *what, struct ollama_manifest *manifest,
			  struct ncm_error *err)
{
	NCM_AUTO_FREE char *label = ncm_asprintf("the manifest of %s", what);
	NCM_AUTO_JSON json_t *root = ncm_json_parse(text, size, label, NCM_E_PROTOCOL, err);
	NCM_AUTO_JSON json_t *sizes = json_object();

	*manifest = (struct ollama_manifest){0};
	if (!root)
		return -1;
	if (read_manifest(&(const struct reading){what, sizes, err}, root, true, manifest) == 0)
		return 0;
	ollama_manifest_clear(manifest);
	return -1;
}

static void clear_layer(struct ollama_layer *layer)
{
	free(layer->type);
	free(layer->from);
	free(layer->name);
}

void ollama_manifest_clear(struct ollama_manifest *manifest)
{
	clear_layer(&manifest->config);
	for (size_t i = 0; i < manifest->count; i++)
		clear_layer(&manifest->layers[i]);
	for (size_t i = 0; i < manifest->child_count; i++) {
		struct ollama_child *child = &manifest->children[i];

		if (child->manifest)
			ollama_manifest_clear(child->manifest);
		free(child->manifest);
		free(child->runner);
		free(child->format);
	}
	free(manifest->layers);
	free(manifest->children);
	free(manifest->media_type);
	free(manifest->runner);
	free(manifest->format);
	*manifest = (struct ollama_manifest){0};
}
