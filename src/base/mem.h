/* SPDX-License-Identifier: MIT */
/* Memory that is there or the process ends; cleanup attributes; growing arrays. */
#ifndef NCM_BASE_MEM_H
#define NCM_BASE_MEM_H

#include "os/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *ncm_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *ncm_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Memory at a multiple of `alignment` (a power of two that `size` is a multiple of); free() frees it. */
void *ncm_aligned_alloc(size_t alignment, size_t size) __attribute__((malloc, returns_nonnull));
void *ncm_realloc_array(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));
char *ncm_strdup(const char *text) __attribute__((malloc, returns_nonnull, nonnull));
char *ncm_strdup_null(const char *text); /* NULL stays NULL */
char *ncm_strndup(const char *text, size_t size) __attribute__((malloc, returns_nonnull, nonnull));
char *ncm_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
char *ncm_vasprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0), malloc, returns_nonnull));

/*
 * memcpy for much that another core or the disk is to read next: past this core's caches, where the processor can
 * (non-temporal stores). Else each line of `to` is fetched first, and drives out another. For less it is memcpy.
 */
void ncm_copy_away(void *to, const void *from, size_t size);

/* Overwrites a secret text and frees it; NULL is none. */
void ncm_wipe(char *secret);

/* Makes room for one more item in an array that grows by doubling; returns the new slot, zeroed. */
#define NCM_PUSH(array, count) (ncm_grow((void **)&(array), (count), sizeof *(array)), (count)++, &(array)[(count)-1])
void ncm_grow(void **array, size_t count, size_t size);

static inline void ncm_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}
static inline void ncm_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)os_close(*fd);
}
#define NCM_AUTO_FREE __attribute__((cleanup(ncm_cleanup_free)))
#define NCM_AUTO_CLOSE __attribute__((cleanup(ncm_cleanup_close)))

#endif
