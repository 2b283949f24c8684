/* SPDX-License-Identifier: MIT */
/*
 * Objects of S3 and of what speaks like it (MinIO, Ceph, Garage, R2 …), read alone: "s3:BUCKET/KEY". The server is that
 * of "endpoints".s3, asked in path style, which all of them have. HEAD tells the size, and the SHA-256 where it was
 * uploaded with one. An object may change: it is an address, whose bytes alone tell.
 */
#include "source/s3.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/path.h"

#include <string.h>

/* "http://127.0.0.1:9000/bucket/key". The caller frees it. */
static char *address_of(const struct ncm_config *config, const struct s3_name *name)
{
	NCM_AUTO_FREE char *base = s3_base(config);
	NCM_AUTO_FREE char *key = ncm_url_encode(name->key, true);

	return ncm_asprintf("%s/%s/%s", base, name->bucket, key);
}

static void describe_artifact(const struct ncm_config *config, const struct s3_name *name,
			      const struct ncm_file_spec *spec, struct ncm_artifact *artifact)
{
	artifact->kind = NCM_ARTIFACT_FILE;
	artifact->name = ncm_strdup(ncm_path_base(name->key));
	artifact->url = address_of(config, name);
	artifact->expect_binary = ncm_source_is_binary_name(artifact->name);
	ncm_source_take_pins(spec, name->has_sha256 ? &name->sha256 : NULL, artifact);
}

static struct ncm_resolution *make(const struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				   struct ncm_error *err)
{
	S3_AUTO_NAME struct s3_name name = {0};
	struct ncm_resolution *resolution;

	if (s3_name_parse(uri, &name, err) < 0 || s3_check_keys(sources->config, err) < 0)
		return NULL;
	resolution = ncm_calloc(1, sizeof *resolution);
	resolution->uri = ncm_strdup(uri);
	resolution->credential = ncm_source_credential(sources, &ncm_source_s3);
	resolution->service = &s3_service;
	describe_artifact(sources->config, &name, spec, ncm_resolution_add(resolution));
	return resolution;
}

/* Of the whole object: that of one uploaded in parts is a digest of digests, and has "-N" behind it. */
static void take_checksum(const struct ncm_reply *reply, struct ncm_artifact *artifact)
{
	NCM_AUTO_FREE char *told = ncm_reply_header(reply, "x-amz-checksum-sha256");
	NCM_AUTO_FREE char *bytes = NULL;
	size_t size = 0;

	if (!told || artifact->has_sha256)
		return;
	bytes = ncm_base64_decode(told, strlen(told), &size);
	if (!bytes || size != sizeof artifact->sha256.bytes)
		return;
	memcpy(artifact->sha256.bytes, bytes, size);
	artifact->has_sha256 = true;
}

static int ask(const struct ncm_sources *sources, struct ncm_resolution *resolution, bool once, struct ncm_error *err)
{
	struct ncm_artifact *artifact = resolution->artifacts;
	NCM_AUTO_FREE char *what = ncm_source_key(resolution->uri);
	const struct ncm_request request = {.url = artifact->url,
					    .method = "HEAD",
					    .what = what,
					    .credential = resolution->credential,
					    .service = resolution->service,
					    .once = once,
					    .head_or_first_byte = true}; /* a HEAD is refused without a word why */
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (sources->get(sources->http, &request, &reply, err) < 0)
		return -1;
	take_checksum(&reply, artifact);
	if (!artifact->has_size)
		artifact->has_size = ncm_source_told_size(&reply, &artifact->size);
	/* For the plan alone: nobody promised that the object stays as it is until it is fetched. */
	artifact->size_is_rough = artifact->has_size && !artifact->has_sha256;
	return 0;
}

static struct ncm_resolution *resolve(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin, struct ncm_error *err)
{
	struct ncm_resolution *resolution = make(sources, uri, spec, err);

	(void)pin; /* it has no revision */
	if (!resolution || spec->has_size)
		return resolution;
	return ask(sources, resolution, false, err) < 0 ? ncm_resolution_drop(resolution) : resolution;
}

struct ncm_resolution *s3_resolve_once(struct ncm_sources *sources, const char *canonical, struct ncm_error *err)
{
	const struct ncm_file_spec bare = {0};
	struct ncm_resolution *resolution = make(sources, canonical, &bare, err);

	if (resolution && ask(sources, resolution, true, err) < 0)
		return ncm_resolution_drop(resolution);
	return resolution;
}

static struct ncm_resolution *offline(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin)
{
	struct ncm_resolution *resolution = make(sources, uri, spec, NULL);

	if (!resolution || spec->has_size || (pin && pin->for_plan && resolution->artifacts[0].has_sha256))
		return resolution;
	return ncm_resolution_drop(resolution);
}

const struct ncm_source ncm_source_s3 = {
    .settings = &s3_settings,
    .scheme = "s3",
    .begins = "s3:",
    .revision = NCM_REVISION_NONE,
    .sign_in = s3_sign_in,
    .file_name = s3_file_name,
    .stem = s3_stem,
    .claims = s3_claims,
    .check = s3_check,
    .names = s3_names,
    .resolve = resolve,
    .offline = offline,
    .newest = s3_newest,
};
