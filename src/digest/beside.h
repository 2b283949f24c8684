/* SPDX-License-Identifier: MIT */
/* Hashing beside other work on the same bytes: they are given to a thread, and waited for before they change. */
#ifndef NCM_DIGEST_BESIDE_H
#define NCM_DIGEST_BESIDE_H

#include "digest/tally.h"

struct ncm_beside; /* opaque */

/* The tally is borrowed until ncm_beside_stop. Where no thread can be had the bytes are hashed as they are given. */
struct ncm_beside *ncm_beside_start(struct ncm_tally *tally);
/* The next bytes, which stay as they are until ncm_beside_wait. Neither does anything for NULL. */
void ncm_beside_give(struct ncm_beside *beside, const void *data, size_t size);
void ncm_beside_wait(struct ncm_beside *beside);
/* Waits for what was given, and frees it. */
void ncm_beside_stop(struct ncm_beside *beside);

#endif
