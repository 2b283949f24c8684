/* SPDX-License-Identifier: MIT */
/* One request and its answer on the wire: one hop. Its owner runs the handle (alone, or in a multi loop). */
#ifndef NCM_TRANSFER_EXCHANGE_H
#define NCM_TRANSFER_EXCHANGE_H

#include "base/buffer.h"
#include "transfer/hop.h"

struct ncm_exchange {
	CURL *easy; /* the owner's */
	struct ncm_chain *chain;
	void *owner;
	const struct ncm_upload *upload; /* of this request; or NULL */
	uint64_t unsent;                 /* bytes of it that libcurl has not asked for yet */
	/* All headers are here and the status is final (not 1xx). -1 ends the exchange: *error or `stopped` is set. */
	int (*on_head)(struct ncm_exchange *exchange);
	/* Bytes of the body. -1 likewise; 1: not now, the same bytes again when the owner continues the handle. */
	int (*on_body)(struct ncm_exchange *exchange, const char *data, size_t size);

	/* the answer */
	long status;
	int http_major;
	/*
	 * "Name: value\n" lines. Not libcurl's own list (curl_easy_header): that is gone with the handle's next
	 * request, while a reply goes on to sources and judges, and what reads it are pure functions, tested without a
	 * server.
	 */
	struct ncm_buffer head;
	struct ncm_buffer body; /* what the owner collects */
	struct ncm_error error; /* why a callback ended it */
	bool stopped;           /* the owner has what it wants: the rest is not read */

	bool asked; /* the connection stands, and the request is sent: what came before was a proxy's answer to CONNECT
		     */
	bool head_complete;
	size_t head_bytes;
	struct curl_slist *headers;
	char detail[CURL_ERROR_SIZE];
};

struct ncm_exchange_options {
	bool head;                       /* HEAD instead of GET */
	const char *form;                /* POST with this body, as long as the exchange lasts; or NULL */
	bool json;                       /* that is JSON */
	const struct ncm_upload *upload; /* sent, as long as the exchange lasts; or NULL */
	const char *accept;
	bool ranged; /* ask for bytes `offset` to before `end` (0: to the file's end) */
	uint64_t offset;
	uint64_t end;
	const char *if_range; /* with this validator, or NULL */
	bool limited;         /* small reads, for a rate that is to be held */
	bool http1;           /* one connection of its own that is not multiplexed */
};

/* Prepares exchange->easy for the chain's hop; headers are built anew. Class AUTH or OTHER. */
int ncm_exchange_begin(struct ncm_exchange *exchange, const struct ncm_exchange_options *options,
		       struct ncm_error *err);
void ncm_exchange_end(struct ncm_exchange *exchange); /* frees all but easy; may begin again */

enum ncm_exchange_result {
	NCM_EXCHANGE_ANSWERED,  /* look at status */
	NCM_EXCHANGE_TRANSIENT, /* *err; worth another try */
	NCM_EXCHANGE_FAILED,    /* *err */
};
/* What libcurl's end of the transfer means, in words for people. */
enum ncm_exchange_result ncm_exchange_result(struct ncm_exchange *exchange, CURLcode code, struct ncm_error *err);

/* The answer as callers and judges see it; takes the collected head and body. Free with ncm_reply_clear. */
void ncm_exchange_reply(struct ncm_exchange *exchange, struct ncm_reply *reply);

#endif
