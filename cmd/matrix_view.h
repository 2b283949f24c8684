/* SPDX-License-Identifier: MIT */
/* `ncmodel list --matrix`: the stars that a document gives each model. */
#ifndef CMD_MATRIX_VIEW_H
#define CMD_MATRIX_VIEW_H

#include "entry.h"

/* "stars.code" …; a space between two. */
#define MATRIX_SORTS "stars.code stars.reasoning stars.vision stars.agents stars.speed"

/* Sorts by one of them, the most stars first; what is not rated comes last, and equals stay in their order. `models` is
 * their JSON in the same order, or empty. Returns it sorted as they are, a new reference. */
json_t *matrix_sort(struct entries *entries, const char *by, const json_t *models);
void matrix_print(const struct entries *entries);

#endif
