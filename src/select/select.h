/* SPDX-License-Identifier: MIT */
/* What the rules share. */
#ifndef NCM_SELECT_SELECT_H
#define NCM_SELECT_SELECT_H

#include <ncmodel/select.h>

enum { FITS_NO, FITS_YES, FITS_UNKNOWN };

/* Whether a model of that tier may be given what the task has: one of FITS_…. UNKNOWN: a word that is no tier. */
int select_privacy(const char *needed, const char *tier);
/* NO_FIT if no candidate meets the demands (a mask), by what they failed. Returns 0 if one does. */
int select_none_fits(const struct ncm_task *task, const struct ncm_rule *rule, const struct ncm_candidate *candidates,
		     size_t count, struct ncm_error *err);
/* Sorts those that are not out to the front, by `compare` (as of qsort, and a total order). Returns how many they are.
 */
size_t select_sort(struct ncm_candidate *candidates, size_t count, int (*compare)(const void *, const void *));

#endif
