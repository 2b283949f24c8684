/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdint.h>
#include <string.h>

static void *checked(void *memory)
{
	if (!memory) {
		static const char message[] = "ncmodel: out of memory\n";

		if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
			_exit(1);
		_exit(1);
	}
	return memory;
}

void *ncm_malloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *ncm_calloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *ncm_aligned_alloc(size_t alignment, size_t size)
{
	return checked(aligned_alloc(alignment, size));
}

void *ncm_realloc_array(void *memory, size_t count, size_t size)
{
	return checked(reallocarray(memory, count ? count : 1, size ? size : 1));
}

char *ncm_strdup(const char *text)
{
	return checked(strdup(text));
}

char *ncm_strdup_null(const char *text)
{
	return text ? ncm_strdup(text) : NULL;
}

char *ncm_strndup(const char *text, size_t size)
{
	return checked(strndup(text, size));
}

char *ncm_vasprintf(const char *format, va_list args)
{
	char *text = NULL;

	return checked(vasprintf(&text, format, args) < 0 ? NULL : text);
}

char *ncm_asprintf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = ncm_vasprintf(format, args);
	va_end(args);
	return text;
}

void ncm_grow(void **array, size_t count, size_t size)
{
	/* Powers of two: room is gone exactly when count is 0, 1, 2, 4, 8 … Most lists of a model hold one thing. */
	if ((count & (count - 1)) == 0)
		*array = ncm_realloc_array(*array, count ? count * 2 : 1, size);
	memset((char *)*array + count * size, 0, size);
}
