/* SPDX-License-Identifier: MIT */
/*
 * Tars as we write them: regular files with nothing but a name and a size (POSIX ustar, IEEE Std 1003.1), owner 0, mode
 * 0644, time 0. Every header is one block, so that where everything lies follows from the sizes: what is written can be
 * written by many hands, and found again behind a damaged header. libarchive knows neither. Any tar reads them.
 */
#ifndef NCM_ARCHIVE_USTAR_H
#define NCM_ARCHIVE_USTAR_H

#include <ncmodel/error.h>
#include <stdint.h>

enum {
	NCM_USTAR_BLOCK = 512,
	NCM_USTAR_END = 1024, /* bytes of zeros behind the last entry */
	NCM_USTAR_PATH = 256, /* longest path, a '/' and a NUL counted */
};
#define NCM_USTAR_MOST UINT64_C(077777777777) /* largest size of an entry */

/* How many bytes an entry of that size takes, with its header. */
uint64_t ncm_ustar_room(uint64_t size);
/* Returns 0, or -1 with POLICY: a path or size for which the format has no room. */
int ncm_ustar_header(const char *path, uint64_t size, char header[NCM_USTAR_BLOCK], struct ncm_error *err);

struct ncm_ustar_entry {
	char path[NCM_USTAR_PATH + 1];
	uint64_t size;
	uint64_t at; /* where its bytes begin */
};

/*
 * Reads the header at *at of a file of `file_size` bytes, and moves *at behind the entry. Returns 1; 0 where the end
 * mark is; or -1 with CHECKSUM (no header, a damaged one, or an entry that is longer than the file; *at stays) or
 * POLICY (an entry that is no plain file).
 */
int ncm_ustar_next(int fd, uint64_t file_size, uint64_t *at, struct ncm_ustar_entry *entry, struct ncm_error *err);
/* Where the next sound header is, from `at` on; `file_size` if there is none. */
uint64_t ncm_ustar_find(int fd, uint64_t file_size, uint64_t at);

#endif
