/* SPDX-License-Identifier: MIT */
/*
 * The journal beside a partial file, "<partial>.journal": which file its bytes are of, and which of them are there. It
 * is text that only grows, and each line holds as long as all lines before it are whole:
 *
 *   ncmodel partial 1
 *   {"url": …, "etag": …, "size": …, "sha256": …, "boot_id": …}
 *   ~ 0 1048576      bytes 0 to before 1048576, which the file system calls a hole, are being written
 *   + 0 1048576      they were written
 *   = 1              the data behind the first 1 of the "+" lines was synced before this line was written
 *
 * So it needs no sync to be safe, only to be useful: after a kill all lines count, because a process that ends takes
 * nothing back from the kernel; after the machine went down only what a "=" line vouches for does. A line that was torn
 * or lost ends what is read. A kill between a write and its "+" costs nothing either where the file system tells what
 * is a hole no longer.
 */
#ifndef NCM_TRANSFER_JOURNAL_H
#define NCM_TRANSFER_JOURNAL_H

#include "transfer/ranges.h"
#include "transfer/transfer.h"

enum {
	NCM_BLOCK_BYTES = 1 << 20, /* what is written, and noted, at a time */
	NCM_BLOCK_ALIGN = 4096,    /* what direct writes want of memory, offset and length */
};

/* Which file the bytes are of. */
struct ncm_identity {
	char *url;  /* the item's, as it may be shown */
	char *etag; /* strong, of the server's answer, or NULL */
	bool has_size;
	uint64_t size;
	bool has_sha256; /* as pinned */
	struct ncm_sha256 sha256;
};

void ncm_identity_clear(struct ncm_identity *identity);
/* Whether the bytes of that identity can be of this item. */
bool ncm_identity_fits(const struct ncm_identity *identity, const struct ncm_transfer_item *item);

/* What is known of the file before anybody is asked: a validator is worth something for the URL that gave it alone. */
void ncm_identity_complete(struct ncm_identity *identity, const struct ncm_transfer_item *item);

/*
 * Bytes that may be kept of the item's partial, from its journal and its length, and whose they are. A file as long as
 * the pinned one is looked at even without a journal: its digest alone decides.
 */
void ncm_journal_find_kept(const struct ncm_transfer_item *item, uint64_t length, struct ncm_identity *identity,
			   struct ncm_ranges *kept);
/*
 * Reads the journal of a partial: *trusted are the bytes that are there, *begun those that are if the file has no hole
 * there any more, whole blocks both times. Returns 0, or -1 if there is none that can be read.
 */
int ncm_journal_read(int dirfd, const char *partial, struct ncm_identity *identity, struct ncm_ranges *trusted,
		     struct ncm_ranges *begun);
/*
 * Writes a new journal in place of an old one and keeps it open. `there` are the bytes to begin with; `synced`
 * vouches for them (then it is synced itself, too). Returns an fd for the functions below, or -1.
 */
int ncm_journal_begin(int dirfd, const char *partial, const struct ncm_identity *identity,
		      const struct ncm_ranges *there, bool synced, struct ncm_error *err);
/* One line each. Return 0, or -1 with errno. */
int ncm_journal_begun(int fd, const struct ncm_range *range);
int ncm_journal_written(int fd, const struct ncm_range *range);
int ncm_journal_synced(int fd, uint64_t lines);
void ncm_journal_remove(int dirfd, const char *partial);

#endif
