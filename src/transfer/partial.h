/* SPDX-License-Identifier: MIT */
/*
 * A file that is not complete yet: its bytes from the start without a gap, their hash, and its journal. Whoever has it
 * open holds its lock.
 */
#ifndef NCM_TRANSFER_PARTIAL_H
#define NCM_TRANSFER_PARTIAL_H

#include "transfer/journal.h"

#include <stdatomic.h>

struct ncm_partial {
	const struct ncm_transfer_item *item; /* borrowed: dirfd, name, what is known beforehand */
	int fd;
	uint64_t length;            /* bytes there, all of them in `hash` */
	struct ncm_hash *hash;      /* SHA-256 of them */
	struct ncm_journal journal; /* of these bytes */
	bool journaled;             /* it is on disk */
	uint64_t reserved;          /* file space is reserved up to here */
};

/*
 * Opens the item's partial (made if needed), waits for its lock (*waiting is set meanwhile; ended by ncm_interrupt),
 * and hashes what it holds; bytes that do not fit the item or are not there for sure are cut off. Blocks; any thread.
 */
int ncm_partial_open(struct ncm_partial *partial, const struct ncm_transfer_item *item, atomic_bool *waiting,
		     struct ncm_error *err);
/* Back to no bytes: other content is to come. */
int ncm_partial_restart(struct ncm_partial *partial, struct ncm_error *err);
/* Notes what the server says of the file, reserves room for it, and sees to it that the journal is on disk. */
int ncm_partial_begin(struct ncm_partial *partial, const char *etag, bool has_size, uint64_t size,
		      struct ncm_error *err);
/* Appends bytes. */
int ncm_partial_add(struct ncm_partial *partial, const void *data, size_t size, struct ncm_error *err);
/* Syncs the data. After a failure the bytes cannot be trusted any more, whatever later reads show. Any thread. */
int ncm_partial_sync(const struct ncm_partial *partial, struct ncm_error *err);
/* Writes the journal (the partial's, or a copy of it): that many bytes are synced. Any thread. */
int ncm_partial_note(const struct ncm_partial *partial, struct ncm_journal *journal, uint64_t synced,
		     struct ncm_error *err);
/*
 * Ends the hash and compares it (and the git blob hash, if the item has one) with what the item expects, then syncs
 * and closes. Class CHECKSUM, with item->bad_sha256. Blocks; any thread.
 */
int ncm_partial_finish(struct ncm_partial *partial, struct ncm_transfer_item *item, struct ncm_error *err);
/* Closes it if it is open; `discard` removes it and its journal. Frees what it holds. */
void ncm_partial_close(struct ncm_partial *partial, bool discard);

#endif
