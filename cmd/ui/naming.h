/* SPDX-License-Identifier: MIT */
/*
 * What the rows of a pull are called: the model, and of several files of one model the part of the name in which they
 * differ. Small files of a model that has others (an Ollama model's template and licence) are told together.
 */
#ifndef CMD_UI_NAMING_H
#define CMD_UI_NAMING_H

#include <ncmodel/event.h>
#include <ncmodel/provision.h>
#include <stdbool.h>
#include <stddef.h>

struct naming;

struct naming *naming_new(void);
void naming_free(struct naming *naming);
/* Takes what a plan is going to fetch. */
void naming_expect(struct naming *naming, const struct ncm_plan *plan);
/*
 * The part that tells the file from the model's others: "00001-of-00003"; "" when the model's name says enough; without
 * a plan the file's name. Safe; the caller frees it.
 */
char *naming_part(struct naming *naming, const struct ncm_event *event);
/* Whether the file is told together with the model's other small ones. */
bool naming_is_small(struct naming *naming, const struct ncm_event *event);
/* Counts a small file that is here. */
void naming_add_small(struct naming *naming, const struct ncm_event *event);
/* What has been counted of a model and not told, of any if `model` is NULL: "NAME  5 small files, 12.3 kB". NULL: none.
 * The caller frees it. */
char *naming_take_small(struct naming *naming, const char *model);

#endif
