/* SPDX-License-Identifier: MIT */
/*
 * ComfyUI's registry of nodes: packs of custom nodes, as archives. "comfy:PACK[@VERSION]"; without a version the latest
 * is meant. GET /nodes/<pack>/versions/<version> says where its archive is ("downloadUrl"), GET /nodes/<pack> the same
 * in "latest_version" (docs.comfy.org, registry API). A version is published once; its digest nobody states.
 */
#include "source/shared.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

enum { LONGEST = 100 };

struct pack {
	char *name, *version; /* version NULL: the latest */
};

static void clear_pack(struct pack *pack)
{
	free(pack->name);
	free(pack->version);
}
#define AUTO_PACK __attribute__((cleanup(clear_pack)))

static bool is_word(const char *text, const char *more)
{
	const char *at = text;

	while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
	       (*at && strchr(more, *at)))
		at++;
	return at > text && *at == '\0' && at - text <= LONGEST && *text != '.' && *text != '-';
}

static int parse(const char *uri, struct pack *pack, struct ncm_error *err)
{
	const char *text = uri + strlen(ncm_source_comfy.begins), *at = strchr(text, '@');

	pack->name = ncm_strndup(text, at ? (size_t)(at - text) : strlen(text));
	pack->version = at ? ncm_strdup(at + 1) : NULL;
	if (is_word(pack->name, "._-") && (!at || is_word(pack->version, "._-+")))
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "%.*s: not a pack of ComfyUI's registry", ncm_source_shown(uri), uri);
	return ncm_error_hint(err, "write comfy:PACK@VERSION, for example comfy:comfyui-impact-pack@8.8.1");
}

static bool claims(const char *uri)
{
	return strncasecmp(uri, ncm_source_comfy.begins, strlen(ncm_source_comfy.begins)) == 0;
}

static char *spell(const struct pack *pack)
{
	return ncm_asprintf("%s%s%s%s", ncm_source_comfy.begins, pack->name, pack->version ? "@" : "",
			    pack->version ? pack->version : "");
}

static int check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	AUTO_PACK struct pack pack = {0};

	(void)allow_http;
	if (parse(uri, &pack, err) < 0)
		return -1;
	*canonical = spell(&pack);
	return 0;
}

static void names(const char *canonical, char **id, char **display)
{
	*display = ncm_strdup(canonical + strlen(ncm_source_comfy.begins));
	*id = ncm_source_shown_id(canonical, true, canonical);
}

static json_t *ask(const struct ncm_sources *sources, const struct pack *pack, const char *endpoint,
		   struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = pack->version
				      ? ncm_asprintf("%s/nodes/%s/versions/%s", endpoint, pack->name, pack->version)
				      : ncm_asprintf("%s/nodes/%s", endpoint, pack->name);
	NCM_AUTO_FREE char *what = ncm_asprintf("pack %s%s%s of ComfyUI's registry", pack->name,
						pack->version ? " " : "", pack->version ? pack->version : "");
	const struct ncm_request request = {.url = url, .accept = "application/json", .what = what};
	json_t *answer = ncm_source_json(sources, &request, NULL, err);
	json_t *latest;

	if (!answer || pack->version)
		return answer;
	latest = json_incref(json_object_get(answer, "latest_version"));
	if (!latest)
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s has no version", what);
	json_decref(answer);
	return latest;
}

static struct ncm_resolution *describe(const struct pack *pack, const char *url)
{
	struct ncm_resolution *resolution = ncm_calloc(1, sizeof *resolution);
	struct ncm_artifact *artifact = ncm_resolution_add(resolution);

	resolution->uri = spell(pack);
	resolution->revision = ncm_strdup(pack->version);
	resolution->page = ncm_asprintf("https://registry.comfy.org/nodes/%s", pack->name);
	artifact->kind = NCM_ARTIFACT_FILE;
	artifact->name = ncm_asprintf("%s.zip", pack->name);
	artifact->url = ncm_strdup_null(url);
	artifact->expect_binary = true;
	return resolution;
}

static struct ncm_resolution *resolve(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin, struct ncm_error *err)
{
	AUTO_PACK struct pack pack = {0};
	NCM_AUTO_FREE char *endpoint = ncm_source_endpoint(sources->config, &ncm_source_comfy);
	NCM_AUTO_JSON json_t *version = NULL;
	const char *url, *told;
	struct ncm_resolution *resolution;

	if (parse(uri, &pack, err) < 0)
		return NULL;
	if (!pack.version && pin && pin->revision)
		pack.version = ncm_strdup(pin->revision);
	version = ask(sources, &pack, endpoint, err);
	if (!version)
		return NULL;
	url = ncm_json_string(version, "downloadUrl");
	told = ncm_json_string(version, "version");
	if (!url || ncm_url_check(url, strncmp(endpoint, "http://", 7) == 0, NULL) < 0 ||
	    (!pack.version && (!told || !is_word(told, "._-+")))) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "pack %s: ComfyUI's registry has no archive of it", pack.name);
		return NULL;
	}
	pack.version = pack.version ? pack.version : ncm_strdup(told);
	resolution = describe(&pack, url);
	ncm_source_take_pins(spec, NULL, resolution->artifacts);
	return resolution;
}

/* Where its archive is, only the registry knows; a plan does without that. */
static struct ncm_resolution *offline(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin)
{
	AUTO_PACK struct pack pack = {0};
	struct ncm_resolution *resolution;

	(void)sources;
	if (!pin || !pin->for_plan || !spec->has_sha256 || parse(uri, &pack, NULL) < 0 || !pack.version)
		return NULL;
	resolution = describe(&pack, NULL);
	ncm_source_take_pins(spec, NULL, resolution->artifacts);
	return resolution;
}

static char *newest(const char *canonical)
{
	AUTO_PACK struct pack pack = {0};

	if (parse(canonical, &pack, NULL) < 0)
		return NULL;
	free(pack.version);
	pack.version = NULL;
	return spell(&pack);
}

static char *spelled_revision(const char *canonical)
{
	const char *at = strchr(canonical, '@');

	return at ? ncm_strdup(at + 1) : NULL;
}

static const char *stem(const char *uri, size_t *size)
{
	if (strncmp(uri, ncm_source_comfy.begins, strlen(ncm_source_comfy.begins)) != 0)
		return NULL;
	*size = strcspn(uri, "@");
	return uri;
}

static const struct ncm_habit *habit(const char *canonical)
{
	static const struct ncm_habit packs = {"custom-node", "archive", "comfyui", "custom_nodes"};

	(void)canonical;
	return &packs;
}

static const struct config_service settings = {.name = "comfy",
					       .title = "ComfyUI's registry",
					       .endpoint = "https://api.comfy.org",
					       .endpoint_variable = "NCMODEL_COMFY_ENDPOINT"};

const struct ncm_source ncm_source_comfy = {
    .settings = &settings,
    .scheme = "comfy",
    .begins = "comfy:",
    .gives_archives = true,
    .habit = habit,
    .spelled_revision = spelled_revision,
    .stem = stem,
    .claims = claims,
    .check = check,
    .names = names,
    .resolve = resolve,
    .offline = offline,
    .newest = newest,
};
