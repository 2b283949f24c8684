/* SPDX-License-Identifier: MIT */
/* Which of the names that are there a mistyped one may have meant. */
#include "source/shared.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>

enum {
	SHOWN = 3,
	LONGEST = 255, /* bytes of a name that are compared */
	MOST_NAMES = 5000,
};

/* Levenshtein distance without regard to case, over one row. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1];
	size_t a_length = strnlen(a, LONGEST), b_length = strnlen(b, LONGEST);

	for (size_t k = 0; k <= b_length; k++)
		row[k] = k;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t k = 1; k <= b_length; k++) {
			bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[k - 1]);
			size_t best = diagonal + !same;

			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[b_length];
}

struct candidate {
	const char *name;
	size_t distance;
};

static int by_distance(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return strcmp(a->name, b->name);
}

char *ncm_source_near(const struct ncm_strings *names, const char *wanted)
{
	size_t count = names->count < MOST_NAMES ? names->count : MOST_NAMES;
	NCM_AUTO_FREE struct candidate *candidates = ncm_calloc(count + 1, sizeof *candidates);
	struct ncm_buffer list = {0};
	size_t shown = 0;

	for (size_t i = 0; i < count; i++)
		candidates[i] = (struct candidate){names->items[i], distance(wanted, names->items[i])};
	qsort(candidates, count, sizeof *candidates, by_distance);
	for (size_t i = 0; i < count && shown < SHOWN; i++) {
		/* More than half of it another text: not what was meant. */
		if (candidates[i].distance * 2 > strlen(wanted) + 2)
			break;
		ncm_buffer_printf(&list, "%s%s", shown++ > 0 ? ", " : "", candidates[i].name);
	}
	return shown > 0 ? ncm_buffer_take(&list) : NULL;
}
