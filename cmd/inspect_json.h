/* SPDX-License-Identifier: MIT */
#ifndef CMD_INSPECT_JSON_H
#define CMD_INSPECT_JSON_H

#include "ui/json.h"

#include <ncmodel/inspect.h>

/* One inspected model, whole. New reference. */
json_t *inspection_json(const struct ncm_inspection *inspection);

#endif
