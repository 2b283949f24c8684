/* SPDX-License-Identifier: MIT */
/*
 * Ollama's registry, and others that speak its protocol (hf.co, a registry of one's own).
 *
 * GET /v2/<namespace>/<model>/manifests/<tag> gives the manifest; its SHA-256 is the revision. The blobs lie at
 * /v2/<namespace>/<model>/blobs/sha256:<hex>, mostly as redirects to a content network. Facts: ollama/ollama
 * server/images.go and server/download.go.
 */
#include "source/ollama.h"

#include "base/mem.h"
#include "ollama/manifest.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

enum { LARGEST_CONFIG = 1 << 20 };

static const char sign_in_here[] = "check the name; if it is private, sign in with `docker login` or `podman login`: "
				   "their files are read";
static const char sign_in_at_ollama[] =
    "check the name; for a private model, make the key ~/.ollama/id_ed25519 known with "
    "`ollama signin`";
static const char sign_in_at_hugging_face[] = "the model is private, gated or misspelled; for private ones use `ollama "
					      "pull`";

/* Ollama's registry gives some models to an Ollama that is new enough, told by its User-Agent (ollama#16483). */
static int judge_412(const struct ncm_reply *reply, const char *what, struct ncm_error *err)
{
	NCM_AUTO_FREE char *words = ncm_reply_words(reply);
	const char *name = strncmp(what, "model ", 6) == 0 ? what + 6 : "MODEL";

	ncm_error_set(err, NCM_E_REFUSED, "%s: the registry says: %s", what,
		      words ? words : "412 Precondition Failed: it wants a newer Ollama");
	return ncm_error_hint(err,
			      "update Ollama and run `ollama pull %s`, then `ncmodel adopt` registers it; or take the "
			      "model from another source",
			      name);
}

static int judge(const struct ncm_reply *reply, const char *what, bool sent_credential, const char *hint,
		 struct ncm_error *err)
{
	NCM_AUTO_FREE char *complaint = NULL;

	/* Blobs come from a content network that has its own ways. */
	if (reply->status < 400 || !strstr(reply->url ? reply->url : "", "/v2/"))
		return 0;
	complaint = ncm_source_complaint(reply);
	switch (reply->status) {
	case 404:
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the registry has no such model or tag", what);
		return ncm_error_hint(err,
				      "check the name and the tag; Ollama's are listed at https://ollama.com/search");
	case 401:
	case 403:
		ncm_error_set(err, NCM_E_AUTH, "%s: the registry refuses it%s%s%.256s", what,
			      sent_credential ? ", with a token or password too" : "", complaint ? ": " : "",
			      complaint ? complaint : "");
		return ncm_error_hint(err, "%s", hint);
	case 400:
		if (!complaint)
			return 0;
		return ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the registry says: %.256s", what, complaint);
	case 412:
		return judge_412(reply, what, err);
	default:
		return 0;
	}
}

static int judge_ollama(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	return judge(reply, what, sent_credential, sign_in_at_ollama, err);
}

static int judge_huggingface(const struct ncm_reply *reply, const char *what, bool sent_credential,
			     struct ncm_error *err)
{
	return judge(reply, what, sent_credential, sign_in_at_hugging_face, err);
}

static int judge_other(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	return judge(reply, what, sent_credential, sign_in_here, err);
}

static const struct ncm_service ollama_service = {.name = "the Ollama registry", .judge = judge_ollama};
static const struct ncm_service huggingface_service = {.name = "Hugging Face's Ollama registry",
						       .judge = judge_huggingface};
static const struct ncm_service other_service = {.name = "the registry", .judge = judge_other, .is_registry = true};

static const struct ncm_service *service_of(const struct ollama_name *name)
{
	if (ollama_name_is_default_host(name))
		return &ollama_service;
	return ollama_name_is_huggingface(name) ? &huggingface_service : &other_service;
}

static void cleanup_name(struct ollama_name *name)
{
	ollama_name_clear(name);
}
#define AUTO_NAME __attribute__((cleanup(cleanup_name)))

static bool claims(const char *uri)
{
	NCM_AUTO_FREE char *name = ollama_page_name(uri);

	return name || strncasecmp(uri, "ollama:", 7) == 0;
}

static char *spell(const struct ollama_name *name, const struct ncm_sha256 *digest)
{
	NCM_AUTO_FREE char *text = ollama_name_short(name);
	char hex[NCM_SHA256_HEX + 1];

	return digest ? ncm_asprintf("ollama:%s@sha256:%s", text, ncm_sha256_hex(digest, hex))
		      : ncm_asprintf("ollama:%s", text);
}

static int check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	AUTO_NAME struct ollama_name name = {0};

	(void)allow_http;
	if (ollama_name_parse(uri, &name, err) < 0)
		return -1;
	*canonical = spell(&name, name.has_digest ? &name.digest : NULL);
	return 0;
}

static void names(const char *canonical, char **id, char **display)
{
	AUTO_NAME struct ollama_name name = {0};
	NCM_AUTO_FREE char *key = NULL;

	if (ollama_name_parse(canonical, &name, NULL) < 0) {
		*id = ncm_source_slug(canonical);
		*display = ncm_strdup(canonical);
		return;
	}
	*display = ollama_name_short(&name);
	key = spell(&name, NULL);
	*id = ncm_source_shown_id(*display, strncmp(*display, "civitai:", strlen("civitai:")) != 0, key);
}

/* One look-up of a model: what is asked, where and for whom. */
struct lookup {
	struct ncm_sources *sources;
	const struct ncm_file_spec *spec;
	struct ollama_name name;
	char *base;       /* "https://registry.ollama.ai" */
	char *repository; /* "<base>/v2/library/llama3.2" */
	char *what;       /* "model llama3.2:3b" */
	struct ncm_credential *credential;
};

static void clear_lookup(struct lookup *lookup)
{
	ollama_name_clear(&lookup->name);
	free(lookup->base);
	free(lookup->repository);
	free(lookup->what);
}
#define AUTO_LOOKUP __attribute__((cleanup(clear_lookup)))

static int start_lookup(struct lookup *lookup, const char *uri, struct ncm_error *err)
{
	const struct ollama_name *name = &lookup->name;
	NCM_AUTO_FREE char *shown = NULL;
	NCM_AUTO_FREE char *repository = NULL;

	if (ollama_name_parse(uri, &lookup->name, err) < 0)
		return -1;
	shown = ollama_name_short(name);
	repository = ncm_asprintf("%s/%s", name->namespace, name->model);
	lookup->what = ncm_asprintf("model %s", shown);
	lookup->base = ollama_name_base(name, lookup->sources->config, lookup->spec->insecure_http);
	lookup->repository = ncm_asprintf("%s/v2/%s", lookup->base, repository);
	lookup->credential = ollama_credential(lookup->sources, lookup->base, repository);
	return 0;
}

static int get_manifest(const struct lookup *lookup, const char *reference, struct ncm_reply *reply,
			struct ncm_sha256 *digest, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/manifests/%s", lookup->repository, reference);
	const struct ncm_request request = {
	    .url = url,
	    .accept = OLLAMA_MANIFEST_TYPE, /* with the list's type it may be a list */
	    .credential = lookup->credential,
	    .service = service_of(&lookup->name),
	    .what = lookup->what,
	    .limit = NCM_LIMIT_MANIFEST_BYTES,
	};

	if (lookup->sources->get(lookup->sources->http, &request, reply, err) < 0)
		return -1;
	ncm_sha256_of(reply->body ? reply->body : "", reply->body_size, digest);
	return 0;
}

/* Which manifest it has to be, if that is pinned: by the URI, by the manifest file, or by the lock. */
static bool pinned_digest(const struct lookup *lookup, const struct ncm_pin *pin, struct ncm_sha256 *digest)
{
	if (lookup->name.has_digest)
		*digest = lookup->name.digest;
	else if (lookup->spec->has_digest)
		*digest = lookup->spec->digest;
	else if (!pin || !pin->revision || ncm_sha256_parse(pin->revision, digest) < 0)
		return false;
	return true;
}

static int drifted(const struct lookup *lookup, const struct ncm_sha256 *pinned, const struct ncm_sha256 *served,
		   struct ncm_error *err)
{
	char pinned_hex[NCM_SHA256_HEX + 1], served_hex[NCM_SHA256_HEX + 1];

	ncm_error_set(err, NCM_E_CHECKSUM,
		      "%s: the tag now names another model: pinned sha256:%s, the registry serves sha256:%s",
		      lookup->what, ncm_sha256_hex(pinned, pinned_hex), ncm_sha256_hex(served, served_hex));
	if (lookup->name.has_digest || lookup->spec->has_digest)
		return ncm_error_hint(err, "to take what is served now, change the digest that the manifest file pins");
	return ncm_error_hint(err, "take what is served now with --update, or keep what you have");
}

/* Registries need not serve manifests by digest: the tag is asked first, and the digest when the tag has moved on. */
static int get_pinned_manifest(const struct lookup *lookup, const struct ncm_pin *pin, struct ncm_reply *reply,
			       struct ncm_sha256 *digest, struct ncm_error *err)
{
	struct ncm_sha256 wanted, other;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *reference = NULL;
	NCM_AUTO_REPLY struct ncm_reply older = {0};

	if (get_manifest(lookup, lookup->name.tag, reply, digest, err) < 0)
		return -1;
	if (!pinned_digest(lookup, pin, &wanted) || ncm_sha256_equal(&wanted, digest))
		return 0;
	reference = ncm_asprintf("sha256:%s", ncm_sha256_hex(&wanted, hex));
	if (get_manifest(lookup, reference, &older, &other, NULL) < 0 || !ncm_sha256_equal(&wanted, &other))
		return drifted(lookup, &wanted, digest, err);
	ncm_reply_clear(reply);
	*reply = older;
	older = (struct ncm_reply){0};
	*digest = other;
	return 0;
}

static const struct ncm_artifact *find_config(const struct ncm_resolution *resolution)
{
	for (size_t i = resolution->count; i > 0; i--) {
		if (strcmp(resolution->artifacts[i - 1].role, "config") == 0)
			return &resolution->artifacts[i - 1];
	}
	return NULL;
}

static char *filled(const json_t *config, const char *key)
{
	const char *text = ncm_json_string(config, key);

	return text && *text ? ncm_strdup(text) : NULL;
}

static void take_config(const struct lookup *lookup, const char *body, size_t size, struct ncm_resolution *resolution)
{
	NCM_AUTO_JSON json_t *config = ncm_json_parse(body, size, lookup->what, NCM_E_PROTOCOL, NULL);

	resolution->architecture = filled(config, "model_family");
	resolution->parameters = filled(config, "model_type");
	resolution->quantization = filled(config, "file_type");
}

/* Family, parameters and quantization stand in the config blob. Nice to have, so no failure matters. */
static void read_config(const struct lookup *lookup, struct ncm_resolution *resolution)
{
	const struct ncm_artifact *artifact = find_config(resolution);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_sha256 digest;

	if (!artifact || artifact->size > LARGEST_CONFIG)
		return;
	if (lookup->sources->get(lookup->sources->http,
				 &(const struct ncm_request){.url = artifact->url,
							     .credential = lookup->credential,
							     .service = service_of(&lookup->name),
							     .what = lookup->what,
							     .limit = LARGEST_CONFIG},
				 &reply, NULL) < 0 ||
	    !reply.body)
		return;
	ncm_sha256_of(reply.body, reply.body_size, &digest);
	if (ncm_sha256_equal(&digest, &artifact->sha256))
		take_config(lookup, reply.body, reply.body_size, resolution);
}

/* Content by its digest that lies in a bundle's folder, or in the cache where that alone is asked. */
static char *kept(const struct lookup *lookup, const struct ncm_sha256 *digest, size_t limit, size_t *size)
{
	char *body = ncm_source_bundled(lookup->sources->config, digest, limit, size);

	return body ? body : ncm_source_cached_bytes(lookup->sources, digest, limit, size);
}

static void read_bundled_config(const struct lookup *lookup, struct ncm_resolution *resolution)
{
	const struct ncm_artifact *artifact = find_config(resolution);
	size_t size = 0;
	NCM_AUTO_FREE char *body = artifact ? kept(lookup, &artifact->sha256, LARGEST_CONFIG, &size) : NULL;

	if (body)
		take_config(lookup, body, size, resolution);
}

static char *page_of(const struct ollama_name *name)
{
	if (ollama_name_is_default_host(name))
		return ncm_asprintf("https://ollama.com/%s/%s:%s", name->namespace, name->model, name->tag);
	if (ollama_name_is_huggingface(name))
		return ncm_asprintf("https://huggingface.co/%s/%s", name->namespace, name->model);
	return NULL;
}

static void describe(const struct lookup *lookup, struct ncm_reply *manifest, const struct ncm_sha256 *digest,
		     struct ncm_resolution *resolution)
{
	const struct ollama_name *name = &lookup->name;
	char hex[NCM_SHA256_HEX + 1];

	resolution->uri = spell(name, digest);
	resolution->revision = ncm_asprintf("sha256:%s", ncm_sha256_hex(digest, hex));
	resolution->page = page_of(name);
	resolution->credential = lookup->credential;
	resolution->service = service_of(name);
	resolution->ollama_name = ncm_asprintf("%s/%s/%s/%s", name->host, name->namespace, name->model, name->tag);
	resolution->manifest = manifest->body;
	resolution->manifest_size = manifest->body_size;
	resolution->manifest_digest = *digest;
	manifest->body = NULL;
}

static struct ncm_resolution *resolve(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin, struct ncm_error *err)
{
	AUTO_LOOKUP struct lookup lookup = {.sources = sources, .spec = spec};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_resolution *resolution;
	struct ncm_sha256 digest;

	if (start_lookup(&lookup, uri, err) < 0 || get_pinned_manifest(&lookup, pin, &reply, &digest, err) < 0)
		return NULL;
	resolution = ncm_calloc(1, sizeof *resolution);
	if (ollama_manifest_read(reply.body ? reply.body : "", reply.body_size, lookup.what, lookup.repository,
				 resolution, err) < 0 ||
	    ollama_manifest_check_pins(resolution, spec, lookup.what, err) < 0)
		return ncm_resolution_drop(resolution);
	if (resolution->runner)
		ncm_emit_text(sources->sink, NCM_EVENT_NOTE,
			      "%s: of several manifests the registry gave the one for the runner \"%.64s\"",
			      lookup.what, resolution->runner);
	describe(&lookup, &reply, &digest, resolution);
	read_config(&lookup, resolution);
	return resolution;
}

/* A pinned manifest that a folder of content by its digest has is as good as the registry's. */
static struct ncm_resolution *from_bundle(struct lookup *lookup, const struct ncm_sha256 *digest)
{
	struct ncm_reply manifest = {0};
	struct ncm_resolution *resolution;

	manifest.body = kept(lookup, digest, NCM_LIMIT_MANIFEST_BYTES, &manifest.body_size);
	if (!manifest.body)
		return NULL;
	resolution = ncm_calloc(1, sizeof *resolution);
	if (ollama_manifest_read(manifest.body, manifest.body_size, lookup->what, lookup->repository, resolution,
				 NULL) < 0 ||
	    ollama_manifest_check_pins(resolution, lookup->spec, lookup->what, NULL) < 0) {
		ncm_reply_clear(&manifest);
		return ncm_resolution_drop(resolution);
	}
	describe(lookup, &manifest, digest, resolution);
	read_bundled_config(lookup, resolution);
	return resolution;
}

/* The manifest's bytes are part of what is installed, and no pin holds them: pins are enough for a plan alone. */
static struct ncm_resolution *offline(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin)
{
	AUTO_LOOKUP struct lookup lookup = {.sources = sources, .spec = spec};
	const bool by_pins = pin && pin->for_plan && spec->layer_count > 0;
	struct ncm_resolution *resolution = NULL;
	struct ncm_reply no_manifest = {0};
	struct ncm_sha256 digest;

	if ((!by_pins && sources->config->bundle_count == 0 && !sources->cache_alone) ||
	    start_lookup(&lookup, uri, NULL) < 0 || !pinned_digest(&lookup, pin, &digest))
		return NULL;
	resolution = from_bundle(&lookup, &digest);
	if (resolution || !by_pins)
		return resolution;
	resolution = ncm_calloc(1, sizeof *resolution);
	ollama_manifest_of_pins(spec, lookup.repository, resolution);
	describe(&lookup, &no_manifest, &digest, resolution);
	return resolution;
}

static char *newest(const char *canonical)
{
	AUTO_NAME struct ollama_name name = {0};

	return ollama_name_parse(canonical, &name, NULL) < 0 ? NULL : spell(&name, NULL);
}

char *ncm_source_blob_url(const struct ncm_resolution *resolution, const struct ncm_sha256 *digest)
{
	static const char mark[] = "/blobs/";
	const char *known = resolution->ollama_name && resolution->count > 0 ? resolution->artifacts[0].url : NULL;
	const char *end = known ? strstr(known, mark) : NULL;
	char hex[NCM_SHA256_HEX + 1];

	if (!end)
		return NULL;
	return ncm_asprintf("%.*s%ssha256:%s", (int)(end - known), known, mark, ncm_sha256_hex(digest, hex));
}

static const char *stem(const char *uri, size_t *size)
{
	const char *slash = strrchr(uri, '/');
	const char *name = slash ? slash : uri + strlen("ollama:");

	*size = strcspn(uri, "@");
	return strncmp(uri, "ollama:", strlen("ollama:")) == 0 && memchr(name, ':', strcspn(name, "@")) ? uri : NULL;
}

static const struct ncm_habit *habit(const char *canonical)
{
	static const struct ncm_habit own = {"llm", "ollama", "ollama", NULL};

	(void)canonical;
	return &own;
}

/* Its address stands in for the default host alone; how its registries know us, they say (ollama_token.c). */
static const struct config_service settings = {.name = "ollama",
					       .title = "Ollama",
					       .endpoint = "https://registry.ollama.ai",
					       .endpoint_variable = "NCMODEL_OLLAMA_REGISTRY"};

const struct ncm_source ncm_source_ollama = {
    .settings = &settings,
    .scheme = "ollama",
    .begins = "ollama:",
    .revision = NCM_REVISION_TAG,
    .gives_blobs = true,
    .habit = habit,
    .stem = stem,
    .claims = claims,
    .check = check,
    .names = names,
    .resolve = resolve,
    .offline = offline,
    .newest = newest,
};
