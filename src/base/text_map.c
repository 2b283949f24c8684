/* SPDX-License-Identifier: MIT */
#include "base/text_map.h"

#include "base/mem.h"
#include "os/os.h"

#include <string.h>

enum { FIRST_ROOM = 64 };

struct ncm_text_slot {
	const char *text;
	uint32_t size;
	uint32_t number;
	uint32_t hash;
	uint32_t round;
};

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012), which Rust and Python take for their tables too. Nobody who does not know
 * the key can choose texts that fall together; plain multiplication lets differences cancel whatever the key is.
 */
static uint32_t hash_of(const struct ncm_text_map *map, const char *text, size_t size)
{
	uint64_t v[4] = {map->key[0] ^ UINT64_C(0x736f6d6570736575), map->key[1] ^ UINT64_C(0x646f72616e646f6d),
			 map->key[0] ^ UINT64_C(0x6c7967656e657261), map->key[1] ^ UINT64_C(0x7465646279746573)};
	uint64_t last = (uint64_t)size << 56;
	uint64_t word;

	for (; size >= sizeof word; text += sizeof word, size -= sizeof word) {
		memcpy(&word, text, sizeof word);
		sip_take(v, word);
	}
	for (size_t i = 0; i < size; i++)
		last |= (uint64_t)(unsigned char)text[i] << (8 * i);
	sip_take(v, last);
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return (uint32_t)(word ^ word >> 32);
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

static void resize(struct ncm_text_map *map, size_t room)
{
	struct ncm_text_map old = *map;

	map->room = room;
	map->slots = ncm_calloc(map->room, sizeof *map->slots);
	map->round = 1;
	if (!old.slots)
		os_random(map->key, sizeof map->key);
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
		resize(map, map->room ? map->room * 2 : FIRST_ROOM);
	hash = hash_of(map, text, size);
	slot = slot_of(map, text, size, hash);
	if (slot->round == map->round)
		return false;
	*slot = (struct ncm_text_slot){text, (uint32_t)size, (uint32_t)number, hash, map->round};
	map->count++;
	return true;
}

void ncm_text_map_reserve(struct ncm_text_map *map, size_t count)
{
	size_t room = map->room ? map->room : FIRST_ROOM;

	while (count >= room / 4 * 3)
		room *= 2;
	if (room > map->room)
		resize(map, room);
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
