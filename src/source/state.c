/* SPDX-License-Identifier: MIT */
/* What tells one state of what a source serves from the next. */
#include "source/shared.h"

#include "base/mem.h"
#include "transfer/answer.h"

/* A strong validator (RFC 9110, 8.8.1) is another one when a byte is. */
static char *ask_etag(const struct ncm_sources *sources, const struct ncm_resolution *found,
		      const struct ncm_artifact *artifact)
{
	NCM_AUTO_FREE char *what = ncm_asprintf("file %s", artifact->name ? artifact->name : "without a name");
	const struct ncm_request request = {.url = artifact->url,
					    .method = "HEAD",
					    .what = what,
					    .credential = found->credential,
					    .service = found->service,
					    .head_or_first_byte = true};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	return sources->get(sources->http, &request, &reply, NULL) < 0 ? NULL : ncm_strong_etag(reply.headers);
}

char *ncm_source_state(const struct ncm_sources *sources, const struct ncm_resolution *found,
		       const struct ncm_artifact *artifact)
{
	if (ncm_source_revision_kind(found->uri) == NCM_REVISION_EXACT)
		return ncm_strdup_null(found->revision);
	return artifact->url ? ask_etag(sources, found, artifact) : NULL;
}

const char *ncm_source_state_of(const struct ncm_resolution *found, const char *etag)
{
	if (ncm_source_revision_kind(found->uri) == NCM_REVISION_EXACT)
		return found->revision;
	return *etag ? etag : NULL;
}
