/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include "base/buffer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { COMPARED = 128 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int lower(const char *text, size_t at)
{
	return tolower((unsigned char)text[at]);
}

/* Optimal string alignment: three rows of the table are enough. */
size_t ncm_edit_distance(const char *a, const char *b)
{
	size_t rows[3][COMPARED + 1];
	const size_t na = strnlen(a, COMPARED), nb = strnlen(b, COMPARED);

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		const size_t *before = rows[(i + 1) % 3], *last = rows[(i - 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t change = last[j - 1] + (lower(a, i - 1) != lower(b, j - 1));

			row[j] = smaller(change, smaller(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a, i - 1) == lower(b, j - 2) && lower(a, i - 2) == lower(b, j - 1))
				row[j] = smaller(row[j], before[j - 2] + 1);
		}
	}
	return rows[na % 3][nb];
}

bool ncm_is_near(size_t distance, size_t length)
{
	return distance < length && distance <= (length < 6 ? 1 : length / 3);
}

/* How far a word is, NCM_NOT_NEAR if it is another one. Its beginning, of three letters or more, is an abbreviation. */
static size_t near_distance(const char *typed, const char *word)
{
	const size_t length = strnlen(typed, COMPARED), distance = ncm_edit_distance(typed, word);

	if (ncm_is_near(distance, length))
		return distance;
	return length >= 3 && strncasecmp(word, typed, length) == 0 ? 1 : NCM_NOT_NEAR;
}

size_t ncm_name_distance(const char *typed, const char *name)
{
	size_t best = near_distance(typed, name);

	for (const char *at = name; *at;) {
		char part[COMPARED + 1];
		size_t size = strcspn(at, "-_.: ");

		if (size > 0 && size < sizeof part) {
			size_t distance;

			memcpy(part, at, size);
			part[size] = '\0';
			distance = near_distance(typed, part);
			if (distance != NCM_NOT_NEAR)
				best = smaller(best, distance + 1);
		}
		at += size;
		at += *at != '\0';
	}
	return best;
}

void ncm_nearest_offer(struct ncm_nearest *nearest, const char *word)
{
	ncm_nearest_offer_at(nearest, word, near_distance(nearest->to, word));
}

void ncm_nearest_offer_at(struct ncm_nearest *nearest, const char *word, size_t distance)
{
	size_t at = nearest->count;

	for (size_t i = 0; i < nearest->count; i++) {
		if (strcasecmp(nearest->words[i], word) == 0)
			return;
	}
	if (distance == NCM_NOT_NEAR)
		return;
	while (at > 0 && nearest->distances[at - 1] > distance)
		at--;
	if (at == NCM_NEAREST)
		return;
	if (nearest->count < NCM_NEAREST)
		nearest->count++;
	for (size_t i = nearest->count - 1; i > at; i--) {
		nearest->words[i] = nearest->words[i - 1];
		nearest->distances[i] = nearest->distances[i - 1];
	}
	nearest->words[at] = word;
	nearest->distances[at] = distance;
}

const char *ncm_nearest_close(const struct ncm_nearest *nearest)
{
	return nearest->count > 0 ? nearest->words[0] : NULL;
}

char *ncm_nearest_list(const struct ncm_nearest *nearest)
{
	struct ncm_buffer list = {0};

	if (nearest->count == 0)
		return NULL;
	for (size_t i = 0; i < nearest->count; i++) {
		if (i > 0)
			ncm_buffer_puts(&list, i + 1 == nearest->count ? " or " : ", ");
		ncm_buffer_puts(&list, nearest->words[i]);
	}
	return ncm_buffer_take(&list);
}
