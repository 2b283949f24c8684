/* SPDX-License-Identifier: MIT */
/* `verify --store`: what lies in a store, for people and for programs. */
#ifndef CMD_VERIFY_STORE_H
#define CMD_VERIFY_STORE_H

#include "ui/session.h"

/* The folder that was named for the store, or NULL. */
const char *verify_store_path(const struct settings *settings);
/* Surveys the stores that the command line names. Returns the exit code. */
int verify_stores(struct session *session);

/* What people read: tables of the models, lists of what is no model's, a summary. With `repairing` no advice. `folder`:
 * the one that was named for the store, or NULL. */
void survey_print(const struct session *session, const struct ncm_survey *survey, const char *folder, bool repairing);
/* A new reference. */
json_t *survey_json(const struct ncm_survey *survey, bool quick);
/* Whether a state is damage: it makes the command end with 4. */
bool survey_is_bad(enum ncm_survey_state state);
/* Whether it is what no model has and cannot be read: a folder, a sidecar. */
bool survey_is_unread(const struct ncm_survey *survey, size_t file);

#endif
