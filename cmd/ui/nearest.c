/* SPDX-License-Identifier: MIT */
#include "ui/nearest.h"

#include <ctype.h>
#include <string.h>

enum {
	LONGEST = 32, /* a longer word is no typing error of ours */
};

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	const unsigned smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words, letter case aside. */
static unsigned edits(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned cost[LONGEST + 1][LONGEST + 1];

	for (size_t i = 0; i <= a_length; i++)
		cost[i][0] = (unsigned)i;
	for (size_t k = 0; k <= b_length; k++)
		cost[0][k] = (unsigned)k;
	for (size_t i = 1; i <= a_length; i++) {
		for (size_t k = 1; k <= b_length; k++) {
			const int left = tolower((unsigned char)a[i - 1]), right = tolower((unsigned char)b[k - 1]);

			cost[i][k] =
			    least(cost[i - 1][k] + 1, cost[i][k - 1] + 1, cost[i - 1][k - 1] + (left != right));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    cost[i - 2][k - 2] + 1 < cost[i][k])
				cost[i][k] = cost[i - 2][k - 2] + 1;
		}
	}
	return cost[a_length][b_length];
}

void nearest_offer(struct nearest *nearest, const char *known)
{
	const size_t typed = strlen(nearest->typed), length = strlen(known);
	unsigned distance;

	if (typed == 0 || typed > LONGEST || length > LONGEST)
		return;
	distance = edits(nearest->typed, typed, known, length);
	if (typed >= 3 && strncmp(known, nearest->typed, typed) == 0)
		distance = 1; /* an abbreviation */
	/* One error in a short word, in a longer one a third of it: what differs more is another word. */
	if (distance > (typed < 6 ? 1 : typed / 3) || distance >= typed ||
	    (nearest->best && distance >= nearest->distance))
		return;
	nearest->best = known;
	nearest->distance = distance;
}
