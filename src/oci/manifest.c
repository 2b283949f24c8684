/* SPDX-License-Identifier: MIT */
#include "oci/manifest.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <string.h>

enum { MOST_CHILDREN = 256 };

static void read_annotations(const json_t *object, struct oci_descriptor *descriptor)
{
	const json_t *annotations = json_object_get(object, "annotations");
	const char *path = ncm_json_string(annotations, "org.cncf.model.filepath");
	const char *unpack = ncm_json_string(annotations, "io.deis.oras.content.unpack");
	const char *about = ncm_json_string(annotations, "vnd.docker.reference.type");

	if (!path)
		path = ncm_json_string(annotations, "org.opencontainers.image.title");
	descriptor->path = ncm_strdup_null(path);
	descriptor->unpack = unpack && strcmp(unpack, "true") == 0;
	descriptor->is_attestation = about && strcmp(about, "attestation-manifest") == 0;
}

static int read_layer(const struct oci_reading *reading, const json_t *object, struct oci_descriptor *layer)
{
	if (oci_read_descriptor(reading, object, layer) < 0)
		return -1;
	read_annotations(object, layer);
	return 0;
}

/* "linux/arm64/v8"; NULL if it has none, or says that it is of none ("unknown/unknown"). The caller frees it. */
static char *platform_of(const json_t *object)
{
	const json_t *platform = json_object_get(object, "platform");
	const char *os = ncm_json_string(platform, "os"), *machine = ncm_json_string(platform, "architecture");
	const char *variant = ncm_json_string(platform, "variant");

	if (!os || !machine || !*os || !*machine || strcmp(os, "unknown") == 0)
		return NULL;
	return ncm_asprintf("%.64s/%.64s%s%.64s", os, machine, variant ? "/" : "", variant ? variant : "");
}

static int read_child(const struct oci_reading *reading, const json_t *object, struct oci_descriptor *child)
{
	if (read_layer(reading, object, child) < 0)
		return -1;
	child->artifact_type = ncm_strdup_null(ncm_json_string(object, "artifactType"));
	child->platform = platform_of(object);
	return 0;
}

static int read_index(const struct oci_reading *reading, const json_t *root, struct oci_manifest *manifest)
{
	const json_t *children = oci_read_children(reading, root, MOST_CHILDREN);
	const json_t *child;
	size_t i;

	manifest->is_index = true;
	if (!children)
		return -1;
	json_array_foreach(children, i, child)
	{
		if (read_child(reading, child, NCM_PUSH(manifest->children, manifest->child_count)) < 0)
			return -1;
	}
	return 0;
}

static int read_plain(const struct oci_reading *reading, const json_t *root, struct oci_manifest *manifest)
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
	manifest->has_config = config && !json_is_null(config);
	return manifest->has_config ? oci_read_descriptor(reading, config, &manifest->config) : 0;
}

int oci_manifest_parse(const char *text, size_t size, const char *what, struct oci_manifest *manifest,
		       struct ncm_error *err)
{
	NCM_AUTO_FREE char *label = ncm_asprintf("the manifest of %s", what);
	NCM_AUTO_JSON json_t *root = ncm_json_parse(text, size, label, NCM_E_PROTOCOL, err);
	NCM_AUTO_JSON json_t *sizes = json_object();
	const struct oci_reading reading = {what, sizes, err};

	*manifest = (struct oci_manifest){0};
	if (!root)
		return -1;
	manifest->artifact_type = ncm_strdup_null(ncm_json_string(root, "artifactType"));
	if (oci_read_version(&reading, root) == 0 &&
	    (json_object_get(root, "manifests") ? read_index(&reading, root, manifest)
						: read_plain(&reading, root, manifest)) == 0)
		return 0;
	oci_manifest_clear(manifest);
	return -1;
}

void oci_manifest_clear(struct oci_manifest *manifest)
{
	oci_descriptor_clear(&manifest->config);
	for (size_t i = 0; i < manifest->count; i++)
		oci_descriptor_clear(&manifest->layers[i]);
	for (size_t i = 0; i < manifest->child_count; i++)
		oci_descriptor_clear(&manifest->children[i]);
	free(manifest->layers);
	free(manifest->children);
	free(manifest->artifact_type);
	*manifest = (struct oci_manifest){0};
}

/* Which manifest of an index is meant: what is for no platform is no image, and so a model's, if one is. */
static void collect(const struct oci_manifest *index, bool any, struct oci_candidates *candidates)
{
	*candidates = (struct oci_candidates){0};
	for (size_t i = 0; i < index->child_count; i++) {
		const struct oci_descriptor *child = &index->children[i];

		if (child->is_attestation || (!any && child->platform))
			continue;
		if (candidates->count < OCI_CANDIDATES)
			candidates->items[candidates->count++] = child;
		candidates->all++;
	}
}

void oci_candidates_of(const struct oci_manifest *index, struct oci_candidates *candidates)
{
	collect(index, false, candidates);
	if (candidates->all != 1)
		collect(index, true, candidates);
}

int oci_candidates_list(const struct oci_candidates *candidates, const char *what, const char *reference,
			struct ncm_error *err)
{
	struct ncm_buffer list = {0};
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < candidates->count; i++) {
		const struct oci_descriptor *child = candidates->items[i];
		const char *of = child->platform ? child->platform : child->artifact_type;

		ncm_buffer_printf(&list, "%s%.128s%ssha256:%s", i > 0 ? ", " : "", of ? of : "", of ? " " : "",
				  ncm_sha256_hex(&child->digest, hex));
	}
	if (candidates->all > candidates->count)
		ncm_buffer_printf(&list, " and %zu more", candidates->all - candidates->count);
	ncm_error_set(err, NCM_E_USAGE, "%s: several are behind that name: %s", what, list.data ? list.data : "");
	ncm_buffer_free(&list);
	return ncm_error_hint(err, "choose one by its digest: oci:%s@sha256:%s", reference,
			      ncm_sha256_hex(&candidates->items[0]->digest, hex));
}
