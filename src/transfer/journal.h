/* SPDX-License-Identifier: MIT */
/*
 * The journal beside a partial file, "<partial>.json": which file its bytes are of, and how many of them are proved to
 * be on disk. It is there before the first byte, so that a kill at any moment can be resumed from.
 */
#ifndef NCM_TRANSFER_JOURNAL_H
#define NCM_TRANSFER_JOURNAL_H

#include "transfer/transfer.h"

struct ncm_journal {
	char *url;  /* the item's, as it may be shown */
	char *etag; /* strong, of the server's answer, or NULL */
	bool has_size;
	uint64_t size;
	bool has_sha256; /* as pinned */
	struct ncm_sha256 sha256;
	uint64_t synced;  /* bytes from the start that were synced before this was written */
	char boot_id[40]; /* of the kernel that ran then; "" if unknown */
};

/* Reads the journal of a partial. Returns 0, or -1 if there is none that can be read. */
int ncm_journal_read(int dirfd, const char *partial, struct ncm_journal *journal);
int ncm_journal_write(int dirfd, const char *partial, const struct ncm_journal *journal, struct ncm_error *err);
void ncm_journal_clear(struct ncm_journal *journal);
void ncm_journal_copy(struct ncm_journal *to, const struct ncm_journal *from);
void ncm_journal_remove(int dirfd, const char *partial);

/* Whether the bytes that it speaks of can be the beginning of this item. */
bool ncm_journal_fits(const struct ncm_journal *journal, const struct ncm_transfer_item *item);
/* How many bytes of a partial of `length` bytes are there for sure. While the machine has not been booted since, a
 * killed process has lost nothing that it wrote; else only what was synced counts. */
uint64_t ncm_journal_trusted(const struct ncm_journal *journal, uint64_t length);
/* Writes this boot's id. */
void ncm_boot_id(char boot_id[40]);

#endif
