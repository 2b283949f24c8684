/* SPDX-License-Identifier: MIT */
/* The table of sources, and what goes to whom. */
#include "source/source.h"

#include "base/address.h"
#include "base/mem.h"
#include "source/oci.h"
#include "source/ollama.h"
#include "source/shared.h"

#include <string.h>

extern const struct ncm_source ncm_source_s3, ncm_source_url; /* named nowhere else */

/* In order of precedence: pages of a known service are better asked there than fetched as plain URLs. */
static const struct ncm_source *const table[] = {
    &ncm_source_ollama, &ncm_source_huggingface, &ncm_source_civitai, &ncm_source_oci,
    &ncm_source_comfy,  &ncm_source_s3,          &ncm_source_url,
};

const struct ncm_source *ncm_source_at(size_t index)
{
	return index < sizeof table / sizeof *table ? table[index] : NULL;
}

const struct ncm_source *ncm_source_of(const char *uri)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (table[i]->claims(uri))
			return table[i];
	}
	return NULL;
}

int ncm_source_check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	const struct ncm_source *source = ncm_source_of(uri);
	NCM_AUTO_FREE char *spelled = NULL;

	if (!source) {
		NCM_AUTO_FREE char *beginnings = ncm_source_beginnings(0);

		ncm_error_set(err, NCM_E_USAGE, "%.*s: not a source that ncmodel knows", ncm_source_shown(uri), uri);
		return ncm_error_hint(err, "sources begin with %s", beginnings);
	}
	for (const unsigned char *c = (const unsigned char *)uri; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			return ncm_error_set(err, NCM_E_USAGE, "a source holds no control characters");
	}
	if (source->check(uri, allow_http, &spelled, err) < 0)
		return -1;
	if (canonical) {
		*canonical = spelled;
		spelled = NULL;
	}
	return 0;
}

bool ncm_source_may_use_http(const struct ncm_file_spec *spec, const char *uri)
{
	return spec->insecure_http || spec->has_sha256 || strstr(uri, "#sha256=");
}

void ncm_source_names(const char *uri, char **id, char **display)
{
	NCM_AUTO_FREE char *canonical = NULL;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0) {
		*id = ncm_source_slug(uri);
		*display = ncm_strdup(uri);
		return;
	}
	ncm_source_of(canonical)->names(canonical, id, display);
}

struct ncm_resolution *ncm_source_resolve(struct ncm_sources *sources, const char *uri,
					  const struct ncm_file_spec *spec, const struct ncm_pin *pin,
					  struct ncm_error *err)
{
	NCM_AUTO_FREE char *canonical = NULL;

	if (ncm_source_check(uri, ncm_source_may_use_http(spec, uri), &canonical, err) < 0)
		return NULL;
	return ncm_source_of(canonical)->resolve(sources, canonical, spec, pin, err);
}

int ncm_source_checkpoints(struct ncm_sources *sources, const struct ncm_resolution *found,
			   const struct ncm_artifact *artifact, const struct ncm_sha256 *sha256, uint64_t size,
			   struct ncm_checkpoints *checkpoints)
{
	const struct ncm_source *source = ncm_source_of(found->uri);

	return source && source->checkpoints ? source->checkpoints(sources, found, artifact, sha256, size, checkpoints)
					     : -1;
}

struct ncm_resolution *ncm_source_find(struct ncm_sources *sources, const struct ncm_sha256 *sha256, uint64_t size,
				       struct ncm_error *err)
{
	const struct ncm_source *source;

	for (size_t i = 0; (source = ncm_source_at(i)); i++) {
		struct ncm_error why = NCM_ERROR_INIT;
		struct ncm_resolution *found = source->find ? source->find(sources, sha256, size, &why) : NULL;

		if (found)
			return found;
		if (why.code != NCM_OK) {
			ncm_error_move(err, &why);
			return NULL;
		}
	}
	return NULL;
}

bool ncm_source_may_find(const char *name)
{
	return ncm_source_is_binary_name(name);
}

struct ncm_resolution *ncm_source_offline(struct ncm_sources *sources, const char *uri,
					  const struct ncm_file_spec *spec, const struct ncm_pin *pin)
{
	NCM_AUTO_FREE char *canonical = NULL;

	if (ncm_source_check(uri, ncm_source_may_use_http(spec, uri), &canonical, NULL) < 0)
		return NULL;
	return ncm_source_of(canonical)->offline(sources, canonical, spec, pin);
}

char *ncm_source_newest(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return NULL;
	return ncm_source_of(canonical)->newest(canonical);
}

char *ncm_source_key(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return NULL;
	source = ncm_source_of(canonical);
	return source->key ? source->key(canonical) : source->newest(canonical);
}

char *ncm_source_remembered(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;

	if (!ncm_text_has_secret(uri))
		return ncm_strdup(uri);
	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return ncm_address_remembered(uri);
	return ncm_address_remembered(canonical);
}

char *ncm_source_repository(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return NULL;
	source = ncm_source_of(canonical);
	return source->repository ? source->repository(canonical) : NULL;
}

char *ncm_source_home(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return NULL;
	source = ncm_source_of(canonical);
	return source->home ? source->home(canonical) : NULL;
}

char *ncm_source_folder(const char *uri)
{
	char *home = ncm_source_home(uri);

	return home ? home : ncm_source_repository(uri);
}

char *ncm_source_reference(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return NULL;
	source = ncm_source_of(canonical);
	return source->reference ? source->reference(canonical) : NULL;
}

bool ncm_source_is_whole(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return false;
	source = ncm_source_of(canonical);
	return source->is_whole && source->is_whole(canonical);
}

int ncm_source_choose(const char *uri, const struct ncm_strings *include, const struct ncm_strings *exclude,
		      char **chosen, struct ncm_error *err)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source;

	if (ncm_source_check(uri, true, &canonical, err) < 0)
		return -1;
	source = ncm_source_of(canonical);
	if (source->choose)
		return source->choose(canonical, include, exclude, chosen, err);
	ncm_error_set(err, NCM_E_USAGE, "%.*s: --include and --exclude choose among the files of a whole repository",
		      ncm_source_shown(uri), uri);
	return ncm_error_hint(err, "a repository of Hugging Face is written hf:ORG/REPO");
}

char *ncm_source_recall(const char *uri, const char *known)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source;
	char *recalled = NULL;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return NULL;
	source = ncm_source_of(canonical);
	return source->recall && source->recall(canonical, known, &recalled) ? recalled : NULL;
}

/* Asks for the first bytes alone: where a redirect leads elsewhere, and all that is refused, the answer is there
 * already.
 */
static int ask_for(const struct ncm_sources *sources, const struct ncm_resolution *resolution, const char *method,
		   const char *url, const char *what, struct ncm_error *err)
{
	enum { MOST_BYTES = 64 << 10 };
	const struct ncm_request request = {.url = url,
					    .method = method,
					    .credential = resolution->credential,
					    .service = resolution->service,
					    .what = what,
					    .limit = MOST_BYTES,
					    .stop_at_foreign_redirect = true};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	return sources->get(sources->http, &request, &reply, err);
}

/* That a HEAD is refused says nothing yet: some servers refuse all of them. */
int ncm_source_ask_access(const struct ncm_sources *sources, const struct ncm_resolution *resolution,
			  const struct ncm_artifact *artifact, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	const struct ncm_source *source = ncm_source_of(resolution->uri);
	NCM_AUTO_FREE char *key = ncm_source_key(resolution->uri);
	const char *what = key ? key : resolution->uri;

	if ((source && source->refuses_head) || ask_for(sources, resolution, "HEAD", artifact->url, what, &why) < 0) {
		ncm_error_clear(&why);
		(void)ask_for(sources, resolution, NULL, artifact->url, what, &why);
	}
	if (why.code == NCM_OK)
		return 0;
	if (why.code == NCM_E_AUTH)
		return ncm_error_move(err, &why);
	ncm_error_clear(&why);
	return 1;
}

bool ncm_source_holds(const char *uri, const char *other)
{
	NCM_AUTO_FREE char *key = ncm_source_key(uri);
	NCM_AUTO_FREE char *others = ncm_source_key(other);
	NCM_AUTO_FREE char *canonical = NULL;
	NCM_AUTO_FREE char *canonical_other = NULL;
	const struct ncm_source *source = key ? ncm_source_of(key) : NULL;

	if (!key || !others)
		return false;
	if (strcmp(key, others) == 0)
		return true;
	return source->holds && source == ncm_source_of(others) && ncm_source_check(uri, true, &canonical, NULL) == 0 &&
	       ncm_source_check(other, true, &canonical_other, NULL) == 0 && source->holds(canonical, canonical_other);
}

const char *ncm_source_stem(const char *uri, size_t *size)
{
	const struct ncm_source *source = ncm_source_of(uri);

	return source ? source->stem(uri, size) : NULL;
}

struct ncm_artifact *ncm_resolution_add(struct ncm_resolution *resolution)
{
	return NCM_PUSH(resolution->artifacts, resolution->count);
}

char *ncm_source_lock(const struct ncm_sources *sources, const struct ncm_resolution *found, size_t *size)
{
	enum { MOST_BYTES = 1 << 20 };
	const struct ncm_request request = {.url = found->lock_url,
					    .credential = found->credential,
					    .service = found->service,
					    .what = found->uri,
					    .limit = MOST_BYTES};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_sha256 sha256;
	char *text;

	if (!found->lock_url || sources->get(sources->http, &request, &reply, NULL) < 0 || !reply.body)
		return NULL;
	ncm_sha256_of(reply.body, reply.body_size, &sha256);
	if (!ncm_sha256_equal(&sha256, &found->lock_sha256))
		return NULL;
	*size = reply.body_size;
	text = reply.body;
	reply.body = NULL;
	return text;
}

void ncm_resolution_free(struct ncm_resolution *resolution)
{
	if (!resolution)
		return;
	for (size_t i = 0; i < resolution->count; i++) {
		free(resolution->artifacts[i].name);
		free(resolution->artifacts[i].role);
		free(resolution->artifacts[i].url);
	}
	free(resolution->artifacts);
	ncm_error_clear(&resolution->untold);
	free(resolution->uri);
	free(resolution->spelled);
	free(resolution->revision);
	free(resolution->page);
	free(resolution->ollama_name);
	free(resolution->manifest);
	free(resolution->runner);
	free(resolution->notice);
	free(resolution->lock_url);
	free(resolution->kind);
	card_clear(&resolution->card);
	free(resolution->architecture);
	free(resolution->parameters);
	free(resolution->quantization);
	free(resolution->license);
	free(resolution->listing);
	free(resolution);
}

struct ncm_resolution *ncm_resolution_drop(struct ncm_resolution *resolution)
{
	ncm_resolution_free(resolution);
	return NULL;
}

static json_t *ask(void *context, const struct ncm_request *request, struct ncm_error *err)
{
	return ncm_source_json(context, request, NULL, err);
}

struct ncm_sources *ncm_sources_new(const struct ncm_config *config, struct ncm_http *http, const struct ncm_sink *sink)
{
	struct ncm_sources *sources = ncm_calloc(1, sizeof *sources);

	sources->config = config;
	sources->http = http;
	sources->sink = sink;
	sources->get = ncm_http_get;
	sources->bundle_gone = ncm_calloc(config->bundle_count + 1, sizeof *sources->bundle_gone);
	ncm_source_credentials_new(sources);
	sources->registries = (struct oci_registries){.config = config, .sink = sink, .ask = ask, .context = sources};
	oci_registries_init(&sources->registries);
	sources->referrers = oci_referrers_new();
	return sources;
}

void ncm_sources_free(struct ncm_sources *sources)
{
	if (!sources)
		return;
	ncm_source_credentials_free(sources);
	oci_registries_clear(&sources->registries);
	oci_referrers_free(sources->referrers);
	free(sources->bundle_gone);
	ncm_error_clear(&sources->cache_why);
	free(sources);
}
