/* SPDX-License-Identifier: MIT */
#include "source/shared.h"

#include "base/file.h"
#include "base/mem.h"
#include "config/bundles.h"

#include <stdatomic.h>

char *ncm_source_bundled(const struct ncm_config *config, const struct ncm_sha256 *wanted, size_t limit, size_t *size)
{
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_sha256 digest;

	ncm_sha256_hex(wanted, hex);
	for (size_t i = 0; i < config->bundle_count; i++) {
		const bool is_folder = !config_bundle_is_address(config->bundles[i]);
		NCM_AUTO_FREE char *path = config_bundle_blob(config->bundles[i], hex);
		char *body = is_folder ? ncm_read_file(path, limit, size) : NULL;

		if (!body)
			continue;
		ncm_sha256_of(body, *size, &digest);
		if (ncm_sha256_equal(&digest, wanted))
			return body;
		free(body);
	}
	return NULL;
}

/* One that cannot be asked is asked no more in this run. */
static void tell(struct ncm_sources *sources, size_t bundle, const struct ncm_error *why)
{
	if (!atomic_exchange(&sources->bundle_gone[bundle], true))
		ncm_emit_text(sources->sink, NCM_EVENT_NOTE, "%s cannot be asked: %s", sources->config->bundles[bundle],
			      why->message);
}

bool ncm_source_is_silent(const struct ncm_sources *sources, size_t bundle)
{
	return bundle < sources->config->bundle_count ? sources->bundle_gone[bundle] : sources->cache_gone;
}

static bool says_no(enum ncm_errc code)
{
	return code == NCM_E_NOT_FOUND || code == NCM_E_AUTH || code == NCM_E_INTERRUPTED;
}

static struct ncm_resolution *describe(const char *url, const struct ncm_sha256 *sha256, const struct ncm_reply *reply)
{
	struct ncm_resolution *found = ncm_calloc(1, sizeof *found);
	struct ncm_artifact *artifact = ncm_resolution_add(found);

	found->uri = ncm_strdup(url);
	artifact->url = ncm_strdup(url);
	artifact->has_sha256 = true;
	artifact->sha256 = *sha256;
	artifact->has_size = ncm_source_told_size(reply, &artifact->size);
	return found;
}

struct ncm_resolution *ncm_source_at_bundle(struct ncm_sources *sources, size_t bundle, const struct ncm_sha256 *sha256,
					    const uint64_t *size)
{
	const char *place = sources->config->bundles[bundle];
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *url = config_bundle_blob(place, ncm_sha256_hex(sha256, hex));
	const struct ncm_request request = {.url = url, .method = "HEAD", .what = place, .head_or_first_byte = true};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *found;

	if (!config_bundle_is_address(place) || sources->bundle_gone[bundle])
		return NULL;
	if (sources->get(sources->http, &request, &reply, &why) < 0) {
		if (!says_no(why.code))
			tell(sources, bundle, &why);
		ncm_error_clear(&why);
		return NULL;
	}
	found = describe(url, sha256, &reply);
	/* Of another size, it is half of it. */
	if (size && found->artifacts[0].has_size && found->artifacts[0].size != *size)
		return ncm_resolution_drop(found);
	return found;
}

char *ncm_source_proven(struct ncm_sources *sources, const struct ncm_resolution *found,
			const struct ncm_sha256 *wanted, size_t limit, size_t *size)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_sha256 digest;
	char *body;

	if (sources->get(sources->http,
			 &(const struct ncm_request){.url = found->artifacts[0].url,
						     .credential = found->credential,
						     .service = found->service,
						     .what = found->uri,
						     .limit = limit},
			 &reply, NULL) < 0 ||
	    !reply.body)
		return NULL;
	ncm_sha256_of(reply.body, reply.body_size, &digest);
	if (!ncm_sha256_equal(&digest, wanted))
		return NULL;
	body = reply.body;
	*size = reply.body_size;
	reply.body = NULL;
	return body;
}

char *ncm_source_kept(struct ncm_sources *sources, const struct ncm_sha256 *wanted, size_t limit, size_t *size)
{
	char *body = ncm_source_bundled(sources->config, wanted, limit, size);

	for (size_t i = 0; !body && i <= sources->config->bundle_count; i++) {
		struct ncm_resolution *found = i == 0 ? ncm_source_cached(sources, wanted, NULL)
						      : ncm_source_at_bundle(sources, i - 1, wanted, NULL);

		if (found)
			body = ncm_source_proven(sources, found, wanted, limit, size);
		ncm_resolution_free(found);
	}
	return body;
}
