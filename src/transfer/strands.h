/* SPDX-License-Identifier: MIT */
/*
 * The strands of the hash: one for each file, from its first byte on; or, where its checkpoints are known, one for each
 * span under way. Those of all files share the crew's cores: as many as a core hashes well side by side are handed to
 * it together (digest/sha256_lanes.h), and one waits a few milliseconds for another to go with.
 */
#ifndef NCM_TRANSFER_STRANDS_H
#define NCM_TRANSFER_STRANDS_H

#include "digest/sha256_lanes.h"
#include "digest/span.h"
#include "transfer/pool.h"

enum {
	NCM_HASH_BATCH = 6,
	NCM_STRANDS = 16,
	NCM_HASHING = 4, /* the crew has no more threads */
};

enum ncm_span_state {
	NCM_SPAN_OPEN,
	NCM_SPAN_UNDER_WAY, /* a strand is at it */
	NCM_SPAN_PROVED,
	NCM_SPAN_BAD, /* it does not lead where the checkpoints say */
};

struct ncm_strand {
	struct ncm_intake *intake;
	bool live, running;
	uint64_t hashed,
	    end;         /* bytes of the file before the first are in it; so far it goes. As far as the loop knows */
	double ready_at; /* monotonic seconds: since when it could go on; 0: it cannot */
	struct ncm_span_proof proof; /* by spans */
	struct ncm_block *blocks[NCM_HASH_BATCH];
	size_t count;
};

/* What one thread of the crew hashes side by side. */
struct ncm_hashing {
	struct ncm_task task;
	bool running;
	struct ncm_strand *strands[NCM_SHA256_LANES];
	size_t count;
};

void ncm_strands_begin(struct ncm_intake *intake);
void ncm_strands_end(struct ncm_intake *intake);
/* Goes on with what of this file, and of those that hash beside it, can be gone on with. */
void ncm_strands_tick(struct ncm_intake *intake);
bool ncm_strands_running(const struct ncm_intake *intake);
/* Whether the hash wants these bytes of a block still. */
bool ncm_strands_want(const struct ncm_intake *intake, const struct ncm_block *block);

/* Between strands.c and company.c: whether the strand may go on; its hash; */
bool ncm_strand_is_live(const struct ncm_strand *strand);
struct ncm_sha256_run *ncm_strand_run(struct ncm_strand *strand);
/* how many of its next blocks are in memory (takes note of up to NCM_HASH_BATCH); what follows when they are hashed. */
size_t ncm_strand_gather(struct ncm_strand *strand);
void ncm_strand_advance(struct ncm_strand *strand);

/* company.c: hands strands that are ready to the crew, side by side. */
void ncm_strands_start(struct ncm_pool *pool, struct ncm_crew *crew);
/* Whether any strand could go on and waits for others: look again soon. */
bool ncm_strands_wait(const struct ncm_pool *pool);

/* The first span that was found bad. False if there is none. */
bool ncm_strands_find_bad(const struct ncm_intake *intake, size_t *span);
/*
 * Takes such a span back: its bytes are here no longer, and are to be fetched again. False while the crew has some of
 * them.
 */
bool ncm_strands_take_bad(struct ncm_intake *intake, size_t span);
/* The checkpoints are of no use: the file is hashed from where they are proved, and its digest decides. */
void ncm_strands_forget_known(struct ncm_intake *intake);

#endif
