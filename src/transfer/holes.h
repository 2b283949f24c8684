/* SPDX-License-Identifier: MIT */
/*
 * What the file system tells of a file's holes: bytes that were never written, reserved or not. One that knows of none
 * says that every byte up to the file's end was written; then nothing is a hole here, and nothing follows from that.
 */
#ifndef NCM_TRANSFER_HOLES_H
#define NCM_TRANSFER_HOLES_H

#include "transfer/extents.h"

/* Whether all of it is a hole, for certain. Moves the file's offset, as the next one does. */
bool ncm_is_hole(int fd, const struct ncm_range *range);
/* Whether none of it is. */
bool ncm_has_no_hole(int fd, const struct ncm_range *range);

#endif
