/* SPDX-License-Identifier: MIT */
/* Authentication of requests: how a secret becomes headers. A signature over the request is one function more. */
#include "transfer/hop.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

static int authorize(const char *scheme, const char *secret, struct ncm_strings *headers)
{
	ncm_strings_take(headers, ncm_asprintf("Authorization: %s%s", scheme, secret));
	return 0;
}

int ncm_apply_bearer(void *context, const char *secret, const struct ncm_outgoing *request, struct ncm_strings *headers,
		     struct ncm_error *err)
{
	(void)context;
	(void)request;
	(void)err;
	return authorize("Bearer ", secret, headers);
}

int ncm_apply_basic(void *context, const char *secret, const struct ncm_outgoing *request, struct ncm_strings *headers,
		    struct ncm_error *err)
{
	(void)context;
	(void)request;
	(void)err;
	return authorize("Basic ", secret, headers);
}

int ncm_apply_whole(void *context, const char *secret, const struct ncm_outgoing *request, struct ncm_strings *headers,
		    struct ncm_error *err)
{
	(void)context;
	(void)request;
	(void)err;
	return authorize("", secret, headers);
}

/* One header on one line: what a server told may be in it. */
static int check(const struct ncm_chain *chain, const struct ncm_strings *headers, struct ncm_error *err)
{
	for (size_t i = 0; i < headers->count; i++) {
		for (const unsigned char *c = (const unsigned char *)headers->items[i]; *c; c++) {
			if (*c < ' ' || *c >= 0x7f)
				return ncm_error_set(err, NCM_E_AUTH,
						     "%s: what would be shown to %s holds a control or a foreign "
						     "character",
						     chain->what, chain->origin);
		}
	}
	return 0;
}

int ncm_chain_apply(const struct ncm_chain *chain, const struct ncm_outgoing *request, struct ncm_strings *headers,
		    struct ncm_error *err)
{
	ncm_credential_apply *apply = chain->sent_apply ? chain->sent_apply : ncm_apply_bearer;

	if (!chain->sent)
		return 0;
	if (apply(chain->credential->context, chain->sent, request, headers, err) < 0)
		return -1;
	return check(chain, headers, err);
}
