/* SPDX-License-Identifier: MIT */
/* What `show` and `inspect` tell of one thing: a label and a value a line, and no line of what is not known. */
#ifndef CMD_UI_FACTS_H
#define CMD_UI_FACTS_H

#include <stdint.h>

enum { LABEL_WIDTH = 16, LONGEST_VALUE = 1024 };

/* Takes the value, which must be safe; an empty one is left out. */
void fact(const char *label, char *value);
/* Of what others wrote; NULL is left out. */
void foreign_fact(const char *label, const char *value);
/* 0 is left out. */
void number_fact(const char *label, uint64_t number);

#endif
