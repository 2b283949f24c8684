/* SPDX-License-Identifier: MIT */
/* `list --search`: words that a person remembers of a model. */
#ifndef CMD_SEARCH_H
#define CMD_SEARCH_H

#include <ncmodel/registry.h>

/* Whether each word of the text is part of something that is known of the model, in any case. A NULL text finds all. */
bool search_finds_registered(const char *text, const struct ncm_reg_model *model);
bool search_finds_offered(const char *text, const struct ncm_model *model);

#endif
