/* SPDX-License-Identifier: MIT */
/*
 * What at Civitai has a digest: GET /api/v1/model-versions/by-hash/<hash> takes SHA-256 and its first ten digits
 * (AutoV2), and answers with the version that has the file, or 404. GET /api/v1/models/<model> has the terms of use.
 */
#include "source/civitai.h"

#include "base/buffer.h"
#include "base/escape.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

enum { SHORT_HASH = 10, LONGEST_TERMS = 200 };

/* The version that has a file of this hash; NULL without an error: there is none. */
static json_t *version_of(struct ncm_sources *sources, const char *hash, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("model-versions/by-hash/%s", hash);
	struct ncm_error why = NCM_ERROR_INIT;
	json_t *version = civitai_ask(sources, path, "Civitai", &why);

	if (!version && why.code != NCM_E_NOT_FOUND)
		ncm_error_move(err, &why);
	ncm_error_clear(&why);
	return version;
}

static bool is_size(const json_t *file, uint64_t size)
{
	double kib;

	return ncm_json_number(file, "sizeKB", &kib) && kib * 1024 > (double)size - 1025 &&
	       kib * 1024 < (double)size + 1025;
}

/* With the whole digest; where the service has none, with its beginning and the size. */
static const json_t *file_of(const json_t *version, const char *hex, uint64_t size)
{
	const json_t *file, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(version, "files"), i, file)
	{
		const json_t *hashes = json_object_get(file, "hashes");
		const char *whole = ncm_json_string(hashes, "SHA256"), *part = ncm_json_string(hashes, "AutoV2");

		if (whole && strcasecmp(whole, hex) == 0)
			return file;
		if (!whole && part && strlen(part) == SHORT_HASH && strncasecmp(part, hex, SHORT_HASH) == 0 &&
		    is_size(file, size))
			found = found ? found : file;
	}
	return found;
}

static char *commercial_use(const json_t *model)
{
	const json_t *allowed = json_object_get(model, "allowCommercialUse"), *word;
	struct ncm_buffer text = {0};
	size_t i;

	if (json_is_string(allowed))
		ncm_buffer_puts(&text, json_string_value(allowed));
	json_array_foreach(allowed, i, word)
	{
		const char *use = json_string_value(word);

		if (text.size > LONGEST_TERMS)
			break;
		ncm_buffer_printf(&text, "%s%s", text.size > 0 ? ", " : "", use ? use : "");
	}
	return ncm_buffer_take(&text);
}

/* The terms that a model's page says; NULL if they are not known. The caller frees it. */
static char *terms_of(struct ncm_sources *sources, uint64_t id)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("models/%llu", (unsigned long long)id);
	NCM_AUTO_JSON json_t *model = id ? civitai_ask(sources, path, "Civitai", NULL) : NULL;
	NCM_AUTO_FREE char *use = NULL;
	NCM_AUTO_FREE char *text = NULL;

	if (!json_object_get(model, "allowCommercialUse"))
		return NULL;
	use = commercial_use(model);
	text = ncm_asprintf("Civitai: commercial use %s%s%s", *use && strcmp(use, "None") != 0 ? use : "none",
			    json_is_false(json_object_get(model, "allowNoCredit")) ? "; credit required" : "",
			    json_is_false(json_object_get(model, "allowDerivatives")) ? "; no merges" : "");
	return ncm_strndup(text, ncm_utf8_fit(text, LONGEST_TERMS));
}

static struct ncm_resolution *describe(struct ncm_sources *sources, const json_t *version, const json_t *file)
{
	struct ncm_resolution *resolution = ncm_calloc(1, sizeof *resolution);
	struct civitai_name name = {0};

	if (!ncm_json_u64(version, "id", &name.version) || !ncm_json_u64(file, "id", &name.file))
		return ncm_resolution_drop(resolution);
	(void)ncm_json_u64(version, "modelId", &name.model);
	resolution->uri = civitai_name_spell(&name);
	resolution->revision = ncm_asprintf("%llu", (unsigned long long)name.version);
	resolution->architecture = ncm_strdup_null(ncm_json_string(version, "baseModel"));
	resolution->license = terms_of(sources, name.model);
	resolution->service = &civitai_service;
	resolution->page = ncm_civitai_page(name.model, name.version);
	civitai_describe_card(version, resolution);
	civitai_describe_file(file, ncm_resolution_add(resolution));
	return resolution;
}

struct ncm_resolution *civitai_find(struct ncm_sources *sources, const struct ncm_sha256 *sha256, uint64_t size,
				    struct ncm_error *err)
{
	char hex[NCM_SHA256_HEX + 1], part[SHORT_HASH + 1] = "";
	NCM_AUTO_JSON json_t *version = version_of(sources, ncm_sha256_hex(sha256, hex), err);
	const json_t *file;

	if (!version && (!err || err->code == NCM_OK)) {
		memcpy(part, hex, SHORT_HASH);
		version = version_of(sources, part, err);
	}
	file = version ? file_of(version, hex, size) : NULL;
	return file ? describe(sources, version, file) : NULL;
}
