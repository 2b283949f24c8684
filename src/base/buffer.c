/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

char *ncm_buffer_reserve(struct ncm_buffer *buffer, size_t more)
{
	size_t room = buffer->room ? buffer->room : 64;

	while (room - buffer->size <= more)
		room *= 2;
	if (room != buffer->room) {
		buffer->data = ncm_realloc_array(buffer->data, room, 1);
		buffer->room = room;
	}
	return buffer->data + buffer->size;
}

void ncm_buffer_add(struct ncm_buffer *buffer, const void *data, size_t size)
{
	char *end = ncm_buffer_reserve(buffer, size);

	if (size)
		memcpy(end, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
}

void ncm_buffer_puts(struct ncm_buffer *buffer, const char *text)
{
	ncm_buffer_add(buffer, text, strlen(text));
}

void ncm_buffer_printf(struct ncm_buffer *buffer, const char *format, ...)
{
	va_list args;
	NCM_AUTO_FREE char *text = NULL;

	va_start(args, format);
	text = ncm_vasprintf(format, args);
	va_end(args);
	ncm_buffer_puts(buffer, text);
}

char *ncm_buffer_take(struct ncm_buffer *buffer)
{
	char *text = buffer->data ? buffer->data : ncm_strdup("");

	*buffer = (struct ncm_buffer){0};
	return text;
}

void ncm_buffer_free(struct ncm_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct ncm_buffer){0};
}
