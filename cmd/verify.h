/* SPDX-License-Identifier: MIT */
/* What `verify` and `verify --store` found and what `--repair` made of it, for people and for programs. */
#ifndef CMD_VERIFY_H
#define CMD_VERIFY_H

#include "session.h"

/* What verify alone is told. */
struct verify_given {
	bool quick, repair;
};
extern struct verify_given verify_given;

/* Records an error for each file that is not right; the table says it already. Returns the exit code. */
int verify_record_damage(struct session *session, const struct ncm_verify_report *report);

/* As the text spells them: the first byte and the last. A new reference. */
json_t *verify_ranges_json(const struct ncm_verify_range *ranges, size_t count);

/* How many files of the report are not right. */
size_t verify_damaged_files(const struct ncm_verify_report *report);
/* Looks again at the models of these ids (it may look at others too). NULL with *err. */
typedef struct ncm_verify_report *verify_again(struct session *session, const struct ncm_strings *ids,
					       struct ncm_error *err);
/*
 * Mends what the report has of damage, looks again, and tells it. On a terminal it asks before a file that is there is
 * replaced whole. With `sound` there are files among it that are not known to be damaged: without anybody to ask, and
 * without -y, nothing is done then. `catalog` may be NULL. The result goes into the document as "repair". Returns the
 * exit code.
 */
int verify_repair(struct session *session, const struct ncm_verify_report *report, struct ncm_catalog *catalog,
		  bool sound, verify_again *again);

/* verify_store.c, verify_store_view.c: what lies in a store. */
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
