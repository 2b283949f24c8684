/* SPDX-License-Identifier: MIT */
/* A string that grows. Always NUL-terminated once anything was added. */
#ifndef NCM_BASE_BUFFER_H
#define NCM_BASE_BUFFER_H

#include <stddef.h>

struct ncm_buffer {
	char *data; /* NULL while empty */
	size_t size;
	size_t room;
};

void ncm_buffer_add(struct ncm_buffer *buffer, const void *data, size_t size);
/* Makes room for `more` bytes and a NUL behind what is there; returns its start. Who fills it adds to `size`. */
char *ncm_buffer_reserve(struct ncm_buffer *buffer, size_t more);
void ncm_buffer_puts(struct ncm_buffer *buffer, const char *text);
void ncm_buffer_printf(struct ncm_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text, never NULL, now owned by the caller; the buffer is empty afterwards. */
char *ncm_buffer_take(struct ncm_buffer *buffer);
void ncm_buffer_free(struct ncm_buffer *buffer);

#endif
