/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include "base/file.h"

#include <string.h>

static ssize_t read_file(void *context, void *to, size_t size, uint64_t at)
{
	return ncm_pread_all(*(const int *)context, to, size, at);
}

struct ncm_bytes ncm_bytes_of_file(const int *fd, uint64_t size)
{
	return (struct ncm_bytes){.read = read_file, .context = (void *)fd, .size = size};
}

static ssize_t read_piece(void *context, void *to, size_t size, uint64_t at)
{
	const struct ncm_piece *piece = context;

	if (at >= piece->size)
		return 0;
	if (size > piece->size - at)
		size = (size_t)(piece->size - at);
	memcpy(to, (const char *)piece->data + at, size);
	return (ssize_t)size;
}

struct ncm_bytes ncm_bytes_of_piece(const struct ncm_piece *piece)
{
	return (struct ncm_bytes){.read = read_piece, .context = (void *)piece, .size = piece->size};
}

ssize_t ncm_bytes_read_all(const struct ncm_bytes *bytes, void *to, size_t size, uint64_t at)
{
	size_t done = 0;

	while (done < size) {
		const ssize_t got = bytes->read(bytes->context, (char *)to + done, size - done, at + done);

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}
