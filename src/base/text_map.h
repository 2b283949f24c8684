/* SPDX-License-Identifier: MIT */
/* From pieces of text, which stay where they are, to numbers. Hashed with a random key: hostile texts gain nothing. */
#ifndef NCM_BASE_TEXT_MAP_H
#define NCM_BASE_TEXT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: empty. */
struct ncm_text_map {
	struct ncm_text_slot *slots;
	size_t room; /* a power of two */
	size_t count;
	uint64_t key[2]; /* random, from the first text on */
	uint32_t round;  /* slots of earlier rounds are free */
};

/* Adds a text, which must outlive the map's use of it. False: it is there already, and keeps its number. Sizes and
 * numbers must fit 32 bits: a slot is to be small. */
bool ncm_text_map_add(struct ncm_text_map *map, const char *text, size_t size, size_t number);
/* Makes room for as many texts as will come, so that none of them waits for the map to grow. */
void ncm_text_map_reserve(struct ncm_text_map *map, size_t count);
/* The number of a text, or NULL if it is not there. Borrowed until the next change. */
const uint32_t *ncm_text_map_find(const struct ncm_text_map *map, const char *text, size_t size);
/* Empties the map and keeps its room: costs nothing. */
void ncm_text_map_clear(struct ncm_text_map *map);
void ncm_text_map_free(struct ncm_text_map *map);

#endif
