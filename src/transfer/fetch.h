/* SPDX-License-Identifier: MIT */
/* One item on its way: what is done next with it, and with what came of it. */
#ifndef NCM_TRANSFER_FETCH_H
#define NCM_TRANSFER_FETCH_H

#include "transfer/job.h"
#include "transfer/retry.h"
#include "transfer/stream.h"

enum ncm_stage {
	NCM_STAGE_PREPARE, /* job: open the partial, hash what is there */
	NCM_STAGE_RECEIVE, /* the stream is in the loop */
	NCM_STAGE_RENEW,   /* job: renew the credential */
	NCM_STAGE_BACKOFF, /* until wake_at, then a try from the item's URL */
	NCM_STAGE_FINISH,  /* job: compare digests, sync */
	NCM_STAGE_STOP,    /* job: make what is here resumable, or remove it; item->error says why */
	NCM_STAGE_ENDED,
};

struct ncm_fetch {
	struct ncm_transfer_item *item;
	const struct ncm_sink *sink;
	unsigned slot;
	char *what; /* for messages: "model: file" */
	enum ncm_stage stage;
	struct ncm_partial partial;
	struct ncm_stream stream;
	struct ncm_backoff backoff;
	uint64_t most;       /* bytes that were ever there: more than that is progress */
	double wake_at;      /* end of BACKOFF, monotonic seconds */
	double told_at;      /* of the last PROGRESS */
	bool resumed;        /* bytes of more than one answer are in the partial */
	bool refetched;      /* the one fetch from zero after a wrong digest was begun */
	bool whole;          /* the next try asks for the file from its start */
	bool prepared;       /* the partial is open and ours */
	bool discard;        /* STOP removes the partial */
	char *challenge;     /* of the 401 that RENEW answers */
	atomic_bool waiting; /* for another process's lock */
	bool told_waiting;

	struct ncm_job job;       /* one at a time */
	enum ncm_stage job_stage; /* that it works for; RECEIVE: a sync while bytes arrive */
	int job_result;
	bool job_lost; /* a sync failed: the bytes are dead */
	struct ncm_error job_error;
	struct ncm_journal job_journal;
	uint64_t job_length;
	uint64_t sync_mark; /* synced, or being synced, up to here */
};

struct ncm_fetch *ncm_fetch_new(struct ncm_http *http, CURLM *multi, struct ncm_rate *rate,
				struct ncm_transfer_item *item, unsigned slot, unsigned retries,
				const struct ncm_sink *sink);
void ncm_fetch_free(struct ncm_fetch *fetch);
/* Starts and ends jobs as the stage wants. */
void ncm_fetch_tick(struct ncm_fetch *fetch);
/* Whether its time has come to ask again. */
bool ncm_fetch_is_due(const struct ncm_fetch *fetch, double now);
/* Begins a try from the item's URL. */
void ncm_fetch_try(struct ncm_fetch *fetch);
/* libcurl has ended the stream's transfer. */
void ncm_fetch_answered(struct ncm_fetch *fetch, CURLcode code);
/* The user wants an end: what is here stays resumable. */
void ncm_fetch_interrupt(struct ncm_fetch *fetch);

#endif
