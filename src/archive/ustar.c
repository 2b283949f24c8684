/* SPDX-License-Identifier: MIT */
#include "archive/ustar.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <stdio.h>
#include <string.h>

struct header {
	char name[100], mode[8], owner[8], group[8], size[12], time[12], sum[8], type, link[100], magic[6], version[2],
	    owner_name[32], group_name[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == NCM_USTAR_BLOCK, "a header is one block");

uint64_t ncm_ustar_room(uint64_t size)
{
	return NCM_USTAR_BLOCK + (size + NCM_USTAR_BLOCK - 1) / NCM_USTAR_BLOCK * NCM_USTAR_BLOCK;
}

/* Of the whole block, its own field as spaces. */
static unsigned sum_of(const struct header *header)
{
	struct header copy = *header;
	unsigned sum = 0;

	memset(copy.sum, ' ', sizeof copy.sum);
	for (size_t i = 0; i < sizeof copy; i++)
		sum += ((const unsigned char *)&copy)[i];
	return sum;
}

/* A long path is cut at a slash, which is in neither part. */
static bool put_path(struct header *header, const char *path)
{
	const size_t size = strlen(path);
	const char *cut = path;

	if (size <= sizeof header->name) {
		memcpy(header->name, path, size);
		return true;
	}
	while ((cut = strchr(cut, '/')) && size - (size_t)(cut - path) - 1 > sizeof header->name)
		cut++;
	if (!cut || (size_t)(cut - path) > sizeof header->prefix)
		return false;
	memcpy(header->prefix, path, (size_t)(cut - path));
	memcpy(header->name, cut + 1, size - (size_t)(cut - path) - 1);
	return true;
}

int ncm_ustar_header(const char *path, uint64_t size, char block[NCM_USTAR_BLOCK], struct ncm_error *err)
{
	struct header header = {.mode = "0000644",
				.owner = "0000000",
				.group = "0000000",
				.time = "00000000000",
				.type = '0',
				.magic = "ustar",
				.version = {'0', '0'},
				.major = "0000000",
				.minor = "0000000"};
	char text[16];

	if (size > NCM_USTAR_MOST || !put_path(&header, path))
		return ncm_error_set(err, NCM_E_POLICY, "a tar has no room for %s: its path or its content is too long",
				     path);
	snprintf(text, sizeof text, "%011llo", (unsigned long long)size);
	memcpy(header.size, text, sizeof header.size);
	snprintf(text, sizeof text, "%06o", sum_of(&header) & 0777777u);
	memcpy(header.sum, text, 7);
	header.sum[7] = ' ';
	memcpy(block, &header, sizeof header);
	return 0;
}

/* Octal digits, then nothing but NULs and spaces. */
static bool read_octal(const char *field, size_t room, uint64_t *value)
{
	size_t digits = 0;

	*value = 0;
	while (digits < room && field[digits] >= '0' && field[digits] <= '7')
		*value = *value * 8 + (uint64_t)(field[digits++] - '0');
	for (size_t i = digits; i < room; i++) {
		if (field[i] != '\0' && field[i] != ' ')
			return false;
	}
	return digits > 0;
}

static bool is_sound(const struct header *header)
{
	uint64_t sum;

	return memcmp(header->magic, "ustar", 5) == 0 && read_octal(header->sum, sizeof header->sum, &sum) &&
	       sum == sum_of(header);
}

static bool is_zero(const struct header *header)
{
	static const struct header zeros;

	return memcmp(header, &zeros, sizeof zeros) == 0;
}

static void take_path(const struct header *header, char path[NCM_USTAR_PATH + 1])
{
	const int prefix = (int)strnlen(header->prefix, sizeof header->prefix);
	const int name = (int)strnlen(header->name, sizeof header->name);

	snprintf(path, NCM_USTAR_PATH + 1, "%.*s%s%.*s", prefix, header->prefix, prefix > 0 ? "/" : "", name,
		 header->name);
}

static int take(const struct header *header, uint64_t file_size, uint64_t *at, struct ncm_ustar_entry *entry,
		struct ncm_error *err)
{
	take_path(header, entry->path);
	if (header->type != '0' && header->type != '\0')
		return ncm_error_set(err, NCM_E_POLICY, "refused: \"%s\" is no plain file", entry->path);
	entry->at = *at + NCM_USTAR_BLOCK;
	if (!read_octal(header->size, sizeof header->size, &entry->size) || entry->size > file_size - entry->at)
		return ncm_error_set(err, NCM_E_CHECKSUM, "it is cut short: \"%s\" goes on behind its end",
				     entry->path);
	*at += ncm_ustar_room(entry->size);
	return 1;
}

int ncm_ustar_next(int fd, uint64_t file_size, uint64_t *at, struct ncm_ustar_entry *entry, struct ncm_error *err)
{
	struct header header;

	if (*at >= file_size || file_size - *at < sizeof header)
		return ncm_error_set(err, NCM_E_CHECKSUM, "it is cut short");
	if (ncm_pread_all(fd, &header, sizeof header, *at) != (ssize_t)sizeof header)
		return ncm_error_errno(err, errno, "cannot read it");
	if (is_zero(&header))
		return 0;
	if (!is_sound(&header))
		return ncm_error_set(err, NCM_E_CHECKSUM, "damaged: the header at byte %llu", (unsigned long long)*at);
	return take(&header, file_size, at, entry, err);
}

uint64_t ncm_ustar_find(int fd, uint64_t file_size, uint64_t at)
{
	enum { ROOM = 1 << 20 };
	NCM_AUTO_FREE char *blocks = ncm_malloc(ROOM);
	ssize_t got;

	while (at < file_size && !ncm_interrupted() && (got = ncm_pread_all(fd, blocks, ROOM, at)) > 0) {
		for (size_t i = 0; i + NCM_USTAR_BLOCK <= (size_t)got; i += NCM_USTAR_BLOCK) {
			struct header header;

			memcpy(&header, blocks + i, sizeof header);
			if (is_sound(&header))
				return at + i;
		}
		at += (uint64_t)got;
	}
	return file_size;
}
