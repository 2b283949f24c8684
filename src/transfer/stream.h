/* SPDX-License-Identifier: MIT */
/* A connection that brings one range of a file's bytes after another, with its own chain of redirects. */
#ifndef NCM_TRANSFER_STREAM_H
#define NCM_TRANSFER_STREAM_H

#include "transfer/exchange.h"
#include "transfer/intake.h"
#include "transfer/pace.h"

enum ncm_body {
	NCM_BODY_COLLECT, /* no success: the body's beginning is for the judge */
	NCM_BODY_FILE,
	NCM_BODY_EXPLAIN, /* not the file: its beginning is for the message */
};

/* Why an answer that was no failure cannot be used. */
enum ncm_refusal {
	NCM_REFUSAL_NONE,
	NCM_REFUSAL_RANGE, /* the range that came cannot be believed, or the whole file came instead */
	NCM_REFUSAL_JOIN,  /* nothing would tell whether further ranges are of the same file */
};

struct ncm_fetch;
struct ncm_site;

struct ncm_stream {
	struct ncm_fetch *fetch; /* whose it is; nothing in stream.c knows more of it */
	struct ncm_transfer_item *item;
	struct ncm_site *site; /* where from */
	bool is_mirror;        /* the item's validator is not this place's */
	struct ncm_partial *partial;
	struct ncm_intake *intake;
	CURLM *multi;
	bool attached; /* in the multi loop */
	struct ncm_chain chain;
	struct ncm_exchange exchange;
	struct ncm_rate *rate;  /* of the run */
	bool paused;            /* until the rate or the memory allows more */
	bool alone;             /* it may bring the whole file if no range is served */
	bool ranged;            /* its request names the range; else it asks for the whole file */
	uint64_t offset;        /* its range: from here … */
	uint64_t at;            /* (bytes before this one have come) */
	uint64_t end;           /* … to before here; may be lowered while it runs; UINT64_MAX: to the file's end */
	uint64_t assigned_end;  /* what others leave to it ends there */
	uint64_t answer_end;    /* where the answer's body ends; beyond `end` if that was lowered */
	char *url;              /* of a part of the file; NULL: the place's */
	uint64_t object_begins; /* where in the file that object does */
	uint64_t object_size;   /* 0: it is the file */
	struct ncm_block *filling;
	enum ncm_body body;
	enum ncm_refusal refusal;
	bool reused;       /* the chain's redirects were followed for an earlier request */
	double brought_at; /* monotonic seconds: of its last bytes */
	double asked_at;   /* monotonic seconds */
	double latency;    /* from the request to the answer's head, of the last */
	double speed;      /* bytes per second, of the last range */
	void (*on_bytes)(struct ncm_stream *stream, size_t size); /* after bytes were taken */
};

/* Whether a digest will tell at the end whether all bytes were of the right file. */
bool ncm_item_has_digest(const struct ncm_transfer_item *item);

/* Makes the request of the chain's hop, for its range. */
int ncm_stream_request(struct ncm_stream *stream, struct ncm_error *err);
/* Takes it out of the loop; what was collected stays. */
void ncm_stream_detach(struct ncm_stream *stream);
/* Frees all. */
void ncm_stream_end(struct ncm_stream *stream);

#endif
