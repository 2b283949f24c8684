/* SPDX-License-Identifier: MIT */
#include "format/parts.h"

#include <errno.h>
#include <string.h>

static bool has_room(struct header *header, uint64_t size)
{
	if (size > header->limit - header->at)
		return facts_fault(header->facts, NCM_BROKEN, "its header goes on for more than %llu bytes",
				   (unsigned long long)header->limit);
	if (size > header->size - header->at)
		return facts_fault(header->facts, NCM_TRUNCATED, "it ends within its header, after %llu bytes",
				   (unsigned long long)header->size);
	return true;
}

static ssize_t read_at(struct header *header, void *to, size_t size, uint64_t at)
{
	const ssize_t got = header->bytes->read(header->bytes->context, to, size, at);

	if (got < 0)
		header->error = errno;
	return got;
}

/* Has the byte at `at` in the buffer, with what follows it. */
static bool hold(struct header *header)
{
	ssize_t got;

	if (header->at >= header->held_at && header->at - header->held_at < header->held)
		return true;
	got = read_at(header, header->buffer, sizeof header->buffer, header->at);
	header->held = got > 0 ? (size_t)got : 0;
	header->held_at = header->at;
	if (got == 0)
		return facts_fault(header->facts, NCM_TRUNCATED, "it became shorter while it was read");
	return got > 0;
}

bool header_take(struct header *header, void *to, uint64_t size)
{
	unsigned char *out = to;

	if (!has_room(header, size))
		return false;
	while (size > 0) {
		size_t from, count;

		if (!hold(header))
			return false;
		from = (size_t)(header->at - header->held_at);
		count = header->held - from < size ? header->held - from : (size_t)size;
		memcpy(out, header->buffer + from, count);
		out += count;
		header->at += count;
		size -= count;
	}
	return true;
}

bool header_skip(struct header *header, uint64_t size)
{
	if (!has_room(header, size))
		return false;
	header->at += size;
	return true;
}

/* A read may give less than there is, on network and FUSE mounts: only nothing is the end. */
static size_t read_up_to(struct header *header, void *to, size_t size, uint64_t at)
{
	size_t done = 0;

	while (done < size) {
		const ssize_t got = read_at(header, (char *)to + done, size - done, at + done);

		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

size_t header_peek(struct header *header, void *to, size_t size)
{
	return read_up_to(header, to, size, 0);
}

bool header_read_at(struct header *header, void *to, size_t size, uint64_t at)
{
	return at <= header->size && size <= header->size - at && read_up_to(header, to, size, at) == size;
}
