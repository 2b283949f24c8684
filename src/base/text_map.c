/* SPDX-License-Identifier: MIT */
#include "base/text_map.h"

#include "base/mem.h"

#include <string.h>
#include <sys/random.h>

enum { FIRST_ROOM = 64 };

struct ncm_text_slot {
	const char *text;
	uint32_t size;
	uint32_t number;
	uint32_t hash;
	uint32_t round;
};

/* Multiplication and a fold for each eight bytes; the factor is 2^64 divided by the golden ratio. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint32_t hash_of(const struct ncm_text_map *map, const char *text, size_t size)
{
	uint64_t hash = map->seed ^ size;
	uint64_t word = 0;

	for (; size >= sizeof word; text += sizeof word, size -= sizeof word) {
		memcpy(&word, text, sizeof word);
		hash = mix(hash, word);
	}
	word = 0;
	for (size_t i = 0; i < size; i++)
		word = word << 8 | (unsigned char)text[i];
	return (uint32_t)mix(mix(hash, word), map->seed);
}

/* The text's slot, or the free one that it would get. */
static struct ncm_text_slot *slot_of(const struct ncm_text_map *map, const char *text, size_t size, uint32_t hash)
{
	size_t at = hash & (map->room - 1);

	for (;; at = (at + 1) & (map->room - 1)) {
		struct ncm_text_slot *slot = &map->slots[at];

		if (slot->round != map->round)
			return slot;
		if (slot->hash == hash && slot->size == size && memcmp(slot->text, text, size) == 0)
			return slot;
	}
}

static void grow(struct ncm_text_map *map)
{
	struct ncm_text_map old = *map;

	map->room = old.room ? old.room * 2 : FIRST_ROOM;
	map->slots = ncm_calloc(map->room, sizeof *map->slots);
	map->round = 1;
	while (map->seed == 0 && getrandom(&map->seed, sizeof map->seed, 0) < 0)
		;
	for (size_t i = 0; i < old.room; i++) {
		const struct ncm_text_slot *slot = &old.slots[i];
		struct ncm_text_slot *moved;

		if (slot->round != old.round)
			continue;
		moved = slot_of(map, slot->text, slot->size, slot->hash);
		*moved = *slot;
		moved->round = map->round;
	}
	free(old.slots);
}

bool ncm_text_map_add(struct ncm_text_map *map, const char *text, size_t size, size_t number)
{
	struct ncm_text_slot *slot;
	uint32_t hash;

	if (map->count >= map->room / 4 * 3)
		grow(map);
	hash = hash_of(map, text, size);
	slot = slot_of(map, text, size, hash);
	if (slot->round == map->round)
		return false;
	*slot = (struct ncm_text_slot){text, (uint32_t)size, (uint32_t)number, hash, map->round};
	map->count++;
	return true;
}

const uint32_t *ncm_text_map_find(const struct ncm_text_map *map, const char *text, size_t size)
{
	const struct ncm_text_slot *slot;

	if (map->count == 0)
		return NULL;
	slot = slot_of(map, text, size, hash_of(map, text, size));
	return slot->round == map->round ? &slot->number : NULL;
}

void ncm_text_map_clear(struct ncm_text_map *map)
{
	if (map->count == 0)
		return;
	map->count = 0;
	map->round++;
	if (map->round == 0) { /* slots of the first rounds would count again */
		memset(map->slots, 0, map->room * sizeof *map->slots);
		map->round = 1;
	}
}

void ncm_text_map_free(struct ncm_text_map *map)
{
	free(map->slots);
	*map = (struct ncm_text_map){0};
}
