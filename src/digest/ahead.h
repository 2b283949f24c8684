/* SPDX-License-Identifier: MIT */
/* Reading ahead: a thread of its own fills one buffer while the other is worked on. */
#ifndef NCM_DIGEST_AHEAD_H
#define NCM_DIGEST_AHEAD_H

#include "digest/reader.h"

struct ncm_ahead; /* opaque */

/*
 * Starts to read a stretch of a file, up to `end` or the end of the file. The two buffers (ncm_reader_buffer, of `size`
 * bytes) and the reader are borrowed until ncm_ahead_stop. NULL if no thread can be had.
 */
struct ncm_ahead *ncm_ahead_start(struct ncm_reader *reader, uint64_t at, uint64_t end, void *const buffers[2],
				  size_t size);
/* The next piece, good until the next call. Returns its size, 0 at the end, or -1 with errno as ncm_reader_range. */
ssize_t ncm_ahead_next(struct ncm_ahead *ahead, const void **data);
/* May be called at any time. */
void ncm_ahead_stop(struct ncm_ahead *ahead);

#endif
