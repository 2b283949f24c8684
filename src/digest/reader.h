/* SPDX-License-Identifier: MIT */
/*
 * Reading a file once, to hash it, as if nobody had been there: what the page cache has is taken from it; what it has
 * not is read past it (O_DIRECT) in large pieces, and where a file system cannot do that, dropped from it afterwards.
 * Whatever somebody had in memory stays there.
 *
 * What the cache has is asked for each bufferful: with cachestat (Linux 6.5), 5 µs a MiB, and only where it has a part,
 * or an older kernel, page by page with mincore, 41 µs; the hash takes 700. A read with RWF_NOWAIT would tell too, but
 * starts read-ahead. Hashing a mapping instead of a copy is 8 % faster, and dies of SIGBUS when the file shrinks.
 */
#ifndef NCM_DIGEST_READER_H
#define NCM_DIGEST_READER_H

#include "os/os.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One file, read by any number of threads. */
struct ncm_reader {
	int fd;              /* borrowed */
	int direct;          /* the same file past the page cache, or -1 */
	bool knows_cache;    /* the kernel tells us what the page cache has; if not, nothing is dropped either */
	atomic_bool refused; /* reads of `direct` do not work here after all */
};

/* Takes bytes that were read, in order. */
typedef void (*ncm_reader_take)(void *context, const void *data, size_t size);

/* What one thread reads with; see ncm_reader_buffer. */
enum { NCM_READER_LARGEST = 1 << 20, NCM_READER_SMALLEST = 64 << 10 };

/* For an open file, whose read-ahead is switched off. End with ncm_reader_close, which leaves fd open. */
void ncm_reader_open(struct ncm_reader *reader, int fd);
void ncm_reader_close(struct ncm_reader *reader);
/* A buffer of `size` bytes (a power of two from SMALLEST to LARGEST), aligned as direct reads want it; free() it. */
void *ncm_reader_buffer(size_t size);
/*
 * Hands the bytes from `start` to `end` (or to the end of the file, if that is nearer) to `take`. Returns 0, or -1 with
 * errno: of a read, or EINTR when the user interrupted.
 */
int ncm_reader_range(struct ncm_reader *reader, uint64_t start, uint64_t end, void *buffer, size_t size,
		     ncm_reader_take take, void *context);

/*
 * As ncm_reader_range, with a thread of its own that reads ahead while `take` works: for one long stretch. Takes twice
 * the memory of the buffer.
 */
int ncm_reader_ahead(struct ncm_reader *reader, uint64_t start, uint64_t end, void *buffer, size_t size,
		     ncm_reader_take take, void *context);

/* What both are made of: where `end` is no further than the end of the file. */
uint64_t ncm_reader_end(const struct ncm_reader *reader, uint64_t end);
/*
 * One read: what lies between `at` and `end`, up to the next multiple of `size`. *data points at the first byte, in the
 * buffer. Returns how many bytes, fewer than there could be only at the end of the file, or -1 with errno.
 */
ssize_t ncm_reader_fill(struct ncm_reader *reader, uint64_t at, uint64_t end, void *buffer, size_t size,
			const void **data);

#endif
