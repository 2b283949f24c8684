/* SPDX-License-Identifier: MIT */
/*
 * A file that is not complete yet: which of its bytes are on disk, and its journal. Bytes may come in any order. Nobody
 * else has it open: it lies in a store's staging folder, and whoever works there holds the store's lock, which does
 * without flock where that does nothing (base/lock.h).
 */
#ifndef NCM_TRANSFER_PARTIAL_H
#define NCM_TRANSFER_PARTIAL_H

#include "transfer/journal.h"

#include <pthread.h>

struct ncm_partial {
	const struct ncm_transfer_item *item; /* borrowed: dirfd, name, what is known beforehand */
	int fd;                               /* -1: not open */
	int direct_fd;                        /* the same file past the page cache, or -1 */
	struct ncm_identity identity;         /* of these bytes */
	uint64_t reserved;                    /* file space is reserved up to here */
	bool inherited;                       /* an earlier run left bytes */
	bool named;                           /* the folder was synced since it was opened */
	bool begun;                           /* direct_fd and `drained` are settled */
	bool drained;                         /* what goes through the page cache is soon dropped from it */

	pthread_mutex_t mutex; /* of what follows */
	struct ncm_ranges on_disk;
	int journal_fd;           /* or -1: none yet */
	uint64_t lines;           /* "+" lines in it */
	unsigned journals;        /* how many were begun */
	uint64_t written, synced; /* bytes, as they were counted in this run: the difference is not synced */
};

/* Opens the item's partial (made if needed), and finds which bytes of it are there for sure. That they are right is for
 * their digest to say. Blocks; any thread. */
int ncm_partial_open(struct ncm_partial *partial, const struct ncm_transfer_item *item, struct ncm_error *err);
/* Back to no bytes: other content is to come. Nobody else may be using it. */
int ncm_partial_restart(struct ncm_partial *partial, struct ncm_error *err);
/* Notes what the server says of the file, reserves room for it, and sees to it that there is a journal. */
int ncm_partial_begin(struct ncm_partial *partial, const char *etag, bool has_size, uint64_t size,
		      struct ncm_error *err);
/* Writes bytes and notes them in the journal. `data` is aligned as `offset` is. Any thread. */
int ncm_partial_write(struct ncm_partial *partial, uint64_t offset, const unsigned char *data, size_t size,
		      struct ncm_error *err);
/* Reads `size` bytes that are on disk. `data` is aligned as `offset` is, and has room up to the next multiple of
 * NCM_BLOCK_ALIGN, which may be written. Any thread. */
int ncm_partial_read(const struct ncm_partial *partial, uint64_t offset, unsigned char *data, size_t size,
		     struct ncm_error *err);
/* A copy of which bytes are on disk; free with ncm_ranges_clear. Any thread. */
void ncm_partial_look(struct ncm_partial *partial, struct ncm_ranges *on_disk);
/* These bytes are wrong, and to come again: they count as not there, in this run. Any thread. */
void ncm_partial_forget(struct ncm_partial *partial, uint64_t start, uint64_t end);
/* Bytes written since the last sync. Any thread. */
uint64_t ncm_partial_unsynced(struct ncm_partial *partial);
/* Syncs the data, then notes it in the journal. After a failure the bytes cannot be trusted any more, whatever later
 * reads show. Any thread. */
int ncm_partial_sync(struct ncm_partial *partial, struct ncm_error *err);
/*
 * Compares what was hashed (and the git blob hash, if the item has one) with what the item expects, cuts the file to
 * its size, syncs and closes. `hashed` may be NULL if only some ranges were wanted. Class CHECKSUM, with
 * item->bad_sha256. Blocks; any thread.
 */
int ncm_partial_finish(struct ncm_partial *partial, const struct ncm_sha256 *hashed, struct ncm_transfer_item *item,
		       struct ncm_error *err);
/* Closes it if it is open; `discard` removes it and its journal. Frees what it holds. */
void ncm_partial_close(struct ncm_partial *partial, bool discard);

#endif
