/* SPDX-License-Identifier: MIT */
/*
 * One request's way over its redirects: where it may go, whether the credential goes along, and what an answer means.
 * Small requests and downloads decide by this alike.
 */
#ifndef NCM_TRANSFER_HOP_H
#define NCM_TRANSFER_HOP_H

#include "transfer/easy.h"

struct ncm_chain {
	struct ncm_http *http;
	const char *what; /* for messages; borrowed */
	struct ncm_credential *credential;
	const struct ncm_service *service;
	char *url; /* of this hop; may hold a signature: never shown or stored */
	char *origin;
	char *first_origin;
	char *sent;                       /* the secret that this hop's request shows, or NULL */
	ncm_credential_apply *sent_apply; /* how, as a credential has it */
	bool sent_in_clear;               /* likewise */
	unsigned hops;                    /* redirects followed */
	bool strayed;                     /* an origin was visited that the credential does not belong to */
	bool from_public;                 /* the first hop's peer had a public address */
	bool renewed;
};

/* Starts at an URL that ncm_url_check would accept. Class USAGE otherwise. */
int ncm_chain_start(struct ncm_chain *chain, struct ncm_http *http, const char *url, struct ncm_error *err);
void ncm_chain_end(struct ncm_chain *chain);
/* Stands where another chain of the same file has come to: its redirects need not be followed again. */
void ncm_chain_copy(struct ncm_chain *to, const struct ncm_chain *from);

/* The bearer for this hop's request, or NULL if it goes without: kept in chain->sent. Class AUTH if it cannot be sent,
 * POLICY if it would go in clear to another machine. */
int ncm_chain_arm(struct ncm_chain *chain, struct ncm_error *err);
/* Whether a connection to this address may be used for this hop. Called for every request, before it is sent. */
bool ncm_chain_accepts_peer(struct ncm_chain *chain, const char *address);
/* Goes to a redirect's target (absolute). Class POLICY for one that is refused, PROTOCOL for too many. */
int ncm_chain_follow(struct ncm_chain *chain, const char *location, struct ncm_error *err);

/* The headers that show what the chain is armed with to this request: none if it goes without. AUTH. */
int ncm_chain_apply(const struct ncm_chain *chain, const struct ncm_outgoing *request, struct ncm_strings *headers,
		    struct ncm_error *err);

enum ncm_step {
	NCM_STEP_DONE,  /* this is the answer */
	NCM_STEP_NEXT,  /* the chain has moved on: make its request */
	NCM_STEP_RENEW, /* the credential is to be renewed (ncm_chain_renew), then the same request again */
	NCM_STEP_RETRY, /* worth another try from the start, after *wait seconds at least; *err says why */
	NCM_STEP_FAIL,  /* *err is set */
};

/* What to do after an answer. Asks the service's judge first, unless any_status. */
enum ncm_step ncm_chain_judge(struct ncm_chain *chain, const struct ncm_reply *reply, bool any_status, double *wait,
			      struct ncm_error *err);
/* Whether a 401 is worth that. */
bool ncm_chain_may_renew(const struct ncm_chain *chain);
/* Renews the credential (blocks; any thread), unless somebody else has since the request was sent. */
int ncm_chain_renew(struct ncm_chain *chain, const char *challenge, struct ncm_error *err);

/* Whether it was the proxy that answered, and not the server. */
bool ncm_reply_is_proxys(const struct ncm_chain *chain, const struct ncm_reply *reply);
/* Whether an answer redirects. */
bool ncm_reply_is_redirect(const struct ncm_reply *reply);
/* The general rule for an answer that is no success: sets *err. */
void ncm_status_error(struct ncm_chain *chain, const struct ncm_reply *reply, struct ncm_error *err);

#endif
