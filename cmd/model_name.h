/* SPDX-License-Identifier: MIT */
/* What people call a model that they asked for. */
#ifndef CMD_MODEL_NAME_H
#define CMD_MODEL_NAME_H

#include <ncmodel/error.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>

/* Whether it is a source spelled out, and in no manifest: a model for this run alone. */
bool model_is_spelled_out(const struct ncm_model *model);
/* The name that a manifest gives it; of a source spelled out the source. An address that may hold a secret is not told.
 */
const char *model_name(const struct ncm_model *model);
/* An error that begins with the id of a source spelled out begins with the source. */
void model_name_error(const struct ncm_model *model, struct ncm_error *err);

#endif
