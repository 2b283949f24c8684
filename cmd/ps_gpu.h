/* SPDX-License-Identifier: MIT */
/* What servers tell of the graphics cards' memory, held against what the cards tell. */
#ifndef CMD_PS_GPU_H
#define CMD_PS_GPU_H

#include "ui/json.h"

#include <ncmodel/runtime.h>
#include <stdbool.h>

/* Looks at this machine's cards, and prints that unless `silent`. A new reference: null without a card. */
json_t *ps_gpu(const struct ncm_runtime_view *view, bool silent);

#endif
