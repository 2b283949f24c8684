/* SPDX-License-Identifier: MIT */
/* What layers are for, and one manifest in its several forms. */
#include "ollama/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "digest/hash.h"

#include <string.h>

bool ollama_layer_is_manifest(const struct ollama_layer *layer)
{
	return strcmp(layer->type, OLLAMA_MANIFEST_TYPE) == 0 || strcmp(layer->type, OLLAMA_LIST_TYPE) == 0;
}

char *ollama_layer_role(const struct ollama_layer *layer)
{
	static const char prefix[] = "application/vnd.ollama.image.";
	static const char config_type[] = "application/vnd.docker.container.image.v1+json";
	const char *last = strrchr(layer->type, '.');

	if (ollama_layer_is_manifest(layer))
		return ncm_strdup("manifest-blob");
	if (strcmp(layer->type, config_type) == 0)
		return ncm_strdup("config");
	if (strncmp(layer->type, prefix, strlen(prefix)) == 0)
		return ncm_strdup(layer->type + strlen(prefix));
	return ncm_strdup(last ? last + 1 : "other");
}

bool ollama_role_is_weights(const char *role)
{
	static const char *const roles[] = {"model", "projector", "adapter", "tensor", "draft"};

	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
		if (strcmp(role, roles[i]) == 0)
			return true;
	}
	return false;
}

static bool is_same_layer(const struct ollama_layer *a, const struct ollama_layer *b)
{
	return ncm_sha256_equal(&a->digest, &b->digest) && a->size == b->size && strcmp(a->type, b->type) == 0;
}

/* The next layer that is no manifest, or NULL. */
static const struct ollama_layer *next_layer(const struct ollama_manifest *manifest, size_t *at)
{
	while (*at < manifest->count) {
		const struct ollama_layer *layer = &manifest->layers[(*at)++];

		if (!ollama_layer_is_manifest(layer))
			return layer;
	}
	return NULL;
}

bool ollama_manifest_is_same(const struct ollama_manifest *a, const struct ollama_manifest *b)
{
	size_t at_a = 0, at_b = 0;

	if (a->is_list || b->is_list || a->has_config != b->has_config ||
	    (a->has_config && !ncm_sha256_equal(&a->config.digest, &b->config.digest)))
		return false;
	for (;;) {
		const struct ollama_layer *x = next_layer(a, &at_a), *y = next_layer(b, &at_b);

		if (!x || !y)
			return !x && !y;
		if (!is_same_layer(x, y))
			return false;
	}
}

/* In the order of Ollama's struct Layer. */
static json_t *layer_json(const struct ollama_layer *layer)
{
	json_t *object = json_object();
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *digest = ncm_asprintf("sha256:%s", ncm_sha256_hex(&layer->digest, hex));

	json_object_set_new(object, "mediaType", json_string(layer->type));
	json_object_set_new(object, "digest", json_string(digest));
	json_object_set_new(object, "size", json_integer((json_int_t)layer->size));
	if (layer->from && *layer->from)
		json_object_set_new(object, "from", json_string(layer->from));
	if (layer->name && *layer->name)
		json_object_set_new(object, "name", json_string(layer->name));
	return object;
}

/* What Go writes for a struct Layer that nothing was put into. */
static json_t *no_layer_json(void)
{
	return json_pack("{s:s, s:s, s:i}", "mediaType", "", "digest", "", "size", 0);
}

char *ollama_manifest_write(const struct ollama_manifest *manifest, const struct ollama_layer *extra, size_t count,
			    size_t *size)
{
	NCM_AUTO_JSON json_t *root = json_object();
	json_t *layers = json_array();
	const struct ollama_layer *layer;
	char *text;

	json_object_set_new(root, "schemaVersion", json_integer(2));
	json_object_set_new(root, "mediaType", json_string(manifest->media_type ? manifest->media_type : ""));
	json_object_set_new(root, "config", manifest->has_config ? layer_json(&manifest->config) : no_layer_json());
	json_object_set_new(root, "layers", layers);
	for (size_t at = 0; (layer = next_layer(manifest, &at));)
		json_array_append_new(layers, layer_json(layer));
	for (size_t i = 0; i < count; i++)
		json_array_append_new(layers, layer_json(&extra[i]));
	text = json_dumps(root, JSON_COMPACT);
	*size = strlen(text);
	return text;
}

void ollama_manifest_plain(const struct ollama_manifest *manifest, struct ncm_sha256 *digest, uint64_t *size)
{
	size_t length = 0;
	NCM_AUTO_FREE char *text = ollama_manifest_write(manifest, NULL, 0, &length);

	ncm_sha256_of(text, length, digest);
	*size = length;
}

unsigned ollama_runner_rank(const char *runner)
{
#if defined(__APPLE__) && defined(__aarch64__)
	static const char *const order[] = {"mlx", "ggml", "ollama", "llamacpp"};
#else
	static const char *const order[] = {"ggml", "ollama", "llamacpp", "mlx"};
#endif
	unsigned rank = 0;

	while (rank < sizeof order / sizeof *order && (!runner || strcmp(runner, order[rank]) != 0))
		rank++;
	return rank;
}
