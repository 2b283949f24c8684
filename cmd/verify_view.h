/* SPDX-License-Identifier: MIT */
/* What `verify` found and what `verify --repair` made of it, for people and for programs. */
#ifndef CMD_VERIFY_VIEW_H
#define CMD_VERIFY_VIEW_H

#include "ui/session.h"

/* The table of the models and the extra files, on standard output. */
void verify_print(const struct session *session, const struct ncm_verify_report *report);
/* A new reference. */
json_t *verify_json(const struct ncm_verify_report *report);
/* Records an error for each file that is not right; the table says it already. Returns the exit code. */
int verify_record_damage(struct session *session, const struct ncm_verify_report *report);

/* Mends what the report has of damage, and tells it. The result goes into the document as "repair". Returns the exit
 * code. */
int verify_repair(struct session *session, const struct ncm_verify_report *report);

#endif
