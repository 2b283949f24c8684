/* SPDX-License-Identifier: MIT */
/* Parts of a whole, drawn as one stacked bar: █ ▓ ▒ ░ in this order, · what is free; # = - + . where there is no UTF-8.
 */
#ifndef CMD_UI_BAR_H
#define CMD_UI_BAR_H

#include <stddef.h>
#include <stdint.h>

enum { BAR_PARTS = 4 };

/* At most BAR_PARTS parts; what is more than the whole takes its place. A part that is there shows. The caller frees
 * it. */
char *bar_stacked(const uint64_t *parts, size_t count, uint64_t whole, size_t columns);
/* The sign of a part. Static. */
const char *bar_sign(size_t part);

#endif
