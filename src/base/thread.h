/* SPDX-License-Identifier: MIT */
/* Independent jobs over a few threads. */
#ifndef NCM_BASE_THREAD_H
#define NCM_BASE_THREAD_H

#include <stddef.h>

/* Calls job(context, i) for every i below count, on up to `threads` threads (0: one a core), in order of i as threads
 * get free. */
void ncm_parallel(unsigned threads, size_t count, void (*job)(void *context, size_t index), void *context);
unsigned ncm_cores(void);

#endif
