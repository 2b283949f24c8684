/* SPDX-License-Identifier: MIT */
#include "source/ollama.h"

#include "base/mem.h"

#include <ncmodel/limits.h>
#include <string.h>

/* "application/vnd.ollama.image.model" → "model". The caller frees it. */
static char *role_of(const char *media_type, bool is_config)
{
	static const char prefix[] = "application/vnd.ollama.image.";
	const char *last = media_type ? strrchr(media_type, '.') : NULL;

	if (is_config)
		return ncm_strdup("config");
	if (media_type && strncmp(media_type, prefix, strlen(prefix)) == 0)
		return ncm_strdup(media_type + strlen(prefix));
	return ncm_strdup(last ? last + 1 : "other");
}

static struct ncm_artifact *find(const struct ncm_resolution *resolution, const struct ncm_sha256 *digest)
{
	for (size_t i = 0; i < resolution->count; i++) {
		if (ncm_sha256_equal(&resolution->artifacts[i].sha256, digest))
			return &resolution->artifacts[i];
	}
	return NULL;
}

static bool is_empty_digest(const struct ncm_sha256 *digest)
{
	struct ncm_sha256 empty;

	ncm_sha256_of("", 0, &empty);
	return ncm_sha256_equal(digest, &empty);
}

/* Weights, so that a text answer in their place is a failure; template, license and the like are text. */
static bool is_weights(const char *role)
{
	return strcmp(role, "model") == 0 || strcmp(role, "projector") == 0 || strcmp(role, "adapter") == 0 ||
	       strcmp(role, "tensor") == 0 || strcmp(role, "draft") == 0;
}

static int read_layer(const json_t *layer, bool is_config, const char *what, const char *repository_url,
		      struct ncm_resolution *resolution, struct ncm_error *err)
{
	const char *spelled = ncm_json_string(layer, "digest");
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_artifact *artifact;
	struct ncm_sha256 digest;
	uint64_t size;

	if (!spelled || strncmp(spelled, "sha256:", 7) != 0 || ncm_sha256_parse(spelled, &digest) < 0)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the manifest holds a digest that is none: %.256s", what,
				     spelled ? spelled : "(none)");
	ncm_sha256_hex(&digest, hex);
	if (!ncm_json_u64(layer, "size", &size) || size > NCM_LIMIT_FILE_BYTES ||
	    (size == 0) != is_empty_digest(&digest))
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the manifest gives no valid size for sha256:%s", what,
				     hex);
	artifact = find(resolution, &digest);
	if (artifact) {
		if (artifact->size != size)
			return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the manifest gives two sizes for sha256:%s",
					     what, hex);
		return 0;
	}
	artifact = ncm_resolution_add(resolution);
	artifact->kind = NCM_ARTIFACT_BLOB;
	artifact->role = role_of(ncm_json_string(layer, "mediaType"), is_config);
	artifact->name = ncm_asprintf("%s-%.12s", artifact->role, hex);
	artifact->url = ncm_asprintf("%s/blobs/sha256:%s", repository_url, hex);
	artifact->has_size = true;
	artifact->size = size;
	artifact->has_sha256 = true;
	artifact->sha256 = digest;
	artifact->expect_binary = is_weights(artifact->role);
	return 0;
}

static int read_layers(const json_t *root, const char *what, const char *repository_url,
		       struct ncm_resolution *resolution, struct ncm_error *err)
{
	const json_t *config = json_object_get(root, "config");
	const json_t *layers = json_object_get(root, "layers");
	const json_t *layer;
	uint64_t version, total = 0;
	size_t i;

	if (!ncm_json_u64(root, "schemaVersion", &version) || version != 2)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: not a manifest of schema version 2", what);
	if (!json_is_object(config) || !json_is_array(layers) || json_array_size(layers) == 0)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the manifest has no config or no layers", what);
	if (json_array_size(layers) > NCM_LIMIT_FILES)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the manifest has more than %u layers", what,
				     NCM_LIMIT_FILES);
	json_array_foreach(layers, i, layer)
	{
		if (read_layer(layer, false, what, repository_url, resolution, err) < 0)
			return -1;
	}
	if (read_layer(config, true, what, repository_url, resolution, err) < 0)
		return -1;
	for (i = 0; i < resolution->count; i++) {
		if (__builtin_add_overflow(total, resolution->artifacts[i].size, &total))
			return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the sizes in the manifest add up to nonsense",
					     what);
	}
	return 0;
}

int ollama_manifest_read(const char *bytes, size_t size, const char *what, const char *repository_url,
			 struct ncm_resolution *resolution, struct ncm_error *err)
{
	NCM_AUTO_FREE char *label = ncm_asprintf("the manifest of %s", what);
	NCM_AUTO_JSON json_t *root = ncm_json_parse(bytes, size, label, NCM_E_PROTOCOL, err);

	if (!root)
		return -1;
	return read_layers(root, what, repository_url, resolution, err);
}

static bool is_decisive(const char *type)
{
	return strcmp(type, "model") == 0 || strcmp(type, "projector") == 0 || strcmp(type, "adapter") == 0 ||
	       strcmp(type, "config") == 0;
}

int ollama_manifest_check_pins(const struct ncm_resolution *resolution, const struct ncm_file_spec *spec,
			       const char *what, struct ncm_error *err)
{
	for (size_t i = 0; i < spec->layer_count; i++) {
		const struct ncm_layer_pin *pin = &spec->layers[i];
		const struct ncm_artifact *artifact = find(resolution, &pin->digest);
		char hex[NCM_SHA256_HEX + 1];

		if (!pin->type || !is_decisive(pin->type) || (artifact && artifact->size == pin->size))
			continue;
		ncm_error_set(err, NCM_E_CHECKSUM,
			      "%s: the tag now names another model: the manifest file pins the %s sha256:%s, the "
			      "registry serves another",
			      what, pin->type, ncm_sha256_hex(&pin->digest, hex));
		return ncm_error_hint(err, "to take what is served now, change the pinned layers in the manifest file");
	}
	return 0;
}
