/* SPDX-License-Identifier: MIT */
#include "ollama/manifest.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

enum { MOST_CHILDREN = 64 };

static int read_manifest(const struct oci_reading *reading, const json_t *root, bool may_be_list,
			 struct ollama_manifest *manifest);

static int read_layer(const struct oci_reading *reading, const json_t *object, struct ollama_layer *layer)
{
	struct oci_descriptor descriptor = {0};
	const int failed = oci_read_descriptor(reading, object, &descriptor);

	*layer = (struct ollama_layer){.type = descriptor.type, .digest = descriptor.digest, .size = descriptor.size};
	if (failed)
		return -1;
	layer->from = ncm_strdup_null(ncm_json_string(object, "from"));
	layer->name = ncm_strdup_null(ncm_json_string(object, "name"));
	return 0;
}

/* Ollama writes a model without a configuration with an empty digest in its place. */
static bool has_config(const json_t *config)
{
	const char *digest = ncm_json_string(config, "digest");

	return config && !json_is_null(config) && !(digest && !*digest);
}

static int read_plain(const struct oci_reading *reading, const json_t *root, struct ollama_manifest *manifest)
{
	const json_t *layers = oci_read_layers(reading, root);
	const json_t *config = json_object_get(root, "config");
	const json_t *layer;
	size_t i;

	if (!layers)
		return -1;
	json_array_foreach(layers, i, layer)
	{
		if (read_layer(reading, layer, NCM_PUSH(manifest->layers, manifest->count)) < 0)
			return -1;
	}
	manifest->has_config = has_config(config);
	return manifest->has_config ? read_layer(reading, config, &manifest->config) : 0;
}

static int read_child(const struct oci_reading *reading, const json_t *object, struct ollama_child *child)
{
	child->runner = ncm_strdup_null(ncm_json_string(object, "runner"));
	child->format = ncm_strdup_null(ncm_json_string(object, "format"));
	if (!json_object_get(object, "layers"))
		return oci_read_digest(reading, object, &child->digest);
	child->manifest = ncm_calloc(1, sizeof *child->manifest);
	return read_manifest(reading, object, false, child->manifest);
}

static int read_list(const struct oci_reading *reading, const json_t *root, struct ollama_manifest *manifest)
{
	const json_t *children = oci_read_children(reading, root, MOST_CHILDREN);
	const json_t *child;
	size_t i;

	manifest->is_list = true;
	if (!children)
		return -1;
	json_array_foreach(children, i, child)
	{
		if (read_child(reading, child, NCM_PUSH(manifest->children, manifest->child_count)) < 0)
			return -1;
	}
	return 0;
}

static int read_manifest(const struct oci_reading *reading, const json_t *root, bool may_be_list,
			 struct ollama_manifest *manifest)
{
	const char *type = ncm_json_string(root, "mediaType");
	const bool is_list = (type && strcmp(type, OLLAMA_LIST_TYPE) == 0) || json_object_get(root, "manifests");

	manifest->media_type = ncm_strdup_null(type);
	manifest->runner = ncm_strdup_null(ncm_json_string(root, "runner"));
	manifest->format = ncm_strdup_null(ncm_json_string(root, "format"));
	/* What stands in a list has the list's version. */
	if (may_be_list && oci_read_version(reading, root) < 0)
		return -1;
	if (is_list && !may_be_list)
		return oci_fault(reading, "holds a list in a list", "");
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
	if (read_manifest(&(const struct oci_reading){what, sizes, err}, root, true, manifest) == 0)
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
