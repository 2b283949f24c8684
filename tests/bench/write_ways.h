// SPDX-License-Identifier: MIT
/* The ways of writing that write_bench.c compares. A sink takes filled blocks and writes them at their places. */
#ifndef WRITE_WAYS_H
#define WRITE_WAYS_H

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>

/* What is done about the file's space before the first block. */
enum room {
	ROOM_NONE,     // nothing: the file grows
	ROOM_SPARSE,   // ftruncate to its size: holes
	ROOM_ALLOCATE, // fallocate of its size
};

struct way {
	const char *name;
	int direct;  // O_DIRECT
	int flags;   // of pwritev2
	int threads; // that write in the background; 0: the caller writes
	int depth;   // of an io_uring; 0: none
	int flush;   // MiB after which written pages are sent to disk and dropped; 0: never
};

struct sink;

extern const struct way ways[];
extern const size_t way_count;

const char *room_name(enum room room);
/* Returns 0 or an errno. */
int sink_room(int fd, enum room room, off_t size);

/* A sink over an open file, whose blocks are all of one size. NULL when this build or kernel does not have the way. */
struct sink *sink_open(const struct way *way, int fd, size_t block);
/* A buffer of one block to fill; it belongs to the sink. Waits until one is free. *error becomes an errno of an earlier
 * write. */
unsigned char *sink_buffer(struct sink *sink, int *error);
/* Takes a filled buffer back. Returns 0 or an errno. */
int sink_write(struct sink *sink, unsigned char *buffer, off_t place);
/* Waits for all writes, frees the sink. Returns 0 or an errno. NULL is allowed. */
int sink_close(struct sink *sink);

#endif
