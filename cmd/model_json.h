/* SPDX-License-Identifier: MIT */
/* Models as they appear in JSON output. */
#ifndef CMD_MODEL_JSON_H
#define CMD_MODEL_JSON_H

#include "ui/json.h"

#include <ncmodel/registry.h>

/* New references. */
json_t *model_json(const struct ncm_model *model, bool installed);
json_t *registered_json(const struct ncm_reg_model *model);

#endif
