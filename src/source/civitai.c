/* SPDX-License-Identifier: MIT */
/*
 * Civitai: files of model versions.
 *
 * GET /api/v1/model-versions/<version> lists the files with their digests; GET
 * /api/download/models/<version>?fileId=<N> redirects to storage. The file's id is always asked for: without it the
 * server chooses by the preferences of whose key was sent. The key goes to the configured endpoint alone.
 */
#include "source/civitai.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/environment.h"

#include <string.h>
#include <strings.h>

static void cleanup_name(struct civitai_name *name)
{
	civitai_name_clear(name);
}
#define AUTO_NAME __attribute__((cleanup(cleanup_name)))

static int check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	AUTO_NAME struct civitai_name name = {0};

	(void)allow_http; /* a pasted http:// page is asked over https all the same */
	if (civitai_name_parse(uri, &name, err) < 0) {
		/* What follows the numbers may hold a token. */
		if (strncasecmp(uri, "civitai:", strlen("civitai:")) == 0)
			ncm_error_wrap(err, "%.*s", (int)strcspn(uri, "?"), uri);
		return -1;
	}
	*canonical = civitai_name_spell(&name);
	return 0;
}

static void names(const char *canonical, char **id, char **display)
{
	*display = ncm_strdup(canonical);
	(*display)[strcspn(*display, "?")] = '\0';
	*id = ncm_source_shown_id(canonical, true, canonical);
}

/* One look-up. */
struct lookup {
	struct ncm_sources *sources;
	struct civitai_name name;
	char *endpoint;
	char *what; /* "Civitai version 128713" */
};

static void clear_lookup(struct lookup *lookup)
{
	civitai_name_clear(&lookup->name);
	free(lookup->endpoint);
	free(lookup->what);
}
#define AUTO_LOOKUP __attribute__((cleanup(clear_lookup)))

json_t *civitai_ask(const struct ncm_sources *sources, const char *path, const char *what, struct ncm_error *err)
{
	NCM_AUTO_FREE char *endpoint = ncm_source_endpoint(sources->config, &ncm_source_civitai);
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/api/v1/%s", endpoint, path);
	const struct ncm_request request = {
	    .url = url,
	    .accept = "application/json",
	    .credential = ncm_source_credential(sources, &ncm_source_civitai),
	    .service = &civitai_service,
	    .what = what,
	};

	return ncm_source_json(sources, &request, NULL, err);
}

static json_t *ask(const struct lookup *lookup, const char *kind, uint64_t id, struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/%llu", kind, (unsigned long long)id);

	return civitai_ask(lookup->sources, path, lookup->what, err);
}

static void name_version(struct lookup *lookup, uint64_t version)
{
	lookup->name.version = version;
	free(lookup->what);
	lookup->what = ncm_asprintf("Civitai version %llu", (unsigned long long)version);
}

/* The version that is meant: given, pinned, or the first that the model's page shows. */
static int find_version(struct lookup *lookup, const struct ncm_pin *pin, struct ncm_error *err)
{
	struct civitai_name *name = &lookup->name;
	uint64_t version = name->version;
	NCM_AUTO_JSON json_t *model = NULL;

	if (!version && pin && pin->revision)
		(void)ncm_source_number(pin->revision, strlen(pin->revision), INT32_MAX, &version);
	if (!version) {
		lookup->what = ncm_asprintf("Civitai model %llu", (unsigned long long)name->model);
		model = ask(lookup, "models", name->model, err);
		if (!model)
			return -1;
		if (!ncm_json_u64(json_array_get(json_object_get(model, "modelVersions"), 0), "id", &version) ||
		    version == 0 || version > INT32_MAX)
			return ncm_error_set(err, NCM_E_NOT_FOUND, "%s: has no published version", lookup->what);
	}
	name_version(lookup, version);
	return 0;
}

/* The version has to be of the model that was named beside it. */
static int check_model(struct lookup *lookup, const json_t *version, struct ncm_error *err)
{
	uint64_t model;

	if (!ncm_json_u64(version, "modelId", &model))
		return 0;
	if (lookup->name.model && model != lookup->name.model) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: is of model %llu, not of model %llu", lookup->what,
			      (unsigned long long)model, (unsigned long long)lookup->name.model);
		return ncm_error_hint(err, "check the numbers in the page's address");
	}
	lookup->name.model = model;
	return 0;
}

/* Of a version; of a model, where that is 0. */
static char *page_at(const char *endpoint, uint64_t model, uint64_t version)
{
	if (!model)
		return ncm_asprintf("%s/model-versions/%llu", endpoint, (unsigned long long)version);
	if (!version)
		return ncm_asprintf("%s/models/%llu", endpoint, (unsigned long long)model);
	return ncm_asprintf("%s/models/%llu?modelVersionId=%llu", endpoint, (unsigned long long)model,
			    (unsigned long long)version);
}

/* A resolution with its one artifact, from the ids alone. */
static struct ncm_resolution *describe(const struct lookup *lookup)
{
	const struct civitai_name *name = &lookup->name;
	/* With the file's id, what else would choose a file is of no use. */
	const struct civitai_name pinned = {.model = name->model, .version = name->version, .file = name->file};
	struct ncm_resolution *resolution = ncm_calloc(1, sizeof *resolution);

	resolution->uri = civitai_name_spell(&pinned);
	resolution->revision = ncm_asprintf("%llu", (unsigned long long)name->version);
	resolution->page = page_at(lookup->endpoint, name->model, name->version);
	resolution->credential = ncm_source_credential(lookup->sources, &ncm_source_civitai);
	resolution->service = &civitai_service;
	ncm_resolution_add(resolution)->url =
	    ncm_asprintf("%s/api/download/models/%llu?fileId=%llu", lookup->endpoint, (unsigned long long)name->version,
			 (unsigned long long)name->file);
	return resolution;
}

/* Who may have it, where not everybody: before anything is fetched. */
static int check_access(const struct lookup *lookup, const json_t *version, struct ncm_resolution *resolution,
			struct ncm_error *err)
{
	const char *use = ncm_json_string(version, "usageControl");
	const char *ends = ncm_json_string(version, "earlyAccessEndsAt");
	char now[32];

	if (use && strcasecmp(use, "Download") != 0) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: its creator does not let it be downloaded", lookup->what);
		return ncm_error_hint(err, "it can be used on the site alone; no key changes that");
	}
	/* Both are of one form, so that the later one is the greater text. */
	if (!ends || strcmp(ends, ncm_time_utc(now)) <= 0)
		return 0;
	resolution->gate = NCM_GATE_SHUT;
	resolution->notice = ncm_asprintf("in early access until %.10s: until then Civitai hands it to those alone who "
					  "bought access on its page",
					  ends);
	return 0;
}

/* Where it is looked for it has the name of the checkpoint that it is of. */
static void name_config(const json_t *version, const json_t *config, struct ncm_artifact *artifact)
{
	static const struct civitai_filter any = {0};
	const char *ending = artifact->name ? strrchr(artifact->name, '.') : NULL;
	const json_t *primary = civitai_primary(json_object_get(version, "files"), &any);
	const char *name = primary != config ? ncm_json_string(primary, "name") : NULL;
	const char *dot = name ? strrchr(name, '.') : NULL;
	char *own;

	if (!ending || !dot)
		return;
	own = ncm_asprintf("%.*s%s", (int)(dot - name), name, ending);
	free(artifact->name);
	artifact->name = own;
}

void civitai_describe_card(const json_t *version, struct ncm_resolution *resolution)
{
	struct ncm_card *card = &resolution->card;
	const json_t *word;
	size_t i;

	json_array_foreach(json_object_get(version, "trainedWords"), i, word)
	{
		if (json_is_string(word))
			card_add_word(card, json_string_value(word), json_string_length(word));
	}
	card_say(&card->base_model, ncm_json_string(version, "baseModel"));
	card_say(&card->model_name, ncm_json_string(json_object_get(version, "model"), "name"));
	card_say(&card->version_name, ncm_json_string(version, "name"));
	card_say(&card->page, resolution->page);
	card_say(&card->preview, ncm_json_string(json_array_get(json_object_get(version, "images"), 0), "url"));
}

static void describe_kind(const json_t *version, const json_t *file, struct ncm_resolution *resolution)
{
	resolution->kind = ncm_strdup_null(civitai_kind(version, file));
	resolution->architecture = ncm_strdup_null(ncm_json_string(version, "baseModel"));
	if (resolution->kind && strcmp(resolution->kind, "config") == 0)
		name_config(version, file, resolution->artifacts);
}

static struct ncm_resolution *resolve(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin, struct ncm_error *err)
{
	AUTO_LOOKUP struct lookup lookup = {.sources = sources,
					    .endpoint = ncm_source_endpoint(sources->config, &ncm_source_civitai)};
	NCM_AUTO_JSON json_t *version = NULL;
	struct ncm_resolution *resolution;
	const json_t *file;

	if (civitai_name_parse(uri, &lookup.name, err) < 0 || find_version(&lookup, pin, err) < 0)
		return NULL;
	version = ask(&lookup, "model-versions", lookup.name.version, err);
	if (!version || check_model(&lookup, version, err) < 0)
		return NULL;
	file = civitai_choose(version, &lookup.name, spec, lookup.what, err);
	if (!file || !ncm_json_u64(file, "id", &lookup.name.file))
		return NULL;
	resolution = describe(&lookup);
	civitai_describe_file(file, resolution->artifacts);
	describe_kind(version, file, resolution);
	civitai_describe_card(version, resolution);
	return check_access(&lookup, version, resolution, err) < 0 ? ncm_resolution_drop(resolution) : resolution;
}

/* The ids say where the file is; what it has to be, only pins can say. */
static struct ncm_resolution *offline(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin)
{
	AUTO_LOOKUP struct lookup lookup = {.sources = sources};
	struct ncm_resolution *resolution;
	struct ncm_artifact *artifact;

	const bool for_plan = pin && pin->for_plan;

	if (civitai_name_parse(uri, &lookup.name, NULL) < 0 || !lookup.name.version || !spec->has_sha256 ||
	    (!for_plan && (!lookup.name.file || !spec->has_size)))
		return NULL;
	lookup.endpoint = ncm_source_endpoint(sources->config, &ncm_source_civitai);
	resolution = describe(&lookup);
	artifact = resolution->artifacts;
	artifact->kind = NCM_ARTIFACT_FILE;
	artifact->name = spec->to_count > 0 ? ncm_strdup_null(spec->to[0].name) : NULL;
	ncm_source_take_pins(spec, NULL, artifact);
	artifact->expect_binary = artifact->name && ncm_source_is_binary_name(artifact->name);
	return resolution;
}

static char *newest(const char *canonical)
{
	AUTO_NAME struct civitai_name name = {0};

	if (civitai_name_parse(canonical, &name, NULL) < 0 || !name.model)
		return NULL;
	name.version = name.file = 0;
	return civitai_name_spell(&name);
}

/* A version is of one model, which need not be spelled. */
static char *key(const char *canonical)
{
	AUTO_NAME struct civitai_name name = {0};

	if (civitai_name_parse(canonical, &name, NULL) < 0)
		return NULL;
	if (name.version)
		name.model = 0;
	return civitai_name_spell(&name);
}

static bool chooses_file(const struct civitai_name *name)
{
	return name->file || name->filter.type || name->filter.format || name->filter.size || name->filter.fp ||
	       name->filter.quant_type;
}

/* A model whose latest version is meant has had all the others; a version has its files. */
static bool holds(const char *canonical, const char *other)
{
	AUTO_NAME struct civitai_name name = {0};
	AUTO_NAME struct civitai_name version = {0};

	if (civitai_name_parse(canonical, &name, NULL) < 0 || civitai_name_parse(other, &version, NULL) < 0)
		return false;
	if (!name.version)
		return name.model && name.model == version.model;
	return name.version == version.version && !chooses_file(&name);
}

/* The version where there is one: how its model is spelled, a key does not say. */
static const char *stem(const char *uri, size_t *size)
{
	const char *text = uri + strlen("civitai:");
	const char *at, *start;

	if (strncmp(uri, "civitai:", strlen("civitai:")) != 0)
		return NULL;
	at = text + strspn(text, "0123456789");
	start = *at == '@' && strncmp(at + 1, "latest", 6) != 0 ? at + 1 : text;
	*size = strcspn(start, "?");
	return *size > 0 ? start : NULL;
}

static const struct ncm_habit *habit(const char *canonical)
{
	static const struct ncm_habit pictures = {NULL, NULL, "a1111", NULL};

	(void)canonical;
	return &pictures;
}

static const char *const token_variables[] = {"CIVITAI_TOKEN", "CIVITAI_API_TOKEN", "CIVITAI_API_KEY", NULL};

/* Civitai has no tool of its own that keeps one. */
static char *token_file(const char **called)
{
	NCM_AUTO_FREE char *config = config_xdg("XDG_CONFIG_HOME", ".config");

	*called = "ncmodel/civitai-token";
	return ncm_path_join(config, "ncmodel/civitai-token");
}

static const struct config_service settings = {.name = "civitai",
					       .title = "Civitai",
					       .endpoint = "https://civitai.com",
					       .endpoint_variable = "NCMODEL_CIVITAI_ENDPOINT",
					       .token_variables = token_variables,
					       .token_file = token_file,
					       /* Civitai's public REST API, "GET /api/v1/me" */
					       .token_check = "/api/v1/me"};

bool ncm_civitai_ids(const char *uri, uint64_t *model, uint64_t *version)
{
	AUTO_NAME struct civitai_name name = {0};

	if (!civitai_claims(uri) || civitai_name_parse(uri, &name, NULL) < 0)
		return false;
	*model = name.model;
	*version = name.version;
	return true;
}

char *ncm_civitai_page(uint64_t model, uint64_t version)
{
	return page_at(settings.endpoint, model, version);
}

const struct ncm_source ncm_source_civitai = {
    .settings = &settings,
    .scheme = "civitai",
    .one_server = true,
    .begins = "civitai:",
    .refuses_head = true,
    .query_chooses = true,
    .is_hearsay = true,
    .habit = habit,
    .stem = stem,
    .claims = civitai_claims,
    .check = check,
    .names = names,
    .resolve = resolve,
    .offline = offline,
    .find = civitai_find,
    .newest = newest,
    .key = key,
    .holds = holds,
};
