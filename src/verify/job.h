/* SPDX-License-Identifier: MIT */
/*
 * Hashing one file: by its checkpoints, span by span in any order, or from its first byte to its last. Whoever calls
 * keeps two threads from the same span and calls job_settle once, after the last.
 */
#ifndef NCM_VERIFY_JOB_H
#define NCM_VERIFY_JOB_H

#include "digest/ahead.h"
#include "digest/sha256_lanes.h"
#include "digest/span.h"
#include "os/os.h"
#include "verify/check.h"

struct job {
	struct check *check;
	bool tried, open;
	int fd;
	struct ncm_reader reader;
	struct ncm_checkpoints checkpoints;
	bool *holds;        /* of each span: it was read, and its step holds */
	size_t spans;       /* 0: no checkpoints that can be used, to be hashed as a whole */
	atomic_int failure; /* errno of a read */
	/* the queue's */
	size_t next;     /* span to hand out */
	size_t left;     /* spans that are not done */
	uint64_t unread; /* bytes that the progress still expects of it */
};

/* What a thread reads with, and whom it tells how much it has read. */
struct job_tools {
	void *buffers[2 * NCM_SHA256_LANES];
	size_t buffer_size;
	void (*progress)(void *context, struct job *job, uint64_t bytes);
	void *context;
};

/* Hashing under way: from one span's start to its end, or to the end of the file. */
struct job_part {
	struct job *job;
	size_t span;
	bool to_end;
	/* job.c's */
	uint64_t at, end;
	bool over;
	struct ncm_span_proof proof; /* of a span */
	struct ncm_tally *tally;     /* else */
	struct ncm_hash *git;        /* or NULL */
	struct ncm_ahead *ahead;     /* or NULL */
	void *const *buffers;        /* two */
};

/*
 * Opens the file, and reads its checkpoints if they are wanted and of use. False if there is nothing to hash; the check
 * says why. Calls after the first only repeat the answer.
 */
bool job_open(struct job *job, bool checkpoints);
void job_close(struct job *job);
/*
 * A part is begun, with one of the pairs of buffers (0 to NCM_SHA256_LANES - 1), takes steps, several parts side by
 * side, until it is over, and then is ended. A span that was read is proved or not; a whole file has its digest.
 */
void job_part_begin(struct job_part *part, const struct job_tools *tools, size_t pair);
void job_parts_step(struct job_part *const *parts, size_t count, const struct job_tools *tools);
void job_part_end(struct job_part *part);
/* How many spans hold, from the first on without a gap. */
size_t job_proved(const struct job *job);
/*
 * Ends the check when every span was tried, or the whole. If all spans hold, the file is what it should be. If not,
 * either it is damaged or its checkpoints are: it is hashed on from the first span that does not hold. Its new
 * checkpoints are kept if the file is right. It has a pair of buffers, as a part has.
 */
void job_settle(struct job *job, const struct job_tools *tools, size_t pair);

/* check.c */
void check_take_status(struct check *check, const struct os_stat *status);

#endif
