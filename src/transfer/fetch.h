/* SPDX-License-Identifier: MIT */
/*
 * One item on its way, a state machine: what is done next with it, and with what came of it. One class in six files:
 * fetch.c has its stages, segments.c its streams and their ranges, recovery.c what their ends mean, spans.c what known
 * checkpoints say of their bytes, sharing.c what other machines bring of them, stream.c one of them.
 */
#ifndef NCM_TRANSFER_FETCH_H
#define NCM_TRANSFER_FETCH_H

#include "transfer/pace.h"

#include "transfer/stream.h"

enum ncm_stage {
	NCM_STAGE_PREPARE, /* job: open the partial, see what is there */
	NCM_STAGE_RECEIVE, /* streams bring what is missing */
	NCM_STAGE_RESTART, /* what is here is of no use: back to no bytes, then RECEIVE */
	NCM_STAGE_FINISH,  /* job: compare digests, sync */
	NCM_STAGE_STOP,    /* job: make what is here resumable, or remove it; item->error says why */
	NCM_STAGE_ENDED,
};

/* What the bytes that are here were put together from. */
enum ncm_pieces {
	NCM_PIECES_ONE,    /* one answer, or several that a validator holds together */
	NCM_PIECES_JOINED, /* several, or an earlier run's: a wrong digest is worth one fetch from the start */
	NCM_PIECES_LAST,   /* whatever they are: that fetch has begun */
};

/* What STOP does with the partial. */
enum ncm_remains {
	NCM_REMAINS_UNTOUCHED, /* it could not be opened: it is left as it was */
	NCM_REMAINS_KEPT,      /* made resumable, if there are bytes in it */
	NCM_REMAINS_REMOVED,   /* wrong bytes are no beginning of the right ones */
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
	struct ncm_replica from;
	struct ncm_pace *pace; /* of its host */
	bool ranges_work;      /* it has answered with a range */
	bool dead;             /* it does not have the file, or not for us */
	bool passed_over;      /* it gives no ranges, and others do: nobody asks it until the whole is wanted */
	unsigned distrusted;   /* answers with the wrong range, after right ones */
	double wake_at;        /* no new stream before, monotonic seconds */
	double doubted_until;  /* nor before this: it brought wrong bytes, and others have the file, too */
	unsigned wrong;        /* how often it did */
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

/* A span of a file whose checkpoints are known, as it came. */
struct ncm_fetch_span {
	struct ncm_site *site; /* that brought its last bytes, or NULL */
	bool failed;           /* it was wrong once */
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
	struct ncm_ranges assigned; /* bytes that are here, or that a stream is to bring */
	struct ncm_stream *streams[NCM_LIMIT_PARALLEL];
	unsigned stream_count;
	struct ncm_stream *renewing; /* waits for its credential */
	struct ncm_backoff backoff;
	uint64_t most;                     /* bytes that were ever there: more than that is progress */
	double told_at;                    /* of the last PROGRESS */
	struct ncm_watch watch;            /* on how fast its bytes come */
	struct ncm_fetch_span *spans;      /* or NULL */
	bool asked_again;                  /* one of them was */
	bool spans_failed;                 /* the checkpoints were given up */
	const struct ncm_sharing *sharing; /* NULL: this machine brings all of it */
	bool *parts_told;                  /* `have` */
	bool whole;                        /* ask for the file from its start, in one piece */
	enum ncm_pieces pieces;
	enum ncm_remains remains;
	struct ncm_error site_error; /* why the first place was given up */
	char *challenge;             /* of the 401 that `renewing` got */

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
/* Whether something is to come of it without a further stream: by one, a job, the crew, time or other machines. */
bool ncm_fetch_is_under_way(const struct ncm_fetch *fetch, double now);
/* Nothing will ever come of it: ends it, for the reason why the first place was given up, else class NETWORK. */
void ncm_fetch_give_in(struct ncm_fetch *fetch);
/* The user wants an end: what is here stays resumable. */
void ncm_fetch_interrupt(struct ncm_fetch *fetch);
/* How many of its bytes have come, now or in an earlier run. */
uint64_t ncm_fetch_bytes_here(const struct ncm_fetch *fetch);
/* Whether something tells that further bytes are of the same file as those that are here. */
bool ncm_fetch_can_join(const struct ncm_fetch *fetch);
void ncm_fetch_emit(const struct ncm_fetch *fetch, enum ncm_event_type type, const char *text);
/* Ends the fetch with *err; the STOP job sees to what is on disk. */
void ncm_fetch_fail(struct ncm_fetch *fetch, struct ncm_error *err);
/* What is here is of no use with what came: the next try asks for the whole, also those who give nothing less. */
void ncm_fetch_start_over(struct ncm_fetch *fetch);

/* Its bytes come from several answers now. */
void ncm_fetch_note_joined(struct ncm_fetch *fetch);

/* spans.c: by checkpoints that are known beforehand */
/* Those that may be used, or NULL. */
const struct ncm_checkpoints *ncm_fetch_known(const struct ncm_fetch *fetch);
void ncm_fetch_begin_spans(struct ncm_fetch *fetch);
/* These bytes are asked of that place. */
void ncm_fetch_note_site(struct ncm_fetch *fetch, struct ncm_site *site, uint64_t start, uint64_t end);
/* Has spans that are wrong fetched again. */
void ncm_fetch_watch_spans(struct ncm_fetch *fetch);
/* Whether a place is not to be asked now; and whether it is asked at all. */
bool ncm_site_rests(const struct ncm_site *site, double now);
bool ncm_site_counts(const struct ncm_site *site);

/* sharing.c: with other machines that want the same */
void ncm_fetch_begin_sharing(struct ncm_fetch *fetch);
/* The next bytes that are missing and that the place may bring. False if there are none now. */
bool ncm_fetch_next_gap(const struct ncm_fetch *fetch, const struct ncm_site *site, struct ncm_range *gap);
/* The stream is to bring bytes of a shared part: where from. */
void ncm_fetch_find_part(struct ncm_fetch *fetch, struct ncm_stream *stream);
/* A shared part cannot be had (*err, which is taken): it is as if it were not there. */
void ncm_fetch_refuse_part(struct ncm_fetch *fetch, struct ncm_stream *stream, struct ncm_error *err);
/* Tells of what has come; ends the fetch when nobody is left who could bring the rest. */
void ncm_fetch_watch_parts(struct ncm_fetch *fetch);
void ncm_fetch_leave(struct ncm_fetch *fetch);

/* segments.c: the streams of a fetch, and which bytes each of them brings */
/* Whether all bytes that are wanted have come or are on their way. */
bool ncm_fetch_has_all(const struct ncm_fetch *fetch);
/* Whether any place that is still asked has answered with a range. */
bool ncm_fetch_serves_ranges(const struct ncm_fetch *fetch);
/* Whether a further stream to a host would have something to do; if so, the site for ncm_fetch_add_stream, else NULL.
 */
struct ncm_site *ncm_fetch_wants_stream(const struct ncm_fetch *fetch, const struct ncm_pace *pace, double now);
void ncm_fetch_add_stream(struct ncm_fetch *fetch, struct ncm_site *site);
/* Makes the request of the stream's hop, for its range; the second from the first URL on. What fails gives up the site.
 */
void ncm_fetch_request(struct ncm_fetch *fetch, struct ncm_stream *stream);
void ncm_fetch_request_anew(struct ncm_fetch *fetch, struct ncm_stream *stream);
/* A range was brought: the next one over the same connection, unless the host is to have fewer of them. */
void ncm_fetch_next_range(struct ncm_fetch *fetch, struct ncm_stream *stream);
/* Gives a stream's range to a new connection. */
void ncm_fetch_reconnect(struct ncm_fetch *fetch, struct ncm_stream *stream);
/* Takes a stream off, or all of them; with `keep`, what they have in memory is written. */
void ncm_fetch_drop(struct ncm_fetch *fetch, struct ncm_stream *stream, bool keep);
void ncm_fetch_end_streams(struct ncm_fetch *fetch, bool keep);

/* recovery.c: what the end of a request means for the whole */
/* libcurl has ended the stream's transfer. */
void ncm_fetch_answered(struct ncm_fetch *fetch, struct ncm_stream *stream, CURLcode code);
/* The credential has been renewed, or not (*err, which is taken). */
void ncm_fetch_renewed(struct ncm_fetch *fetch, struct ncm_error *err);
/* A connection is silent, or crawls: its range is given to a new one. Where no ranges are served that begins the file
 * anew, and counts as every retry does. */
void ncm_fetch_stalled(struct ncm_fetch *fetch, struct ncm_stream *stream);
/* Its bytes come too slowly: another connection, another place, or the end. */
void ncm_fetch_too_slow(struct ncm_fetch *fetch);
/* Nobody is left who gives ranges: from one who gives the whole all of it comes anew. False if there is none. `why`
 * is told, if there is one. */
bool ncm_fetch_turn_to_whole(struct ncm_fetch *fetch, const char *why);
/* The stream's place does not have the file, or not for us (*err, which is taken). While there are others the fetch
 * goes on with them. */
void ncm_fetch_give_up(struct ncm_fetch *fetch, struct ncm_stream *stream, struct ncm_error *err);

#endif
