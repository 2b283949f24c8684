/* SPDX-License-Identifier: MIT */
/* What the user may have meant: the known word that is the fewest typing errors away. */
#ifndef CMD_UI_NEAREST_H
#define CMD_UI_NEAREST_H

struct nearest {
	const char *typed;
	const char *best; /* NULL while nothing is near */
	unsigned distance;
};

/* Considers one known word. */
void nearest_offer(struct nearest *nearest, const char *known);

#endif
