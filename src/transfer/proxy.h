/* SPDX-License-Identifier: MIT */
/*
 * The proxy of the environment: what its refusals mean, and that one which wants a user and password is asked once in a
 * run. Each wrong password counts where accounts are locked after a few.
 */
#ifndef NCM_TRANSFER_PROXY_H
#define NCM_TRANSFER_PROXY_H

#include "transfer/hop.h"

void ncm_proxy_begin(struct ncm_http *http);
void ncm_proxy_end(struct ncm_http *http);

/* The variable (http_proxy, https_proxy, all_proxy; no_proxy exempts) that names the proxy which libcurl will ask for
 * an origin, or NULL if none is. Static storage. */
const char *ncm_proxy_variable(const char *origin);
/* The Proxy-Authenticate of a head, or NULL. The caller frees it. */
char *ncm_proxy_challenge(const char *headers);
/* What a proxy's status means: sets *err. A 407 is kept for ncm_proxy_check. */
void ncm_proxy_refusal(struct ncm_chain *chain, long status, const char *challenge, struct ncm_error *err);

/* Fails (REFUSED) if the chain's hop goes to a proxy that has refused user and password. */
int ncm_proxy_check(const struct ncm_chain *chain, struct ncm_error *err);
/* The origin's proxy, if it has one, has passed on a request, or has not answered: it need not be asked one at a time.
 */
void ncm_proxy_note_open(struct ncm_http *http, const char *origin);
/* Whether nobody knows yet what the origin's proxy says: one request at a time goes there until somebody does. */
bool ncm_proxy_is_untried(struct ncm_http *http, const char *origin);
/* Waits for its turn at such a proxy. Returns whether ncm_proxy_leave has to follow. */
bool ncm_proxy_enter(struct ncm_http *http, const char *origin);
void ncm_proxy_leave(struct ncm_http *http, const char *origin);

#endif
