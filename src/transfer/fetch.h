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

/* A place of an item, as far as this run knows it. */
struct ncm_site {
	struct ncm_place place;
	struct ncm_pace *pace; /* of its host */
	bool ranges_work;      /* it has answered with a range */
	bool dead;             /* it does not have the file, or not for us */
	unsigned distrusted;   /* answers with the wrong range, after right ones */
	double wake_at;        /* no new stream before, monotonic seconds */
	double latency;        /* seconds that it takes to answer */
	double speed;          /* bytes per second of one stream */
	uint64_t received;
};

/* Whether bytes come below the speed limit: of all places together, and as long as it is not us who hold them up. */
struct ncm_watch {
	double looked_at;  /* monotonic seconds */
	double seconds;    /* since it began, while somebody was asked */
	uint64_t received; /* of the item, when it began */
	unsigned slow;     /* times in a row that they did */
};

struct ncm_fetch {
	struct ncm_run *run;
	struct ncm_transfer_item *item;
	struct ncm_site *sites; /* 1 + item->mirror_count */
	size_t site_count;
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
	uint64_t most;               /* bytes that were ever there: more than that is progress */
	double told_at;              /* of the last PROGRESS */
	struct ncm_watch watch;      /* on how fast its bytes come */
	bool whole;                  /* ask for the file from its start, in one piece */
	bool resumed;                /* bytes are here whose answer broke off, or which an earlier run left */
	bool refetched;              /* the one fetch from zero after a wrong digest was begun */
	bool prepared;               /* the partial is open and ours */
	bool discard;                /* STOP removes the partial */
	struct ncm_error site_error; /* why the first place was given up */
	char *challenge;             /* of the 401 that `renewing` got */
	atomic_bool waiting;         /* for another process's lock */
	bool told_waiting;

	struct ncm_job job;       /* one at a time */
	enum ncm_stage job_stage; /* that it works for; RECEIVE: a credential */
	int job_result;
	struct ncm_error job_error;
};

/* fetch.c */
struct ncm_fetch *ncm_fetch_new(struct ncm_run *run, struct ncm_transfer_item *item, unsigned slot);
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

/* watch.c */
/* Looks at the speed. True: for the limit's time something came, and less than the limit; then it begins anew. */
bool ncm_fetch_is_too_slow(struct ncm_fetch *fetch, double now);

/* lanes.c: the streams of a fetch */
/* Whether a further stream to a host would have something to do; if so, the site for ncm_fetch_add_stream, else NULL.
 */
struct ncm_site *ncm_fetch_wants_stream(const struct ncm_fetch *fetch, const struct ncm_pace *pace, double now);
void ncm_fetch_add_stream(struct ncm_fetch *fetch, struct ncm_site *site);
/* libcurl has ended the stream's transfer. */
void ncm_fetch_answered(struct ncm_fetch *fetch, struct ncm_stream *stream, CURLcode code);
/* The credential has been renewed, or not (*err, which is taken). */
void ncm_fetch_renewed(struct ncm_fetch *fetch, struct ncm_error *err);
/* Its bytes come too slowly: another connection, another place, or the end. */
void ncm_fetch_too_slow(struct ncm_fetch *fetch);
/* Gives a stream's range to a new connection. */
void ncm_fetch_reconnect(struct ncm_fetch *fetch, struct ncm_stream *stream);
/* Ends all streams; with `keep`, what they have in memory is written. */
void ncm_fetch_end_streams(struct ncm_fetch *fetch, bool keep);

/* windows.c: which bytes a stream brings */
/* Whether all bytes that are wanted have come or are on their way. */
bool ncm_fetch_has_all(const struct ncm_fetch *fetch);
/* Whether there are bytes for a further stream. */
bool ncm_fetch_has_work(const struct ncm_fetch *fetch);
/* Gives the stream its next range. False if there is none. */
bool ncm_fetch_claim(struct ncm_fetch *fetch, struct ncm_stream *stream);
/* The stream brings no more of its range: what has come is here if it is kept, the rest is for others to bring. */
void ncm_fetch_settle(struct ncm_fetch *fetch, struct ncm_stream *stream, bool keep);

#endif
