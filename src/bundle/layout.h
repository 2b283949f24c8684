/* SPDX-License-Identifier: MIT */
/* Which part of which file lies where in which volume: follows from their sizes alone. */
#ifndef NCM_BUNDLE_LAYOUT_H
#define NCM_BUNDLE_LAYOUT_H

#include "bundle/bundle.h"

/* Bytes of a file that are an entry of a volume: whole spans, but for the last one of the file. */
struct bundle_part {
	size_t volume; /* its number, from 0 */
	size_t file;   /* of the bundle's files */
	uint64_t start, end;
	uint64_t at; /* where its bytes begin in the volume; its header is the block before */
};

struct bundle_layout {
	struct bundle_part *parts; /* by volume and place there */
	size_t count;
	uint64_t *sizes; /* of each volume */
	size_t volumes;
};

/*
 * Lays out the blobs of a bundle over volumes of `volume` bytes at most (0: one, of any size), each of which begins
 * with `documents` bytes of others. Returns 0, or -1 with USAGE (volumes are too small). Free with
 * bundle_layout_clear.
 */
int bundle_lay_out(const struct ncm_bundle *bundle, uint64_t documents, uint64_t volume, struct bundle_layout *layout,
		   struct ncm_error *err);
void bundle_layout_clear(struct bundle_layout *layout);

/* "blobs/sha256/HEX" of a whole file, "blobs/sha256/HEX.OFFSET" of a part; the caller frees it. */
char *bundle_part_path(const struct ncm_bundle_file *file, const struct bundle_part *part);
/* Reads such a path: the length of the file's path in it, and where the part begins. False if it is none. */
bool bundle_part_read(const char *path, size_t *file_path, uint64_t *start);

#endif
