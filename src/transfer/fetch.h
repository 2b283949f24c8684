/* SPDX-License-Identifier: MIT */
/* One item on its way: what is done next with it, and with what came of it. */
#ifndef NCM_TRANSFER_FETCH_H
#define NCM_TRANSFER_FETCH_H

#include "transfer/job.h"
#include "transfer/pace.h"
#include "transfer/retry.h"
#include "transfer/stream.h"

enum ncm_stage {
	NCM_STAGE_PREPARE, /* job: open the partial, see what is there */
	NCM_STAGE_RECEIVE, /* streams bring what is missing */
	NCM_STAGE_RESTART, /* what is here is of no use: back to no bytes, then RECEIVE */
	NCM_STAGE_FINISH,  /* job: compare digests, sync */
	NCM_STAGE_STOP,    /* job: make what is here resumable, or remove it; item->error says why */
	NCM_STAGE_ENDED,
};

/* What all fetches of a run share. */
struct ncm_run {
	struct ncm_http *http;
	CURLM *multi;
	struct ncm_crew *crew;
	struct ncm_pool pool;
	struct ncm_rate rate;
	const struct ncm_sink *sink;
	unsigned retries;
};

struct ncm_fetch {
	struct ncm_run *run;
	struct ncm_transfer_item *item;
	struct ncm_pace *pace; /* of the item's host */
	unsigned slot;
	char *what; /* for messages: "model: file" */
	enum ncm_stage stage;
	struct ncm_partial partial;
	struct ncm_intake intake;
	struct ncm_extents claimed; /* bytes that are here, or that a stream is to bring */
	struct ncm_stream *streams[NCM_LIMIT_PARALLEL];
	unsigned stream_count;
	struct ncm_stream *renewing; /* waits for its credential */
	struct ncm_backoff backoff;
	uint64_t most;       /* bytes that were ever there: more than that is progress */
	double wake_at;      /* no new stream before, monotonic seconds */
	double told_at;      /* of the last PROGRESS */
	double latency;      /* seconds that the host takes to answer */
	double speed;        /* bytes per second of one stream */
	unsigned distrusted; /* answers with the wrong range, after right ones */
	bool ranges_work;    /* the host has answered with a range in this run */
	bool whole;          /* ask for the file from its start, in one piece */
	bool resumed;        /* bytes are here whose answer broke off, or which an earlier run left */
	bool refetched;      /* the one fetch from zero after a wrong digest was begun */
	bool prepared;       /* the partial is open and ours */
	bool discard;        /* STOP removes the partial */
	char *challenge;     /* of the 401 that `renewing` got */
	atomic_bool waiting; /* for another process's lock */
	bool told_waiting;

	struct ncm_job job;       /* one at a time */
	enum ncm_stage job_stage; /* that it works for; RECEIVE: a credential */
	int job_result;
	struct ncm_error job_error;
};

/* fetch.c */
struct ncm_fetch *ncm_fetch_new(struct ncm_run *run, struct ncm_pace *pace, struct ncm_transfer_item *item,
				unsigned slot);
void ncm_fetch_free(struct ncm_fetch *fetch);
/* Starts and ends jobs as the stage wants. */
void ncm_fetch_tick(struct ncm_fetch *fetch);
/* Whether nothing happens until its time to ask again has come: its place is free for another. */
bool ncm_fetch_is_idle(const struct ncm_fetch *fetch, double now);
/* The user wants an end: what is here stays resumable. */
void ncm_fetch_interrupt(struct ncm_fetch *fetch);
/* How many of its bytes have come, now or in an earlier run. */
uint64_t ncm_fetch_bytes_here(const struct ncm_fetch *fetch);
/* Whether something tells that further bytes are of the same file as those that are here. */
bool ncm_fetch_can_join(const struct ncm_fetch *fetch);
void ncm_fetch_emit(const struct ncm_fetch *fetch, enum ncm_event_type type, const char *text);
/* Ends the fetch with *err; the STOP job sees to what is on disk. */
void ncm_fetch_fail(struct ncm_fetch *fetch, struct ncm_error *err);
/* What is here is of no use with what came: the next try asks for the whole. */
void ncm_fetch_start_over(struct ncm_fetch *fetch);

/* lanes.c: the streams of a fetch */
/* Whether a further stream would have something to do. */
bool ncm_fetch_wants_stream(const struct ncm_fetch *fetch, double now);
void ncm_fetch_add_stream(struct ncm_fetch *fetch);
/* libcurl has ended the stream's transfer. */
void ncm_fetch_answered(struct ncm_fetch *fetch, struct ncm_stream *stream, CURLcode code);
/* The credential has been renewed, or not (*err, which is taken). */
void ncm_fetch_renewed(struct ncm_fetch *fetch, struct ncm_error *err);
/* Ends all streams; with `keep`, what they have in memory is written. */
void ncm_fetch_end_streams(struct ncm_fetch *fetch, bool keep);
/* Whether all bytes that are wanted have come. */
bool ncm_fetch_has_all(const struct ncm_fetch *fetch);

#endif
