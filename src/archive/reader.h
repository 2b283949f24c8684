/* SPDX-License-Identifier: MIT */
/* One pass over an archive: entries that are checked one by one before anybody sees them. */
#ifndef NCM_ARCHIVE_READER_H
#define NCM_ARCHIVE_READER_H

#include "archive/stream.h"

#include <archive_entry.h>
#include <locale.h>

struct reader {
	struct archive *archive;
	bool zip;
	locale_t locale, before;
	struct stream stream; /* under a tar */
};

/* What an entry is to us. */
struct entry {
	char *path; /* below the folder; NULL: left out */
	uint64_t size;
	bool folder;
};

/* Starts at the file's beginning. Class POLICY for what is neither tar nor zip, CHECKSUM. */
int reader_open(struct reader *reader, int fd, struct ncm_error *err);
/*
 * The next entry; entry->path is freed by the caller. Returns 1, 0 at the end (which was checked then), or -1. Refused
 * entries are class POLICY, damage is CHECKSUM.
 */
int reader_next(struct reader *reader, unsigned strip, struct entry *entry, struct ncm_error *err);
/* Bytes of the entry's data: how many, 0 at its end, or -1. */
la_ssize_t reader_data(struct reader *reader, void *bytes, size_t size, struct ncm_error *err);
void reader_close(struct reader *reader);

#endif
