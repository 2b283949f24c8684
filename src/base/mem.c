/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include "os/process.h"

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* From here on memory is asked for in huge pages: one of models.json's size costs a fifth less than in small ones. */
enum { LARGE = 8 << 20 };

static void *checked(void *memory)
{
	if (!memory)
		os_die("ncmodel: out of memory\n");
	return memory;
}

static void *in_huge_pages(void *memory, size_t size)
{
	if (size >= LARGE)
		os_want_huge_pages(memory, size);
	return memory;
}

void *ncm_malloc(size_t size)
{
	return in_huge_pages(checked(malloc(size ? size : 1)), size);
}

void *ncm_calloc(size_t count, size_t size)
{
	size_t bytes = 0;

	(void)__builtin_mul_overflow(count, size, &bytes);
	return in_huge_pages(checked(calloc(count ? count : 1, size ? size : 1)), bytes);
}

void *ncm_aligned_alloc(size_t alignment, size_t size)
{
	return checked(aligned_alloc(alignment, size));
}

void *ncm_realloc_array(void *memory, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count ? count : 1, size ? size : 1, &bytes))
		checked(NULL);
	return in_huge_pages(checked(realloc(memory, bytes)), bytes);
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
	const size_t length = strnlen(text, size);
	char *copy = ncm_malloc(length + 1);

	/* Not strndup: what is copied may have no end behind `size`, and sanitizers that are strict look for one. */
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
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

void ncm_wipe(char *secret)
{
	if (secret)
		os_wipe(secret, strlen(secret));
	free(secret);
}

void ncm_grow(void **array, size_t count, size_t size)
{
	/* Powers of two: room is gone exactly when count is 0, 1, 2, 4, 8 … Most lists of a model hold one thing. */
	if ((count & (count - 1)) == 0)
		*array = ncm_realloc_array(*array, count ? count * 2 : 1, size);
	memset((char *)*array + count * size, 0, size);
}

#if defined(__SSE2__)
enum { LINE = 64, WORTH_IT = 4096 };

/* Whole lines, to the start of one. */
static void copy_lines(unsigned char *to, const unsigned char *from, size_t size)
{
	for (size_t at = 0; at < size; at += LINE) {
		const __m128i *in = (const void *)(from + at);
		__m128i *out = (void *)(to + at);
		const __m128i first = _mm_loadu_si128(in), second = _mm_loadu_si128(in + 1);
		const __m128i third = _mm_loadu_si128(in + 2), last = _mm_loadu_si128(in + 3);

		_mm_stream_si128(out, first);
		_mm_stream_si128(out + 1, second);
		_mm_stream_si128(out + 2, third);
		_mm_stream_si128(out + 3, last);
	}
	_mm_sfence(); /* whoever is handed the bytes sees them */
}

void ncm_copy_away(void *to, const void *from, size_t size)
{
	const size_t before = -(uintptr_t)to % LINE, lines = size < WORTH_IT ? 0 : (size - before) / LINE * LINE;
	unsigned char *out = to;
	const unsigned char *in = from;

	if (lines == 0) {
		memcpy(out, in, size);
		return;
	}
	memcpy(out, in, before);
	copy_lines(out + before, in + before, lines);
	memcpy(out + before + lines, in + before + lines, size - before - lines);
}
#else
void ncm_copy_away(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
}
#endif
