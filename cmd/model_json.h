/* SPDX-License-Identifier: MIT */
/* Models as they appear in JSON output. */
#ifndef CMD_MODEL_JSON_H
#define CMD_MODEL_JSON_H

#include "ui/json.h"

#include <ncmodel/registry.h>

/* New references. */
json_t *model_json(const struct ncm_model *model, bool installed);
/* Puts "stars", {"code": 5 …}, of a model that is rated. */
void put_stars(json_t *object, const struct ncm_model *model);
json_t *registered_json(const struct ncm_reg_model *model);
/* All stores that have files of it, the one that its entry names first. */
void registered_stores(const struct ncm_reg_model *model, struct ncm_strings *stores);

#endif
