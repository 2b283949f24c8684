/* SPDX-License-Identifier: MIT */
/*
 * A connection that brings a file's bytes from an offset on. A fetch has one; several over the same file would be
 * several of these, each with its own chain of redirects.
 */
#ifndef NCM_TRANSFER_STREAM_H
#define NCM_TRANSFER_STREAM_H

#include "transfer/exchange.h"
#include "transfer/partial.h"
#include "transfer/rate.h"

enum ncm_body {
	NCM_BODY_COLLECT, /* no success: the body's beginning is for the judge */
	NCM_BODY_FILE,
	NCM_BODY_EXPLAIN, /* not the file: its beginning is for the message */
};

struct ncm_stream {
	struct ncm_transfer_item *item;
	struct ncm_partial *partial;
	CURLM *multi;
	bool attached; /* in the multi loop */
	struct ncm_chain chain;
	struct ncm_exchange exchange;
	struct ncm_rate *rate; /* of the run */
	bool paused;           /* until the rate allows more */
	bool whole;            /* ask for the file from its start; what is here goes when the answer is taken */
	uint64_t offset;       /* asked for */
	enum ncm_body body;
	bool restart;                    /* the range that came cannot be believed: once more, without one */
	void (*on_bytes)(void *context); /* after bytes were written */
	void *context;
};

/* Makes the request of the chain's hop, from partial->length on (or from the start: `whole`). */
int ncm_stream_request(struct ncm_stream *stream, struct ncm_error *err);
/* Takes it out of the loop; what was collected stays. */
void ncm_stream_detach(struct ncm_stream *stream);
/* Frees all. */
void ncm_stream_end(struct ncm_stream *stream);

#endif
