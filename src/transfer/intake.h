/* SPDX-License-Identifier: MIT */
/*
 * The way of one file's bytes from the network to the disk and into the hash. Blocks are written as soon as they are
 * full, in any order (write-behind); the hash takes them in the file's order, from memory; those that had to leave it
 * are read again before (read-ahead). The network waits for neither until the run's memory is full (back-pressure).
 * Where the file's checkpoints are known beforehand the hash takes each span of 16 MiB by itself, in any order.
 *
 * What decides throughput, and that it ends at all: the block that the hash needs next can always be had. It is in
 * memory, or a block is free or can be given up for it, or, when all are in use, somebody is about to let go of one: a
 * stream fills it (and flushes it when it is slow), the crew writes, reads or hashes it, or it is the next one of
 * another file's hash. This holds because
 *  - what is written and lies behind a gap can be given up (ahead), and the farthest is given up first;
 *  - nothing else is kept but what the hash reaches without the network;
 *  - whatever the hash lets go of is offered to its own file's read-ahead before any stream can take it.
 */
#ifndef NCM_TRANSFER_INTAKE_H
#define NCM_TRANSFER_INTAKE_H

#include "transfer/crew.h"
#include "transfer/partial.h"
#include "transfer/pool.h"
#include "transfer/strands.h"

struct ncm_intake {
	struct ncm_partial *partial;
	struct ncm_pool *pool;
	struct ncm_crew *crew;
	struct ncm_intake *next; /* in the pool's list */
	unsigned moving;         /* blocks that the crew has to write, or to read for the hash */
	struct ncm_error error;  /* the first that failed: nothing further is begun */
	bool lost;               /* a sync failed: the bytes are dead, whatever later reads show */
	bool hashes;             /* else bytes are only written */
	bool stopped;            /* its fetch ends, or begins anew: the hash leaves it alone */
	unsigned streams;        /* connections that bring its bytes; set by who owns it */
	bool crowded;            /* most of its blocks wait for the hash alone, and they are many */
	struct ncm_strand strands[NCM_STRANDS];

	struct ncm_tally *tally; /* of the file's beginning; NULL: by spans, or nothing is hashed */
	/* By spans: */
	const struct ncm_checkpoints *known; /* borrowed; NULL: none are */
	unsigned char *spans;                /* enum ncm_span_state of each */
	size_t proved, bad;                  /* how many are */
	bool unknown; /* the checkpoints turned out to be of no use: they are given up when nothing is hashed */

	struct {
		struct ncm_task task;
		bool running;
		struct ncm_error error;
	} sync;
};

/*
 * Begins with what the partial has. Without `hashing` bytes are only written. `known` (may be NULL, borrowed) are the
 * file's checkpoints, as somebody says: they decide which part is asked for again, and never what passes.
 */
void ncm_intake_begin(struct ncm_intake *intake, struct ncm_partial *partial, struct ncm_pool *pool,
		      struct ncm_crew *crew, bool hashing, const struct ncm_checkpoints *known);
/* Frees what it holds; it must not be busy. */
void ncm_intake_end(struct ncm_intake *intake);

/* strands.c's: gives a block back if nobody needs it any more; has the crew read one. */
void ncm_intake_release(struct ncm_intake *intake, struct ncm_block *block);
void ncm_intake_read(struct ncm_intake *intake, struct ncm_block *block);

/* Whether there is memory for `size` bytes at that offset, behind those of *filling (which may be NULL). */
bool ncm_intake_has_room(const struct ncm_intake *intake, const struct ncm_block *filling, uint64_t at, size_t size);
/*
 * Takes bytes, after ncm_intake_has_room has said yes. *filling is the caller's unfinished block. Complete blocks are
 * handed to the crew, and what the crew has done meanwhile is taken note of.
 */
void ncm_intake_put(struct ncm_intake *intake, struct ncm_block **filling, uint64_t at, const char *data, size_t size);
/* Hands over what is in an unfinished block. */
void ncm_intake_flush(struct ncm_intake *intake, struct ncm_block **filling);
/* Goes on with what can be gone on with. */
void ncm_intake_tick(struct ncm_intake *intake);
/* Whether the above holds now; debug builds assert it after each tick. */
bool ncm_intake_can_go_on(const struct ncm_intake *intake);
/* Whether the crew works for it. */
bool ncm_intake_busy(const struct ncm_intake *intake);
/* Whether all of a file of that size is in the hash (by spans: proved), or nothing is to be. */
bool ncm_intake_is_hashed(const struct ncm_intake *intake, uint64_t size);
/*
 * Ends the hash, after ncm_intake_is_hashed has said yes. False if nothing was hashed. *checkpoints receives what was
 * kept; free with ncm_checkpoints_clear. Any thread.
 */
bool ncm_intake_digest(struct ncm_intake *intake, struct ncm_sha256 *digest, struct ncm_checkpoints *checkpoints);

#endif
