/* SPDX-License-Identifier: MIT */
#include "digest/checkpoint.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "os/os.h"

#include <ncmodel/limits.h>
#include <string.h>

#define FOLDER ".ncmodel/checkpoints"

enum {
	VERSION = 1,
	HEADER = 72,
	SUM = 32,
	PATH_SIZE = sizeof FOLDER + 1 + NCM_SHA256_HEX,
};

static const char magic[8] = {'N', 'C', 'M', 'C', 'H', 'K', 'P', 'T'};

static const char *path_of(const struct ncm_sha256 *sha256, char path[PATH_SIZE])
{
	char hex[NCM_SHA256_HEX + 1];

	snprintf(path, PATH_SIZE, "%s/%s", FOLDER, ncm_sha256_hex(sha256, hex));
	return path;
}

static uint8_t *put(uint8_t *at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
	return at + bytes;
}

/*
 * Everything before the states. There is one right spelling of it for a file: a reader need not take it apart, it
 * compares.
 */
static void spell_header(const struct ncm_sha256 *sha256, uint64_t size, uint8_t header[HEADER])
{
	uint8_t *at = header;

	memcpy(at, magic, sizeof magic);
	at = put(at + sizeof magic, VERSION, 4);
	at = put(at, 0, 4);
	at = put(at, size, 8);
	at = put(at, NCM_CHECKPOINT_SPAN, 8);
	at = put(at, ncm_checkpoints_expected(size), 8);
	memcpy(at, sha256->bytes, sizeof sha256->bytes);
}

static size_t states_size(uint64_t size)
{
	return ncm_checkpoints_expected(size) * sizeof(struct ncm_sha256_state);
}

static size_t length_of(uint64_t size)
{
	return HEADER + states_size(size) + SUM;
}

/* Sizes beyond the limit are never believed, and never make us reserve memory. */
static bool size_has_checkpoints(uint64_t size)
{
	return size <= NCM_LIMIT_FILE_BYTES && ncm_checkpoints_expected(size) > 0;
}

size_t ncm_checkpoints_length(uint64_t size)
{
	return size_has_checkpoints(size) ? length_of(size) : 0;
}

uint8_t *ncm_checkpoints_spell(const struct ncm_checkpoints *checkpoints, size_t *length)
{
	const size_t states = states_size(checkpoints->size);
	struct ncm_sha256 sum;
	uint8_t *bytes;

	if (!size_has_checkpoints(checkpoints->size) ||
	    checkpoints->count != ncm_checkpoints_expected(checkpoints->size))
		return NULL;
	*length = length_of(checkpoints->size);
	bytes = ncm_malloc(*length);
	spell_header(&checkpoints->sha256, checkpoints->size, bytes);
	memcpy(bytes + HEADER, checkpoints->states, states);
	ncm_sha256_of(bytes, HEADER + states, &sum);
	memcpy(bytes + HEADER + states, sum.bytes, SUM);
	return bytes;
}

int ncm_checkpoints_write_in(int dirfd, const struct ncm_checkpoints *checkpoints, struct ncm_error *err)
{
	size_t length = 0;
	NCM_AUTO_FREE uint8_t *bytes = NULL;
	char hex[NCM_SHA256_HEX + 1];

	if (!size_has_checkpoints(checkpoints->size))
		return 0;
	bytes = ncm_checkpoints_spell(checkpoints, &length);
	if (!bytes)
		return ncm_error_set(err, NCM_E_OTHER, "these checkpoints are not those of a whole file");
	return ncm_write_atomic(dirfd, ncm_sha256_hex(&checkpoints->sha256, hex), bytes, length, NCM_OWN_FILE, err);
}

int ncm_checkpoints_write(int store_dirfd, const struct ncm_checkpoints *checkpoints, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int dirfd = -1;

	if (!size_has_checkpoints(checkpoints->size))
		return 0;
	dirfd = ncm_mkdir_beneath(store_dirfd, FOLDER, err);
	return dirfd < 0 ? -1 : ncm_checkpoints_write_in(dirfd, checkpoints, err);
}

/* Opens what may be the checkpoints: a regular file of the one right length. */
static int open_existing(int dirfd, const char *path, uint64_t size)
{
	struct os_stat status;
	int fd;

	if (!size_has_checkpoints(size))
		return -1;
	fd = os_open_beneath(dirfd, path, OS_READ);
	if (fd < 0)
		return -1;
	if (os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.size == length_of(size))
		return fd;
	os_close(fd);
	return -1;
}

int ncm_checkpoints_parse(const void *data, size_t length, const struct ncm_sha256 *sha256, uint64_t size,
			  struct ncm_checkpoints *checkpoints)
{
	const uint8_t *bytes = data;
	const size_t states = states_size(size);
	uint8_t header[HEADER];
	struct ncm_sha256 sum;

	if (!size_has_checkpoints(size) || length != length_of(size))
		return -1;
	spell_header(sha256, size, header);
	ncm_sha256_of(bytes, HEADER + states, &sum);
	if (memcmp(bytes, header, HEADER) != 0 || memcmp(bytes + HEADER + states, sum.bytes, SUM) != 0)
		return -1;
	*checkpoints = (struct ncm_checkpoints){
	    .size = size, .sha256 = *sha256, .count = ncm_checkpoints_expected(size), .states = ncm_malloc(states)};
	memcpy(checkpoints->states, bytes + HEADER, states);
	return 0;
}

static int read_file(int fd, const struct ncm_sha256 *sha256, uint64_t size, struct ncm_checkpoints *checkpoints)
{
	NCM_AUTO_FREE char *bytes = NULL;
	size_t length = 0;

	if (fd < 0)
		return -1;
	bytes = ncm_read_fd(fd, length_of(size), &length);
	return bytes ? ncm_checkpoints_parse(bytes, length, sha256, size, checkpoints) : -1;
}

int ncm_checkpoints_read_in(int dirfd, const struct ncm_sha256 *sha256, uint64_t size,
			    struct ncm_checkpoints *checkpoints)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_CLOSE int fd = open_existing(dirfd, ncm_sha256_hex(sha256, hex), size);

	return read_file(fd, sha256, size, checkpoints);
}

int ncm_checkpoints_read(int store_dirfd, const struct ncm_sha256 *sha256, uint64_t size,
			 struct ncm_checkpoints *checkpoints)
{
	char path[PATH_SIZE];
	NCM_AUTO_CLOSE int fd = open_existing(store_dirfd, path_of(sha256, path), size);

	return read_file(fd, sha256, size, checkpoints);
}

bool ncm_checkpoints_exist(int store_dirfd, const struct ncm_sha256 *sha256, uint64_t size)
{
	char path[PATH_SIZE];
	NCM_AUTO_CLOSE int fd = open_existing(store_dirfd, path_of(sha256, path), size);

	return fd >= 0;
}

void ncm_checkpoints_remove_in(int dirfd, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	(void)ncm_remove_beneath(dirfd, ncm_sha256_hex(sha256, hex));
}
