/* SPDX-License-Identifier: MIT */
#include "source/ollama.h"

#include "base/mem.h"
#include "ollama/manifest.h"

#include <string.h>

static struct ncm_artifact *find(const struct ncm_resolution *resolution, const struct ncm_sha256 *digest)
{
	for (size_t i = 0; i < resolution->count; i++) {
		if (ncm_sha256_equal(&resolution->artifacts[i].sha256, digest))
			return &resolution->artifacts[i];
	}
	return NULL;
}

static void add_layer(const struct ollama_layer *layer, const char *role, const char *repository_url,
		      struct ncm_resolution *resolution)
{
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_artifact *artifact;

	if (find(resolution, &layer->digest))
		return;
	ncm_sha256_hex(&layer->digest, hex);
	artifact = ncm_resolution_add(resolution);
	artifact->kind = NCM_ARTIFACT_BLOB;
	artifact->role = ncm_strdup(role);
	artifact->name = ncm_asprintf("%s-%.12s", role, hex);
	artifact->url = ncm_asprintf("%s/blobs/sha256:%s", repository_url, hex);
	artifact->has_size = true;
	artifact->size = layer->size;
	artifact->has_sha256 = true;
	artifact->sha256 = layer->digest;
	artifact->expect_binary = ollama_role_is_weights(role);
}

int ollama_manifest_read(const char *bytes, size_t size, const char *what, const char *repository_url,
			 struct ncm_resolution *resolution, struct ncm_error *err)
{
	OLLAMA_AUTO_MANIFEST struct ollama_manifest manifest = {0};

	if (ollama_manifest_parse(bytes, size, what, &manifest, err) < 0)
		return -1;
	/* Not asked for: one manifest is. */
	if (manifest.is_list)
		return ncm_error_set(err, NCM_E_PROTOCOL,
				     "%s: the registry answers with a list of manifests, and was asked for one", what);
	for (size_t i = 0; i < manifest.count; i++) {
		NCM_AUTO_FREE char *role = ollama_layer_role(&manifest.layers[i]);

		add_layer(&manifest.layers[i], role, repository_url, resolution);
	}
	resolution->runner = ncm_strdup_null(manifest.runner);
	if (manifest.has_config)
		add_layer(&manifest.config, "config", repository_url, resolution);
	return 0;
}

void ollama_manifest_of_pins(const struct ncm_file_spec *spec, const char *repository_url,
			     struct ncm_resolution *resolution)
{
	for (size_t i = 0; i < spec->layer_count; i++) {
		const struct ncm_layer_pin *pin = &spec->layers[i];

		add_layer(&(const struct ollama_layer){.digest = pin->digest, .size = pin->size}, pin->type,
			  repository_url, resolution);
	}
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
