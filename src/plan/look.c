/* SPDX-License-Identifier: MIT */
/* A cache of what the disk showed: folders by store, digests by inode, size and mtime. */
#include "plan/look.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text_map.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

/* Which file it was, and in what state. */
struct file_key {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t mtime_ns;
};

struct look_memory {
	struct ncm_text_map map;
	struct ncm_arena keys;
	struct seen_bytes *seen;
	size_t count;
};

struct look *look_new(struct run *run)
{
	struct look *look = ncm_calloc(1, sizeof *look);

	look->run = run;
	look->said = authority_of_registry(run->registry->path);
	look->dirs = ncm_calloc(run->layout->count + 1, sizeof *look->dirs);
	look->failures = ncm_calloc(run->layout->count + 1, sizeof *look->failures);
	look->memory = ncm_calloc(1, sizeof *look->memory);
	for (size_t i = 0; i < run->layout->count; i++)
		look->dirs[i] = -1;
	return look;
}

void look_free(struct look *look)
{
	if (!look)
		return;
	for (size_t i = 0; i < look->run->layout->count; i++) {
		if (look->dirs[i] >= 0)
			os_close(look->dirs[i]);
	}
	free(look->dirs);
	free(look->failures);
	ncm_text_map_free(&look->memory->map);
	ncm_arena_free(&look->memory->keys);
	free(look->memory->seen);
	free(look->memory);
	elsewhere_free(look->elsewhere);
	free(look);
}

int look_at_store(struct look *look, const struct ncm_store *store)
{
	const size_t number = (size_t)(store - look->run->layout->stores);

	if (look->dirs[number] < 0 && look->failures[number] == 0) {
		look->dirs[number] = ncm_store_peek(store);
		look->failures[number] = look->dirs[number] < 0 ? errno : 0;
	}
	errno = look->failures[number];
	return look->dirs[number];
}

void look_anew(struct look *look)
{
	memset(look->failures, 0, look->run->layout->count * sizeof *look->failures);
}

static struct file_key key_of(const struct os_stat *status)
{
	struct file_key key;

	memset(&key, 0, sizeof key); /* its padding is compared, too */
	key.device = status->device;
	key.inode = status->inode;
	key.size = status->size;
	key.mtime_ns = status->mtime_ns;
	return key;
}

static struct seen_bytes *recall(const struct look_memory *memory, const struct os_stat *status)
{
	const struct file_key key = key_of(status);
	const uint32_t *number = ncm_text_map_find(&memory->map, (const char *)&key, sizeof key);

	return number ? &memory->seen[*number] : NULL;
}

static void keep(struct look_memory *memory, const struct os_stat *status, const struct seen_bytes *seen)
{
	struct seen_bytes *known = recall(memory, status);
	struct file_key *key;

	if (known) {
		*known = *seen;
		return;
	}
	key = ncm_arena_take(&memory->keys, sizeof *key);
	*key = key_of(status);
	ncm_text_map_add(&memory->map, (const char *)key, sizeof *key, memory->count);
	*NCM_PUSH(memory->seen, memory->count) = *seen;
}

bool look_knows(const struct look *look, const struct os_stat *status)
{
	return recall(look->memory, status) != NULL;
}

void look_remember(struct look *look, const struct os_stat *status, const struct ncm_sha256 *sha256)
{
	keep(look->memory, status, &(struct seen_bytes){.sha256 = *sha256});
}

/* Git's digest of a file, which the Hub tells of every small one. */
static int read_git_sha1(int fd, const struct os_stat *status, struct ncm_sha1 *digest)
{
	NCM_AUTO_FREE char *chunk = ncm_malloc(CHUNK);
	struct ncm_hash *hash = ncm_hash_git_blob(status->size);
	uint64_t at = 0;
	ssize_t got;

	while ((got = ncm_pread_all(fd, chunk, CHUNK, at)) > 0) {
		ncm_hash_update(hash, chunk, (size_t)got);
		at += (uint64_t)got;
	}
	if (got < 0) {
		ncm_hash_free(hash);
		return -1;
	}
	ncm_hash_sha1(hash, digest);
	return 0;
}

int look_at_bytes(struct look *look, int fd, const struct os_stat *status, const char *path, bool git,
		  struct seen_bytes *seen)
{
	const struct seen_bytes *known = recall(look->memory, status);

	if (known && (known->has_git_sha1 || !git)) {
		*seen = *known;
		return 0;
	}
	*seen = known ? *known : (struct seen_bytes){0};
	if (!known) {
		ncm_emit_text(&look->run->sink, NCM_EVENT_NOTE, "checking %s, which is there already", path);
		if (ncm_sha256_fd(fd, UINT64_MAX, &seen->sha256, NULL, NULL, NULL) < 0)
			return -1;
	}
	if (git && read_git_sha1(fd, status, &seen->git_sha1) < 0)
		return -1;
	seen->has_git_sha1 = git;
	keep(look->memory, status, seen);
	return 0;
}
