/* SPDX-License-Identifier: MIT */
/*
 * The way of one file's bytes from the network to the disk and into the hash. Blocks are written as soon as they are
 * full, in any order (write-behind); the hash takes them in the file's order, from memory; those that had to leave it
 * are read again before (read-ahead). The network waits for neither until the run's memory is full (back-pressure).
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

#include "digest/tally.h"
#include "transfer/crew.h"
#include "transfer/partial.h"

/*
 * The memory that a run has for bytes on their way to the disk: so many aligned blocks, however large the files are.
 * Used by the loop's thread alone; the crew sees the blocks that it is handed.
 */
enum {
	NCM_POOL_BLOCKS = 34,
	NCM_POOL_PIECE = 2 << 20, /* memory is got in huge pages, of two blocks each */
};

/* Bytes `from` to before `to` of the NCM_BLOCK_BYTES of a file that begin at `at`, a multiple of them. */
struct ncm_block {
	struct ncm_task task;
	struct ncm_intake *intake; /* whose bytes these are; NULL: free */
	unsigned char *data;
	uint64_t at;
	size_t from, to;
	double began; /* monotonic seconds: its first byte came */
	bool filling; /* a stream adds to it */
	bool writing; /* the crew has it */
	bool reading; /* likewise */
	bool hashing; /* likewise */
	bool written;
	bool ahead;             /* bytes before it are missing: the hash cannot get there soon */
	struct ncm_error error; /* of the write */
};

struct ncm_pool {
	struct ncm_block *blocks[NCM_POOL_BLOCKS];
	size_t count;
};

/*
 * A free block, or NULL when all are in use. Blocks that are on disk and ahead of bytes that are missing are given up
 * for it, the farthest first: they can be read again. Those that the hash is about to reach are not: to wait for it
 * costs less.
 */
struct ncm_block *ncm_pool_take(struct ncm_pool *pool);
/* How many ncm_pool_take would give now. */
size_t ncm_pool_free_count(const struct ncm_pool *pool);
void ncm_pool_give(struct ncm_block *block);
void ncm_pool_end(struct ncm_pool *pool);

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
/* Whether the above holds now; debug builds assert it after each tick. */
bool ncm_intake_can_go_on(const struct ncm_intake *intake);
/* Whether the crew works for it. */
bool ncm_intake_busy(const struct ncm_intake *intake);

#endif
