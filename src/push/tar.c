/* SPDX-License-Identifier: MIT */
/*
 * Each file in a tar of its own, for runtimes that only unpack. A layer is named by its digest, so each file is read
 * twice: for the digest, which also proves the file, and when it is sent. The bytes of a tar are those of its one file
 * between a head and zeros, and always the same: no time, nobody's, mode 0644. Source: POSIX.1-2017 pax, "ustar
 * Interchange Format", "pax Extended Header".
 */
#include "push/work.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "digest/hash.h"

#include <string.h>

enum {
	BLOCK = 512,
	END = 2 * BLOCK, /* zeros behind all */
	NAME = 100,      /* the longest that stands in a header of ustar's */
	READ_BYTES = 1 << 20,
};

static const uint64_t LARGEST = (UINT64_C(1) << 33) - 1; /* that 11 octal digits say */

/* A header as it lies there. */
struct ustar {
	char name[NAME], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
	    version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

static void put_octal(char *at, size_t size, uint64_t value)
{
	for (size_t i = size - 1; i > 0; i--, value >>= 3)
		at[i - 1] = (char)('0' + (value & 7));
}

static void put_header(char *at, const char *name, uint64_t size, char type)
{
	struct ustar header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
	const size_t length = strlen(name);
	unsigned sum = 0;

	memcpy(header.name, name, length < NAME ? length : NAME);
	put_octal(header.mode, sizeof header.mode, 0644);
	put_octal(header.uid, sizeof header.uid, 0);
	put_octal(header.gid, sizeof header.gid, 0);
	put_octal(header.size, sizeof header.size, size <= LARGEST ? size : 0);
	put_octal(header.mtime, sizeof header.mtime, 0);
	memset(header.checksum, ' ', sizeof header.checksum);
	memcpy(at, &header, BLOCK);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)at[i];
	put_octal(at + offsetof(struct ustar, checksum), sizeof header.checksum - 1, sum);
}

/* "27 path=folder/model.gguf\n": the number counts itself. */
static void add_record(struct ncm_buffer *records, const char *key, const char *value)
{
	const size_t bare = strlen(key) + strlen(value) + 3;
	size_t digits = 1, limit = 10;

	while (bare + digits >= limit) {
		digits++;
		limit *= 10;
	}
	ncm_buffer_printf(records, "%zu %s=%s\n", bare + digits, key, value);
}

static size_t padded(size_t size)
{
	return (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* Outside of ASCII a ustar header says nothing of how a name is encoded. */
static bool is_plain(const char *path)
{
	for (const char *c = path; *c; c++) {
		if ((unsigned char)*c >= 0x80)
			return false;
	}
	return strlen(path) <= NAME;
}

/* All before the file's first byte; *size in blocks. What ustar's header has no room for stands before it. */
static char *make_head(const char *path, uint64_t content, size_t *size)
{
	struct ncm_buffer records = {0};
	char number[24], *head;
	size_t at = 0;

	snprintf(number, sizeof number, "%llu", (unsigned long long)content);
	if (!is_plain(path))
		add_record(&records, "path", path);
	if (content > LARGEST)
		add_record(&records, "size", number);
	*size = records.size > 0 ? BLOCK + padded(records.size) + BLOCK : BLOCK;
	head = ncm_calloc(*size, 1);
	if (records.size > 0) {
		put_header(head, "PaxHeader", records.size, 'x');
		memcpy(head + BLOCK, records.data, records.size);
		at = *size - BLOCK;
	}
	put_header(head + at, path, content, '0');
	ncm_buffer_free(&records);
	return head;
}

static uint64_t size_of(size_t head, uint64_t content)
{
	return head + (content + BLOCK - 1) / BLOCK * BLOCK + END;
}

char *push_tar_head(const struct ncm_push_file *file, size_t *size)
{
	return make_head(file->path, file->size, size);
}

char *push_text_in_tar(const char *path, const char *text, size_t *size)
{
	size_t head_size;
	NCM_AUTO_FREE char *head = make_head(path, *size, &head_size);
	const size_t all = (size_t)size_of(head_size, *size);
	char *tar = ncm_calloc(all, 1);

	memcpy(tar, head, head_size);
	memcpy(tar + head_size, text, *size);
	*size = all;
	return tar;
}

/* The file is read, and proven on the way. */
static int hash_file(struct push_body *body, struct ncm_hash *hash, struct ncm_error *err)
{
	NCM_AUTO_FREE char *data = ncm_malloc(READ_BYTES);

	for (uint64_t left = body->size; left > 0;) {
		const ssize_t got = push_body_read(body, data, left < READ_BYTES ? (size_t)left : READ_BYTES, err);

		if (got < 0)
			return -1;
		ncm_hash_update(hash, data, (size_t)got);
		left -= (uint64_t)got;
	}
	return 0;
}

int push_hash_tar(struct ncm_push_file *file, struct push_body *body, struct ncm_error *err)
{
	static const char zeros[BLOCK + END];
	struct ncm_hash *hash = ncm_hash_new(NCM_HASH_SHA256);
	size_t head_size;
	NCM_AUTO_FREE char *head = make_head(file->path, file->size, &head_size);

	ncm_hash_update(hash, head, head_size);
	if (push_body_open(body, file->abs, err) < 0 || hash_file(body, hash, err) < 0) {
		ncm_hash_free(hash);
		return -1;
	}
	file->layer_size = size_of(head_size, file->size);
	ncm_hash_update(hash, zeros, (size_t)(file->layer_size - head_size - file->size));
	ncm_hash_sha256(hash, &file->layer);
	return 0;
}
