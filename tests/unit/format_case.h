/* SPDX-License-Identifier: MIT */
/* Model files made in memory, what they are read as, how much memory that took, and mutations of them. */
#ifndef NCM_TEST_FORMAT_CASE_H
#define NCM_TEST_FORMAT_CASE_H

#include "check.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/format.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Bytes. */

static inline void put_number(struct ncm_buffer *file, size_t width, uint64_t number)
{
	for (size_t i = 0; i < width; i++) {
		const char byte = (char)(number >> (8 * i) & 0xff);

		ncm_buffer_add(file, &byte, 1);
	}
}

static inline void put_zeros(struct ncm_buffer *file, size_t count)
{
	NCM_AUTO_FREE char *zeros = ncm_calloc(count, 1);

	ncm_buffer_add(file, zeros, count);
}

/* Reading. */

/* Reads a file that begins with these bytes and is `size` long (a hole from where they end). */
static inline struct ncm_facts read_sparse(const void *data, size_t count, uint64_t size)
{
	NCM_AUTO_CLOSE int fd = memfd_create("model", MFD_CLOEXEC);
	struct ncm_facts facts;

	CHECK(fd >= 0);
	CHECK(ncm_pwrite_all(fd, data, count, 0) == 0);
	CHECK(ftruncate(fd, (off_t)size) == 0);
	CHECK(ncm_format_read(fd, &facts, NULL) == 0);
	CHECK((facts.fault != NULL) >= (facts.soundness == NCM_BROKEN || facts.soundness == NCM_TRUNCATED));
	CHECK(facts.soundness != NCM_SOUND || (!facts.fault && facts.extent <= size));
	return facts;
}

static inline struct ncm_facts read_bytes(const void *data, size_t size)
{
	return read_sparse(data, size, size);
}

/* Reads it, forgets the rest, and checks that a fault has these words (NULL: no fault). */
static inline enum ncm_soundness judged(const void *data, size_t size, const char *fault)
{
	struct ncm_facts facts = read_bytes(data, size);
	const enum ncm_soundness soundness = facts.soundness;

	if (fault && (!facts.fault || !strstr(facts.fault, fault))) {
		fprintf(stderr, "the fault is \"%s\", not \"%s\"\n", facts.fault ? facts.fault : "(none)", fault);
		exit(1);
	}
	CHECK(fault || !facts.fault);
	ncm_facts_clear(&facts);
	return soundness;
}

/* Memory: what is held at once, as the sanitizer's allocator tells; without one a limit on the process does. */

int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
					      void (*freed)(const volatile void *)) __attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *memory) __attribute__((weak));

static size_t held_now, held_most;

static inline void note_taken(const volatile void *memory, size_t size)
{
	(void)memory;
	held_now += size;
	held_most = held_now > held_most ? held_now : held_most;
}

static inline void note_freed(const volatile void *memory)
{
	const size_t size = memory ? __sanitizer_get_allocated_size(memory) : 0;

	held_now -= size < held_now ? size : held_now;
}

/* From here on nothing in this process may hold more than so many bytes. */
static inline void bound_memory(size_t bytes)
{
	struct rlimit limit = {bytes + (64u << 20), bytes + (64u << 20)};

	if (__sanitizer_install_malloc_and_free_hooks)
		CHECK(__sanitizer_install_malloc_and_free_hooks(note_taken, note_freed) > 0);
	else
		CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* Mutations, the same in every run. */

static inline uint64_t next_random(uint64_t *state)
{
	/* xorshift64* (Vigna, 2016) */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* Numbers that break arithmetic. */
static inline uint64_t evil_number(uint64_t *state)
{
	static const uint64_t numbers[] = {0,
					   1,
					   0x7f,
					   0xff,
					   0x7fff,
					   0xffff,
					   0x7fffffff,
					   0x80000000,
					   0xffffffff,
					   UINT64_C(0x100000000),
					   INT64_MAX,
					   UINT64_C(0x8000000000000000),
					   UINT64_MAX - 7,
					   UINT64_MAX};

	return numbers[next_random(state) % (sizeof numbers / sizeof *numbers)];
}

/* Changes a copy of `sound` in one to four places within its first `reach` bytes: flips, numbers, cuts, insertions. */
static inline void mutate(struct ncm_buffer *copy, const struct ncm_buffer *sound, size_t reach, uint64_t *state)
{
	copy->size = 0;
	ncm_buffer_add(copy, sound->data, sound->size);
	for (uint64_t i = next_random(state) % 4 + 1; i > 0 && copy->size > 16; i--) {
		const size_t most = reach < copy->size - 8 ? reach : copy->size - 8;
		const size_t at = (size_t)(next_random(state) % most);
		const uint64_t number = evil_number(state);

		switch (next_random(state) % 6) {
		case 0:
			copy->data[at] = (char)(copy->data[at] ^ (1 << next_random(state) % 8));
			break;
		case 1:
			copy->data[at] = (char)next_random(state);
			break;
		case 2:
			memcpy(copy->data + at, &number, 8);
			break;
		case 3:
			memcpy(copy->data + at, &number, 4);
			break;
		case 4:
			memmove(copy->data + at, copy->data + at + 8, copy->size - at - 8);
			copy->size -= 8;
			break;
		default:
			ncm_buffer_add(copy, &number, 8);
			memmove(copy->data + at + 8, copy->data + at, copy->size - at - 8);
			break;
		}
	}
}

/* Reads so many mutations; none may crash or take more than `most` bytes at once. Returns how many were refused. */
static inline size_t fuzz(const struct ncm_buffer *sound, size_t reach, size_t rounds, size_t most)
{
	struct ncm_buffer copy = {0};
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	size_t refused = 0;

	for (size_t i = 0; i < rounds; i++) {
		const size_t before = held_now;
		struct ncm_facts facts;

		mutate(&copy, sound, reach, &state);
		held_most = before;
		facts = read_bytes(copy.data, copy.size);
		CHECK(held_most - before <= most);
		refused += facts.soundness != NCM_SOUND;
		ncm_facts_clear(&facts);
	}
	ncm_buffer_free(&copy);
	return refused;
}

/* Every shorter file must be told as such, from `from` bytes on. */
static inline void every_cut_is_told(const struct ncm_buffer *sound, size_t from)
{
	for (size_t size = from; size < sound->size; size++) {
		struct ncm_facts facts = read_bytes(sound->data, size);

		if (facts.soundness != NCM_TRUNCATED) {
			fprintf(stderr, "cut after %zu of %zu bytes: %s\n", size, sound->size,
				facts.fault ? facts.fault : "taken for sound");
			exit(1);
		}
		ncm_facts_clear(&facts);
	}
}

#endif
