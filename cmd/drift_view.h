/* SPDX-License-Identifier: MIT */
/* What lock, diff and outdated found, for people and for programs. */
#ifndef CMD_DRIFT_VIEW_H
#define CMD_DRIFT_VIEW_H

#include "session.h"
#include "ui/table.h"

/* Loads the catalog and chooses what the session asks for. The array is the caller's to free. */
int drift_choose(struct session *session, struct ncm_model ***chosen, size_t *count, struct ncm_error *err);
/* A new reference. */
json_t *drift_json(const struct ncm_drift *drift);
size_t drift_states(const struct ncm_drift *drift, enum ncm_drift_state state);

/* What a command calls its columns. */
struct drift_titles {
	const char *before, *after;
	bool to_get;     /* the size is that of what following would fetch, else what it was and is */
	bool gone_fails; /* as in drift_report */
};
/* A line for each entry that is not SAME; with -v for every one, with the files that differ. */
void drift_print(const struct session *session, const struct ncm_drift *drift, const struct drift_titles *titles);
const char *drift_mark(enum ncm_drift_state state);
enum style drift_style(enum ncm_drift_state state);
/* What an entry means; of a failure its class alone, for drift_report tells the rest. The caller frees it. */
char *drift_detail(const struct ncm_drift_entry *entry, bool gone_fails);
/* The lines of -v below an entry: its source and the files that differ. */
void drift_print_files(const struct ncm_drift_entry *entry, struct table *table);

/*
 * Tells what failed: what could not be told, and what is GONE if that counts (else it is a finding). Returns the exit
 * code: 0 if nothing failed, 1 for several classes.
 */
int drift_report(struct session *session, const struct ncm_drift *drift, bool gone_fails);
/* As drift_report without GONE; 3 if nothing failed and something differs. */
int drift_report_changes(struct session *session, const struct ncm_drift *drift, const char *what);

/* How hard to ask. */
extern const struct option_group drift_asking;

#endif
