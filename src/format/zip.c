/* SPDX-License-Identifier: MIT */
/*
 * A zip's directory lies at its end (PKWARE APPNOTE.TXT 4.3.6, 4.3.14 to 4.3.16), so one that was cut off has none.
 * torch.save writes zips, their numbers in 64 bits where 32 do not do.
 */
#include "format/parts.h"

#include "base/mem.h"

#include <string.h>

enum { END = 22, COMMENT = 65535, LOCATOR = 20, END64 = 56 };

/* What the end tells of the directory. */
struct directory {
	uint64_t size, start, entries;
};

static uint64_t number(const unsigned char *bytes, size_t width)
{
	uint64_t value = 0;

	while (width-- > 0)
		value = value << 8 | bytes[width];
	return value;
}

static bool is_signature(const unsigned char *bytes, const char *signature)
{
	return memcmp(bytes, signature, 4) == 0;
}

/* Where the last 64 KiB have the end of the directory; -1: nowhere. */
static ssize_t find_end(const unsigned char *tail, size_t size)
{
	for (size_t at = size < END ? 0 : size - END + 1; at-- > 0;) {
		if (is_signature(tail + at, "PK\5\6") && number(tail + at + 20, 2) <= size - END - at)
			return (ssize_t)at;
	}
	return -1;
}

/* Numbers that 32 bits do not hold stand in a record of their own, which a locator before the end leads to. */
static bool take_large(struct header *header, uint64_t end, struct directory *directory)
{
	unsigned char locator[LOCATOR], record[END64];

	if (end < LOCATOR || !header_read_at(header, locator, sizeof locator, end - LOCATOR) ||
	    !is_signature(locator, "PK\6\7") ||
	    !header_read_at(header, record, sizeof record, number(locator + 8, 8)) || !is_signature(record, "PK\6\6"))
		return false;
	*directory = (struct directory){number(record + 40, 8), number(record + 48, 8), number(record + 32, 8)};
	return true;
}

static bool take_directory(struct header *header, const unsigned char *end, uint64_t at, struct directory *directory)
{
	*directory = (struct directory){number(end + 12, 4), number(end + 16, 4), number(end + 10, 2)};
	if (directory->size != UINT32_MAX && directory->start != UINT32_MAX && directory->entries != UINT16_MAX)
		return true;
	return take_large(header, at, directory);
}

static bool holds(struct header *header, const struct directory *directory, uint64_t end)
{
	unsigned char first[4];

	if (directory->start > end || directory->size > end - directory->start)
		return false;
	return directory->entries == 0 ||
	       (header_read_at(header, first, sizeof first, directory->start) && is_signature(first, "PK\1\2"));
}

void zip_read(struct header *header)
{
	const uint64_t most = END + COMMENT;
	const size_t size = (size_t)(header->size < most ? header->size : most);
	const uint64_t from = header->size - size;
	NCM_AUTO_FREE unsigned char *tail = ncm_malloc(size + 1);
	struct directory directory;
	ssize_t end;

	if (!header_read_at(header, tail, size, from))
		return;
	end = find_end(tail, size);
	if (end < 0)
		facts_fault(header->facts, NCM_TRUNCATED, "it ends before its zip directory, after %llu bytes",
			    (unsigned long long)header->size);
	else if (!take_directory(header, tail + end, from + (uint64_t)end, &directory) ||
		 !holds(header, &directory, from + (uint64_t)end))
		facts_fault(header->facts, NCM_BROKEN, "its zip directory does not lie where its end says");
}
