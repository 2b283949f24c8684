/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints that refer to a manifest (oci/referrer.h). Whoever may write to the repository may have written them:
 * they are hints, which the file's digest proves or not, and what is wrong with them is no failure.
 */
#include "source/oci.h"

#include "base/mem.h"
#include "digest/checkpoint.h"
#include "oci/referrer.h"

#include <pthread.h>
#include <string.h>

/* Below this to ask costs more than it brings. */
static const uint64_t WORTH_BYTES = 64 << 20;

enum {
	MOST_REFERRERS = 4,
	MOST_BYTES = 4 << 20, /* of a manifest or index */
	MOST_SECONDS = 10,
};

/* What refers to one manifest, asked once a run. */
struct referrers {
	struct referrers *next;
	char *repository; /* "https://ghcr.io/v2/org/model" */
	struct ncm_sha256 subject;
	struct oci_manifest manifests[MOST_REFERRERS];
	size_t count;
	bool silent; /* a question had no answer: then no more are asked, as none is worth to wait for */
};

struct oci_referrers {
	pthread_mutex_t lock; /* held while one is asked: others would ask the same */
	struct referrers *first;
};

struct oci_referrers *oci_referrers_new(void)
{
	struct oci_referrers *all = ncm_calloc(1, sizeof *all);

	pthread_mutex_init(&all->lock, NULL);
	return all;
}

void oci_referrers_free(struct oci_referrers *all)
{
	for (struct referrers *at = all->first, *next; at; at = next) {
		next = at->next;
		for (size_t i = 0; i < at->count; i++)
			oci_manifest_clear(&at->manifests[i]);
		free(at->repository);
		free(at);
	}
	pthread_mutex_destroy(&all->lock);
	free(all);
}

static const struct ncm_service service = {.name = "the registry", .is_registry = true};

/* One request, without patience. */
static bool ask(const struct ncm_sources *sources, const struct ncm_resolution *found, struct referrers *referrers,
		const char *url, struct ncm_reply *reply)
{
	const struct ncm_request request = {.url = url,
					    .accept = OCI_ACCEPT,
					    .credential = found->credential,
					    .service = &service,
					    .what = found->uri,
					    .limit = MOST_BYTES,
					    .any_status = true,
					    .once = true,
					    .most_seconds = MOST_SECONDS};

	referrers->silent = referrers->silent || sources->get(sources->http, &request, reply, NULL) < 0;
	return !referrers->silent && reply->status == 200;
}

static bool has_digest(const struct ncm_reply *reply, const struct ncm_sha256 *digest)
{
	struct ncm_sha256 served;

	ncm_sha256_of(reply->body ? reply->body : "", reply->body_size, &served);
	return ncm_sha256_equal(&served, digest);
}

static bool read_manifest(const struct ncm_reply *reply, struct oci_manifest *manifest)
{
	return oci_manifest_parse(reply->body ? reply->body : "", reply->body_size, "referrers", manifest, NULL) == 0;
}

/* The index of all that refers to it: the registry's, else that of the tag. */
static bool get_index(const struct ncm_sources *sources, const struct ncm_resolution *found,
		      struct referrers *referrers, struct oci_manifest *index)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *tag = oci_referrers_tag(&referrers->subject);
	NCM_AUTO_FREE char *listed = ncm_asprintf("%s/referrers/sha256:%s?artifactType=" OCI_CHECKPOINTS_TYPE,
						  referrers->repository, ncm_sha256_hex(&referrers->subject, hex));
	NCM_AUTO_FREE char *tagged = ncm_asprintf("%s/manifests/%s", referrers->repository, tag);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (ask(sources, found, referrers, listed, &reply))
		return read_manifest(&reply, index);
	ncm_reply_clear(&reply);
	return ask(sources, found, referrers, tagged, &reply) && read_manifest(&reply, index);
}

static void add_manifest(const struct ncm_sources *sources, const struct ncm_resolution *found,
			 const struct oci_descriptor *child, struct referrers *referrers)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *url =
	    ncm_asprintf("%s/manifests/sha256:%s", referrers->repository, ncm_sha256_hex(&child->digest, hex));
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (ask(sources, found, referrers, url, &reply) && has_digest(&reply, &child->digest) &&
	    read_manifest(&reply, &referrers->manifests[referrers->count]))
		referrers->count++;
}

static struct referrers *look_up(const struct ncm_sources *sources, const struct ncm_resolution *found,
				 const char *repository, const struct ncm_sha256 *subject)
{
	struct referrers *referrers = ncm_calloc(1, sizeof *referrers);
	OCI_AUTO_MANIFEST struct oci_manifest index = {0};
	size_t asked = 0;

	referrers->repository = ncm_strdup(repository);
	referrers->subject = *subject;
	if (!get_index(sources, found, referrers, &index))
		return referrers;
	for (size_t i = 0; i < index.child_count && asked < MOST_REFERRERS; i++) {
		const char *type = index.children[i].artifact_type;

		if (!type || strcmp(type, OCI_CHECKPOINTS_TYPE) != 0)
			continue;
		add_manifest(sources, found, &index.children[i], referrers);
		asked++;
	}
	return referrers;
}

/* What is found once stays as it is as long as the sources live. */
static const struct referrers *referrers_of(const struct ncm_sources *sources, const struct ncm_resolution *found,
					    const char *repository, const struct ncm_sha256 *subject)
{
	struct oci_referrers *all = sources->referrers;
	struct referrers *at;

	pthread_mutex_lock(&all->lock);
	for (at = all->first; at; at = at->next) {
		if (ncm_sha256_equal(&at->subject, subject) && strcmp(at->repository, repository) == 0)
			break;
	}
	if (!at) {
		at = look_up(sources, found, repository, subject);
		at->next = all->first;
		all->first = at;
	}
	pthread_mutex_unlock(&all->lock);
	return at;
}

static const struct oci_descriptor *find(const struct referrers *referrers, const struct ncm_sha256 *sha256,
					 size_t length)
{
	for (size_t i = 0; i < referrers->count; i++) {
		const struct oci_descriptor *layer = oci_checkpoints_of(&referrers->manifests[i], sha256);

		if (layer && layer->size == length)
			return layer;
	}
	return NULL;
}

/* The bytes of a layer. */
static bool get_layer(const struct ncm_sources *sources, const struct ncm_resolution *found, const char *repository,
		      const struct oci_descriptor *layer, struct ncm_reply *reply)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/blobs/sha256:%s", repository, ncm_sha256_hex(&layer->digest, hex));
	const struct ncm_request request = {.url = url,
					    .credential = found->credential,
					    .service = &service,
					    .what = found->uri,
					    .limit = (size_t)layer->size,
					    .once = true,
					    .most_seconds = MOST_SECONDS};

	return sources->get(sources->http, &request, reply, NULL) == 0 && has_digest(reply, &layer->digest);
}

int oci_checkpoints(struct ncm_sources *sources, const struct ncm_resolution *found,
		    const struct ncm_artifact *artifact, const struct ncm_sha256 *sha256, uint64_t size,
		    struct ncm_checkpoints *checkpoints)
{
	const size_t length = ncm_checkpoints_packed(size);
	const char *blobs = artifact->url ? strstr(artifact->url, "/blobs/sha256:") : NULL;
	NCM_AUTO_FREE char *repository = blobs ? ncm_strndup(artifact->url, (size_t)(blobs - artifact->url)) : NULL;
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	const struct oci_descriptor *layer;
	struct ncm_sha256 subject;

	if (size < WORTH_BYTES || length == 0 || !blobs || !found->revision ||
	    ncm_sha256_parse(found->revision, &subject) < 0)
		return -1;
	layer = find(referrers_of(sources, found, repository, &subject), sha256, length);
	if (!layer || !get_layer(sources, found, repository, layer, &reply))
		return -1;
	return ncm_checkpoints_unpack(reply.body, reply.body_size, sha256, size, checkpoints);
}
