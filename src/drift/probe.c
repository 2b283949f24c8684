/* SPDX-License-Identifier: MIT */
#include "drift/drift.h"

#include "base/address.h"
#include "base/mem.h"
#include "source/shared.h"

#include <ncmodel/limits.h>
#include <strings.h>

struct ncm_file_spec probe_unpinned(const struct ncm_file_spec *spec)
{
	struct ncm_file_spec bare = *spec;

	bare.has_digest = false;
	bare.layers = NULL;
	bare.layer_count = 0;
	return bare;
}

/* Where a plain URL is asked for: a mirror may stand in for it. With a size given, that takes no request. */
static struct ncm_resolution *locate(struct run *run, const struct wanted *wanted, const char *uri,
				     struct ncm_error *err)
{
	struct ncm_file_spec sized = *wanted->spec;
	struct ncm_resolution *found;

	sized.has_size = true;
	found = ncm_source_offline(run->sources, uri, &sized, NULL);
	if (!found && ncm_address_is_signed(uri))
		ncm_source_ask_for_new(uri, err);
	else if (!found)
		ncm_error_set(err, NCM_E_USAGE, "%.*s: not an address that can be asked", ncm_source_shown(uri), uri);
	return found;
}

int probe_url(struct run *run, const struct wanted *wanted, const char *uri, uint64_t *size, struct ncm_error *err)
{
	struct ncm_resolution *found = locate(run, wanted, uri, err);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_FREE char *what = ncm_asprintf("file %.*s", ncm_source_shown(uri), uri);
	int failed;

	*size = 0;
	if (!found)
		return -1;
	failed = ncm_http_get(run->http,
			      &(const struct ncm_request){.url = found->artifacts[0].url,
							  .method = "HEAD",
							  .what = what,
							  .credential = found->credential,
							  .service = found->service,
							  .head_or_first_byte = true},
			      &reply, err);
	ncm_resolution_free(found);
	if (failed)
		return -1;
	if (!ncm_source_told_size(&reply, size))
		*size = 0;
	return 0;
}

int probe_served(struct run *run, const struct wanted *wanted, const struct ncm_resolution *of, const char *url,
		 struct ncm_error *err)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	const struct ncm_request request = {
	    .url = url,
	    .method = "HEAD",
	    .credential = of->credential,
	    .service = of->service,
	    .what = model_id(run, wanted),
	    /* The link that a service hands out is its yes. */
	    .stop_at_foreign_redirect = true,
	    .head_or_first_byte = true,
	};

	return ncm_http_get(run->http, &request, &reply, err);
}
