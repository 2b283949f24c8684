/* SPDX-License-Identifier: MIT */
/* What all dialects of manifests have in common: versions, digests, sizes. */
#include "oci/manifest.h"

#include "base/mem.h"
#include "digest/hash.h"

#include <ncmodel/limits.h>
#include <string.h>

int oci_fault(const struct oci_reading *reading, const char *words, const char *detail)
{
	return ncm_error_set(reading->err, NCM_E_PROTOCOL, "%s: the manifest %s%.256s", reading->what, words, detail);
}

int oci_read_version(const struct oci_reading *reading, const json_t *root)
{
	uint64_t version = 0;

	if (ncm_json_u64(root, "schemaVersion", &version) && version == 2)
		return 0;
	return oci_fault(reading, "is not of schema version 2: its schemaVersion says so", "");
}

int oci_read_digest(const struct oci_reading *reading, const json_t *object, struct ncm_sha256 *digest)
{
	const char *spelled = ncm_json_string(object, "digest");

	if (spelled && strncmp(spelled, "sha256:", 7) == 0 && ncm_sha256_parse(spelled, digest) == 0)
		return 0;
	return oci_fault(reading, "holds a digest that is none: ", spelled ? spelled : "(none)");
}

static bool is_empty_digest(const struct ncm_sha256 *digest)
{
	struct ncm_sha256 empty;

	ncm_sha256_of("", 0, &empty);
	return ncm_sha256_equal(digest, &empty);
}

static int check_size(const struct oci_reading *reading, const struct oci_descriptor *descriptor)
{
	char hex[NCM_SHA256_HEX + 1];
	const json_t *before = json_object_get(reading->sizes, ncm_sha256_hex(&descriptor->digest, hex));

	if (before && (uint64_t)json_integer_value(before) != descriptor->size)
		return oci_fault(reading, "gives two sizes for sha256:", hex);
	json_object_set_new(reading->sizes, hex, json_integer((json_int_t)descriptor->size));
	return 0;
}

int oci_read_descriptor(const struct oci_reading *reading, const json_t *object, struct oci_descriptor *descriptor)
{
	const char *type = ncm_json_string(object, "mediaType");
	char hex[NCM_SHA256_HEX + 1];

	if (oci_read_digest(reading, object, &descriptor->digest) < 0)
		return -1;
	if (!ncm_json_u64(object, "size", &descriptor->size) || descriptor->size > NCM_LIMIT_FILE_BYTES ||
	    (descriptor->size == 0) != is_empty_digest(&descriptor->digest))
		return oci_fault(reading, "gives no valid size for sha256:", ncm_sha256_hex(&descriptor->digest, hex));
	descriptor->type = ncm_strndup(type ? type : "", NCM_LIMIT_NAME_BYTES);
	return check_size(reading, descriptor);
}

const json_t *oci_read_layers(const struct oci_reading *reading, const json_t *root)
{
	const json_t *layers = json_object_get(root, "layers");

	if (!json_is_array(layers) || json_array_size(layers) == 0)
		return oci_fault(reading, "has no layers", ""), NULL;
	if (json_array_size(layers) > NCM_LIMIT_FILES)
		return oci_fault(reading, "has far too many layers", ""), NULL;
	return layers;
}

const json_t *oci_read_children(const struct oci_reading *reading, const json_t *root, size_t most)
{
	const json_t *children = json_object_get(root, "manifests");

	if (!json_is_array(children) || json_array_size(children) == 0 || json_array_size(children) > most)
		return oci_fault(reading, "is an index without manifests, or of far too many", ""), NULL;
	return children;
}

void oci_descriptor_clear(struct oci_descriptor *descriptor)
{
	free(descriptor->type);
	free(descriptor->path);
	free(descriptor->artifact_type);
	free(descriptor->platform);
	*descriptor = (struct oci_descriptor){0};
}
