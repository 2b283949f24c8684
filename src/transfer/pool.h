/* SPDX-License-Identifier: MIT */
/*
 * The memory that a run has for bytes on their way to the disk: so many aligned blocks, however large the files are.
 * Used by the loop's thread alone; the crew sees the blocks that it is handed.
 */
#ifndef NCM_TRANSFER_POOL_H
#define NCM_TRANSFER_POOL_H

#include "transfer/crew.h"
#include "transfer/journal.h"

enum {
	NCM_POOL_BLOCKS = 34,
	NCM_POOL_PIECE = 2 << 20, /* memory is got in huge pages, of two blocks each */
};

struct ncm_intake;

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

struct ncm_hashing; /* strands.h */

struct ncm_pool {
	struct ncm_block *blocks[NCM_POOL_BLOCKS];
	size_t count;
	struct ncm_intake *intakes;  /* those that hash */
	struct ncm_hashing *hashing; /* what the crew hashes; see company.c */
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

#endif
