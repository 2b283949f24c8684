/* SPDX-License-Identifier: MIT */
/*
 * The way of one file's bytes from the network to the disk and into the hash. Blocks are written as soon as they are
 * full, in any order; the hash takes them in the file's order, from memory; those that had to leave it are read again
 * before. The network waits for neither until the run's memory is full.
 */
#ifndef NCM_TRANSFER_INTAKE_H
#define NCM_TRANSFER_INTAKE_H

#include "digest/tally.h"
#include "transfer/block.h"
#include "transfer/partial.h"

enum { NCM_HASH_BATCH = 6 };

struct ncm_intake {
	struct ncm_partial *partial;
	struct ncm_pool *pool;
	struct ncm_crew *crew;
	unsigned moving;        /* blocks that the crew has to write, or to read for the hash */
	struct ncm_error error; /* the first that failed: nothing further is begun */
	bool lost;              /* a sync failed: the bytes are dead, whatever later reads show */

	struct ncm_tally *tally; /* of the file's beginning; NULL: nothing is hashed */
	uint64_t hashed;         /* bytes in it, as far as the loop knows */
	bool crowded;            /* most of its blocks wait for the hash alone, and they are many */
	struct {
		struct ncm_task task;
		bool running;
		struct ncm_block *blocks[NCM_HASH_BATCH];
		size_t count;
	} hash;
	struct {
		struct ncm_task task;
		bool running;
		struct ncm_error error;
	} sync;
};

/* Begins with what the partial has. Without `hashing` bytes are only written. */
void ncm_intake_begin(struct ncm_intake *intake, struct ncm_partial *partial, struct ncm_pool *pool,
		      struct ncm_crew *crew, bool hashing);
/* Frees what it holds; it must not be busy. */
void ncm_intake_end(struct ncm_intake *intake);

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
/* Whether the crew works for it. */
bool ncm_intake_busy(const struct ncm_intake *intake);

#endif
