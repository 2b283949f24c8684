/* SPDX-License-Identifier: MIT */
/* Where the bytes of a file come from: a disk, memory, a server. Who reads headers need not know. */
#ifndef NCM_BASE_BYTES_H
#define NCM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ncm_bytes {
	/*
	 * Puts up to `size` bytes from `at` on into `to`. Returns how many, 0 only at the end; -1 with errno. What is
	 * more to say of an error, the context keeps.
	 */
	ssize_t (*read)(void *context, void *to, size_t size, uint64_t at);
	void *context;
	uint64_t size; /* of all */
	bool is_far;   /* every read away from the last one is a request */
};

/* Of an open file; `*fd` is borrowed. */
struct ncm_bytes ncm_bytes_of_file(const int *fd, uint64_t size);
/* Of memory. */
struct ncm_piece;
struct ncm_bytes ncm_bytes_of_piece(const struct ncm_piece *piece);
/* Reads all of `size` bytes that are there. Returns how many, or -1 with errno. */
ssize_t ncm_bytes_read_all(const struct ncm_bytes *bytes, void *to, size_t size, uint64_t at);

#endif
