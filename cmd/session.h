/* SPDX-License-Identifier: MIT */
/* One run of the program: what was asked, the configuration that follows from it, and who tells what happens. */
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include "settings.h"
#include "ui/report.h"

struct command;
struct progress;

struct session {
	const struct command *command;
	struct settings settings;
	struct report report;
	struct ncm_config *config;
	struct ncm_catalog *catalog;
	struct ncm_workflow *workflow; /* of --workflow; or NULL */
	struct ncm_workflow_choice workflow_choice;
	struct progress *progress;
	struct ncm_sink sink, shown; /* what happens: kept and shown, shown */
	bool changes;                /* something on disk, by what was asked: a failure is told in the log */
	struct ncm_log *log;         /* NULL: nothing was begun that could change anything */
};

/* Load the configuration and apply the flags; then the catalog too. Return 0, or -1 with *err. */
int session_config(struct session *session, struct ncm_error *err);
int session_catalog(struct session *session, struct ncm_error *err);
/* Loads the catalog if it can be had; if not, a warning says why, and `lost` what that costs. */
void session_catalog_if_any(struct session *session, const char *lost);
/* Makes the operands the names to choose, or those from `first` on; --all with another selector is USAGE. */
int session_selector(struct session *session, struct ncm_error *err);
int session_selector_from(struct session *session, size_t first, struct ncm_error *err);
/* Whether any selector was given. */
bool session_selects(const struct session *session);
/* The selectors besides names as they were given, "--profile noa --phase 1,2"; "" without any. The caller frees it. */
char *session_selectors(const struct session *session);
/* The same without --profile, and without --phase unless `with_phase`. The caller frees it. */
char *session_filters(const struct session *session, bool with_phase);
/* Whether there are tables and sentences to print: neither --json nor -q. */
bool session_prints(const struct session *session);
/* Whether there is somebody to ask: a terminal, and no program that reads what is told. */
bool session_can_ask(const struct session *session);
/* Asks whether to go on (safe text; no is usual). If not, tells `nothing` ("Nothing was moved."), and *exit_code is the
 * command's. */
bool session_ask(struct session *session, const char *question, const char *nothing, int *exit_code);
/* Starts telling what happens through session->sink; session_quieten ends it (bars are removed). */
void session_progress(struct session *session);
void session_quieten(struct session *session);
/* Writes into the log that a command which was to change something failed. */
void session_log_failure(struct session *session, int exit_code);
/* Tells the error, clears it and returns its exit code: `return session_fail(session, &err)`. */
int session_fail(struct session *session, struct ncm_error *err);
void session_free(struct session *session);

#endif
