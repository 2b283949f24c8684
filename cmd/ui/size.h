/* SPDX-License-Identifier: MIT */
/* Sizes that are known, expected or unknown, in words. */
#ifndef CMD_UI_SIZE_H
#define CMD_UI_SIZE_H

#include <ncmodel/manifest.h>

/* "4.9 GB", "~4.9 GB and 2 of unknown size", "2 of unknown size". The caller frees it. */
char *size_text(uint64_t bytes, const struct ncm_doubt *doubt);

#endif
