/* SPDX-License-Identifier: MIT */
/*
 * Hashing one file: by its checkpoints, span by span in any order, or from its first byte to its last. Whoever calls
 * keeps two threads from the same span and calls job_settle once, after the last.
 */
#ifndef NCM_VERIFY_JOB_H
#define NCM_VERIFY_JOB_H

#include "digest/reader.h"
#include "digest/span.h"
#include "verify/check.h"

#include <sys/stat.h>

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
	void *buffer;
	size_t buffer_size;
	void (*progress)(void *context, struct job *job, uint64_t bytes);
	void *context;
};

/*
 * Opens the file, and reads its checkpoints if they are wanted and of use. False if there is nothing to hash; the check
 * says why. Calls after the first only repeat the answer.
 */
bool job_open(struct job *job, bool checkpoints);
void job_close(struct job *job);
/* Proves one span. */
void job_span(struct job *job, size_t span, const struct job_tools *tools);
/* How many spans hold, from the first on without a gap. */
size_t job_proved(const struct job *job);
/*
 * Ends the check when every span was tried. If all hold, the file is what it should be. If not, either it is damaged or
 * its checkpoints are: it is hashed on from the first span that does not hold. Its new checkpoints are kept if the file
 * is right.
 */
void job_settle(struct job *job, const struct job_tools *tools);

/* check.c */
void check_take_status(struct check *check, const struct stat *status);

#endif
