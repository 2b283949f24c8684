/* SPDX-License-Identifier: MIT */
/*
 * Registries of containers that keep models: "oci:REGISTRY/REPOSITORY[:TAG][@sha256:HEX][//FILE]", "docker:…" too.
 *
 * GET /v2/REPOSITORY/manifests/TAG gives a manifest, or an index of some; its SHA-256 is the revision, and what is
 * asked for once it is known. Each layer is a file, at /v2/REPOSITORY/blobs/sha256:HEX. A FILE is one of these by its
 * name, or a glob; "?include=GLOB&exclude=GLOB" chooses among all. Facts: opencontainers/distribution-spec; which
 * layers are what, src/oci/artifact.h.
 */
#include "source/oci.h"

#include "base/mem.h"
#include "base/path.h"
#include "oci/artifact.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { LARGEST_CONFIG = 1 << 20, LISTED = 8 };

static int judge(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	NCM_AUTO_FREE char *complaint = NULL;

	/* Blobs come from a content network that has its own ways. */
	if (reply->status < 400 || !strstr(reply->url ? reply->url : "", "/v2/"))
		return 0;
	complaint = ncm_source_complaint(reply);
	if (reply->status == 404) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the registry has no such repository, tag or digest", what);
		return ncm_error_hint(err, "check the name and the tag");
	}
	if (reply->status != 401 && reply->status != 403)
		return 0;
	ncm_error_set(err, NCM_E_AUTH, "%s: the registry refuses it%s%s%.256s", what,
		      sent_credential ? ", with a token or password too" : "", complaint ? ": " : "",
		      complaint ? complaint : "");
	return ncm_error_hint(err, "check the name; if it is private, sign in with `docker login` or `podman login`: "
				   "their files are read");
}

static const struct ncm_service service = {.name = "the registry", .judge = judge, .is_registry = true};

/* One look-up: what is asked, where and for whom. */
struct lookup {
	struct ncm_sources *sources;
	const struct ncm_file_spec *spec;
	struct oci_spelling name;
	char *repository; /* "https://ghcr.io/v2/org/model" */
	char *what;       /* "model ghcr.io/org/model:tag" */
	struct ncm_credential *credential;
	struct ncm_sha256 revision;
	bool is_pinned; /* by the URI or the lock: then it is that revision */
	struct oci_manifest manifest;
	struct oci_files files;
};

static void clear_lookup(struct lookup *lookup)
{
	oci_spelling_clear(&lookup->name);
	free(lookup->repository);
	free(lookup->what);
	oci_files_clear(&lookup->files);
	oci_manifest_clear(&lookup->manifest);
}
#define AUTO_LOOKUP __attribute__((cleanup(clear_lookup)))

char *oci_base(const struct ncm_config *config, const struct oci_name *name, bool insecure_http)
{
	const char *host = name->registry;

	if (strcmp(host, OCI_DOCKER_HUB) == 0)
		return ncm_source_endpoint(config, &ncm_source_oci);
	return ncm_asprintf("%s://%s", insecure_http ? "http" : oci_scheme_of(config, host), host);
}

static int start(struct lookup *lookup, const char *uri, const struct ncm_pin *pin, struct ncm_error *err)
{
	const struct oci_name *name = &lookup->name.oci;
	NCM_AUTO_FREE char *shown = NULL;
	NCM_AUTO_FREE char *base = NULL;

	if (oci_spelling_parse(uri, &lookup->name, err) < 0)
		return -1;
	shown = oci_name_spell(name, name->tag ? NULL : &name->digest);
	base = oci_base(lookup->sources->config, name, lookup->spec->insecure_http);
	lookup->what = ncm_asprintf("model %s", shown);
	lookup->repository = ncm_asprintf("%s/v2/%s", base, name->repository);
	lookup->credential = oci_credential(&lookup->sources->registries, base, name->repository, NULL);
	lookup->revision = name->digest;
	lookup->is_pinned =
	    name->has_digest || (pin && pin->revision && ncm_sha256_parse(pin->revision, &lookup->revision) == 0);
	return 0;
}

static int ask(const struct lookup *lookup, const char *what, const char *reference, size_t limit,
	       struct ncm_reply *reply, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/%s/%s", lookup->repository, what, reference);
	const struct ncm_request request = {.url = url,
					    .accept = strcmp(what, "manifests") == 0 ? OCI_ACCEPT : NULL,
					    .credential = lookup->credential,
					    .service = &service,
					    .what = lookup->what,
					    .limit = limit};

	return lookup->sources->get(lookup->sources->http, &request, reply, err);
}

/* Asks by digest: what comes has it. */
static int ask_digest(const struct lookup *lookup, const char *what, const struct ncm_sha256 *digest, size_t limit,
		      struct ncm_reply *reply, struct ncm_error *err)
{
	struct ncm_sha256 served;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *reference = ncm_asprintf("sha256:%s", ncm_sha256_hex(digest, hex));

	if (ask(lookup, what, reference, limit, reply, err) < 0)
		return -1;
	ncm_sha256_of(reply->body ? reply->body : "", reply->body_size, &served);
	if (ncm_sha256_equal(&served, digest))
		return 0;
	return ncm_error_set(err, NCM_E_CHECKSUM, "%s: asked for %s, the registry serves sha256:%s", lookup->what,
			     reference, ncm_sha256_hex(&served, hex));
}

static int read_manifest(const struct lookup *lookup, const struct ncm_reply *reply, struct oci_manifest *manifest,
			 struct ncm_error *err)
{
	return oci_manifest_parse(reply->body ? reply->body : "", reply->body_size, lookup->what, manifest, err);
}

/* Reads the manifest of an index. */
static int get_child(const struct lookup *lookup, const struct ncm_sha256 *digest, struct oci_manifest *manifest,
		     struct ncm_error *err)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (ask_digest(lookup, "manifests", digest, NCM_LIMIT_MANIFEST_BYTES, &reply, err) < 0 ||
	    read_manifest(lookup, &reply, manifest, err) < 0)
		return -1;
	if (!manifest->is_index)
		return 0;
	oci_manifest_clear(manifest);
	return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the registry has an index in an index", lookup->what);
}

/* Asks each of them; those that are no model are dropped unless all are. */
static int keep_models(const struct lookup *lookup, struct oci_candidates *candidates, struct ncm_error *err)
{
	struct oci_candidates models = {0};

	for (size_t i = 0; i < candidates->count; i++) {
		OCI_AUTO_MANIFEST struct oci_manifest child = {0};

		if (get_child(lookup, &candidates->items[i]->digest, &child, err) < 0)
			return -1;
		if (oci_kind_of(&child) == OCI_MODEL)
			models.items[models.count++] = candidates->items[i];
	}
	models.all = models.count;
	if (models.count > 0)
		*candidates = models;
	return 0;
}

/* The one manifest of an index that is meant takes the index' place. */
static int choose_child(struct lookup *lookup, struct ncm_error *err)
{
	struct oci_candidates candidates;
	NCM_AUTO_FREE char *reference = oci_name_spell(&lookup->name.oci, NULL);
	OCI_AUTO_MANIFEST struct oci_manifest index = lookup->manifest;

	lookup->manifest = (struct oci_manifest){0};
	oci_candidates_of(&index, &candidates);
	if (candidates.all == 0)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: its index has no manifest", lookup->what);
	if (candidates.all > 1 && candidates.all == candidates.count && keep_models(lookup, &candidates, err) < 0)
		return -1;
	if (candidates.all > 1)
		return oci_candidates_list(&candidates, lookup->what, reference, err);
	if (!lookup->is_pinned)
		lookup->revision = candidates.items[0]->digest;
	return get_child(lookup, &candidates.items[0]->digest, &lookup->manifest, err);
}

static int get_manifest(struct lookup *lookup, struct ncm_error *err)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	const bool from_lock = lookup->is_pinned && !lookup->name.oci.has_digest;
	const int failed =
	    lookup->is_pinned
		? ask_digest(lookup, "manifests", &lookup->revision, NCM_LIMIT_MANIFEST_BYTES, &reply, err)
		: ask(lookup, "manifests", lookup->name.oci.tag, NCM_LIMIT_MANIFEST_BYTES, &reply, err);

	if (failed && from_lock && err && err->code == NCM_E_NOT_FOUND)
		return ncm_error_hint(err, "take what is served now with --update, or keep what you have");
	if (failed || read_manifest(lookup, &reply, &lookup->manifest, err) < 0)
		return -1;
	if (!lookup->is_pinned)
		ncm_sha256_of(reply.body ? reply.body : "", reply.body_size, &lookup->revision);
	return lookup->manifest.is_index ? choose_child(lookup, err) : 0;
}

static bool is_chosen(const struct lookup *lookup, const struct oci_file *file)
{
	const struct oci_spelling *name = &lookup->name;

	if (lookup->spec->extract && file->form != OCI_TAR && ncm_path_archive_ending(file->path) == 0)
		return false;
	return oci_spelling_means(name, file->path) &&
	       (name->path || ncm_source_passes(&lookup->spec->include, &lookup->spec->exclude, file->path));
}

static int nothing_chosen(const struct lookup *lookup, struct ncm_error *err)
{
	struct ncm_buffer list = {0};

	for (size_t i = 0; i < lookup->files.count && i < LISTED; i++)
		ncm_buffer_printf(&list, "%s%.128s", i > 0 ? ", " : "", lookup->files.items[i].path);
	if (lookup->files.count > LISTED)
		ncm_buffer_printf(&list, " and %zu more", lookup->files.count - LISTED);
	if (lookup->name.path)
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: there is no file %.256s", lookup->what, lookup->name.path);
	else
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: no file of it is %s", lookup->what,
			      lookup->spec->extract ? "an archive that could be unpacked" : "chosen");
	if (list.data)
		ncm_error_hint(err, "there is: %s", list.data);
	ncm_buffer_free(&list);
	return -1;
}

static void add_artifact(const struct lookup *lookup, const char *path, const struct ncm_sha256 *digest, uint64_t size,
			 struct ncm_resolution *resolution)
{
	struct ncm_artifact *artifact = ncm_resolution_add(resolution);
	char hex[NCM_SHA256_HEX + 1];

	artifact->kind = NCM_ARTIFACT_FILE;
	artifact->name = ncm_strdup(path);
	artifact->url = ncm_asprintf("%s/blobs/sha256:%s", lookup->repository, ncm_sha256_hex(digest, hex));
	artifact->has_size = true;
	artifact->size = size;
	artifact->has_sha256 = true;
	artifact->sha256 = *digest;
	artifact->expect_binary = ncm_source_is_binary_name(path);
}

/* The lock that was pushed along. */
static void note_lock(const struct lookup *lookup, struct ncm_resolution *resolution)
{
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < lookup->manifest.count; i++) {
		const struct oci_descriptor *layer = &lookup->manifest.layers[i];

		if (strcmp(layer->type, OCI_LOCK_TYPE) != 0 || resolution->lock_url)
			continue;
		resolution->lock_sha256 = layer->digest;
		resolution->lock_url =
		    ncm_asprintf("%s/blobs/sha256:%s", lookup->repository, ncm_sha256_hex(&layer->digest, hex));
	}
}

static int add_files(struct lookup *lookup, struct ncm_resolution *resolution, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = oci_spelling_model(&lookup->name);
	struct oci_files *files = &lookup->files;

	if (oci_check_kind(&lookup->manifest, lookup->what, err) < 0 ||
	    oci_files_of(&lookup->manifest, lookup->what, name, files, err) < 0)
		return -1;
	if (files->unnamed > 0)
		ncm_emit_text(lookup->sources->sink, NCM_EVENT_NOTE,
			      "%s: %zu of its parts have no name and are left out", lookup->what, files->unnamed);
	for (size_t i = 0; i < files->count; i++) {
		const struct oci_file *file = &files->items[i];

		if (!is_chosen(lookup, file))
			continue;
		if (oci_check_form(file, lookup->what, lookup->spec->extract, err) < 0)
			return -1;
		add_artifact(lookup, file->path, &file->layer->digest, file->layer->size, resolution);
	}
	return resolution->count > 0 ? 0 : nothing_chosen(lookup, err);
}

static char *filled(const json_t *object, const char *name)
{
	const char *text = ncm_json_string(object, name);

	return text && *text ? ncm_strdup(text) : NULL;
}

/* ModelPack and Docker Model Runner say the same of a model. Nice to have, so no failure matters. */
static void read_config(const struct lookup *lookup, struct ncm_resolution *resolution)
{
	const struct oci_descriptor *config = &lookup->manifest.config;
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_JSON json_t *root = NULL;
	const json_t *facts, *licenses;

	if (!lookup->manifest.has_config || config->size > LARGEST_CONFIG || !oci_config_has_facts(config) ||
	    ask_digest(lookup, "blobs", &config->digest, LARGEST_CONFIG, &reply, NULL) < 0)
		return;
	root = ncm_json_parse(reply.body ? reply.body : "", reply.body_size, lookup->what, NCM_E_PROTOCOL, NULL);
	facts = json_object_get(root, "config");
	licenses = json_object_get(json_object_get(root, "descriptor"), "licenses");
	resolution->architecture = filled(facts, "architecture");
	resolution->parameters = filled(facts, "parameters");
	if (!resolution->parameters)
		resolution->parameters = filled(facts, "paramSize");
	resolution->quantization = filled(facts, "quantization");
	resolution->license = ncm_strdup_null(json_string_value(json_array_get(licenses, 0)));
}

static struct ncm_resolution *describe(const struct lookup *lookup)
{
	struct ncm_resolution *resolution = ncm_calloc(1, sizeof *resolution);
	const struct oci_name *name = &lookup->name.oci;
	char hex[NCM_SHA256_HEX + 1];

	resolution->uri = oci_spelling_text(&lookup->name, &lookup->revision);
	resolution->revision = ncm_asprintf("sha256:%s", ncm_sha256_hex(&lookup->revision, hex));
	if (strcmp(name->registry, OCI_DOCKER_HUB) == 0)
		resolution->page = ncm_asprintf("https://hub.docker.com/r/%s", name->repository);
	resolution->credential = lookup->credential;
	resolution->service = &service;
	return resolution;
}

static struct ncm_resolution *resolve(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin, struct ncm_error *err)
{
	AUTO_LOOKUP struct lookup lookup = {.sources = sources, .spec = spec};
	struct ncm_resolution *resolution;

	if (start(&lookup, uri, pin, err) < 0 || get_manifest(&lookup, err) < 0)
		return NULL;
	resolution = describe(&lookup);
	if (add_files(&lookup, resolution, err) < 0)
		return ncm_resolution_drop(resolution);
	note_lock(&lookup, resolution);
	read_config(&lookup, resolution);
	return resolution;
}

/* A blob's address is its digest: one file whose digest and size are pinned needs no manifest. */
static struct ncm_resolution *offline(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin)
{
	AUTO_LOOKUP struct lookup lookup = {.sources = sources, .spec = spec};
	const bool for_plan = pin && pin->for_plan;
	struct ncm_resolution *resolution;

	if (start(&lookup, uri, pin, NULL) < 0 || !lookup.is_pinned || !oci_spelling_is_one_file(&lookup.name) ||
	    !spec->has_sha256 || (!spec->has_size && !for_plan) || spec->extract)
		return NULL;
	resolution = describe(&lookup);
	add_artifact(&lookup, lookup.name.path, &spec->sha256, spec->size, resolution);
	resolution->artifacts[0].has_size = spec->has_size;
	return resolution;
}

/* Of Docker Hub; who signs in to it, src/credentials tells. */
static const struct config_service settings = {.name = "docker",
					       .title = "Docker Hub",
					       .endpoint = "https://registry-1.docker.io",
					       .endpoint_variable = "NCMODEL_DOCKER_REGISTRY"};

static const char *const aliases[] = {"docker", NULL};

const struct ncm_source ncm_source_oci = {
    .settings = &settings,
    .scheme = "oci",
    .begins = "oci:",
    .aliases = aliases,
    .habit = oci_habit,
    .many = oci_many,
    .file_name = oci_file_name,
    .file_at = oci_file_at,
    .spelled_revision = oci_spelled_revision,
    .stem = oci_stem,
    .claims = oci_claims,
    .check = oci_check,
    .names = oci_names,
    .resolve = resolve,
    .offline = offline,
    .checkpoints = oci_checkpoints,
    .newest = oci_newest,
    .key = oci_key,
    .holds = oci_holds,
    .repository = oci_repository,
    .choose = oci_choose,
    .recall = oci_recall,
};
