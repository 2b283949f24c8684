/* SPDX-License-Identifier: MIT */
/*
 * Bytes on their way from one place to another, hashed meanwhile. One thread reads, one hashes, the caller's writes,
 * and each may be some pieces ahead of the others (a ring of buffers with one producer and two consumers).
 */
#ifndef NCM_DIGEST_RELAY_H
#define NCM_DIGEST_RELAY_H

#include "digest/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NCM_RELAY_PIECE = 1 << 20 };

struct ncm_relayed {
	const void *data; /* in the buffer that `read` was given, or bytes that stay */
	size_t size;
	bool is_hole; /* the data are zeros, and nobody has to write them */
};

struct ncm_relay {
	/* The next piece, in `buffer` (NCM_RELAY_PIECE bytes, ncm_reader_buffer's). Returns 1, 0 at the end, or -1 with
	 * errno. Called in a thread of its own. */
	int (*read)(void *context, void *buffer, struct ncm_relayed *piece);
	/* Takes the pieces in their order. Returns 0, or -1 with errno. */
	int (*write)(void *context, const struct ncm_relayed *piece);
	void *context;           /* of both */
	struct ncm_tally *tally; /* NULL: nothing is hashed */
};

/* Returns 0 at the end, or -1 with errno: the first of a read or a write that failed, EINTR when the user interrupted.
 */
int ncm_relay_run(struct ncm_relay *relay);

#endif
