/* SPDX-License-Identifier: MIT */
/*
 * The log: what was changed on this machine, when, by which command, with which digests and sources. Functions that
 * change something tell it as an event (NCM_EVENT_DEED); whoever puts a log between them and his own sink has it
 * written down. One JSON object a line, appended in one write; readable for its owner alone; bounded by
 * NCM_LIMIT_LOG_BYTES and one older file. No query of an URL and no token is ever in it.
 */
#ifndef NCMODEL_LOG_H
#define NCMODEL_LOG_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* A file that something was done to. Strings are borrowed by a deed, and owned by what ncm_log_read returns. */
struct ncm_deed_file {
	char *path;  /* absolute; of what the lock pins: as the source names it */
	char *store; /* store id, or NULL */
	char *how;   /* what became of it or what it is: "fetched", "hardlink", "blob" …; or NULL */
	char *source;
	uint64_t size;            /* bytes; 0: unknown */
	struct ncm_sha256 sha256; /* all zero: unknown */
};

/* Something that was done. Append only: the names of the actions are part of the JSON interface. */
struct ncm_deed {
	const char *action;   /* "registered", "repaired", "removed", "deleted", "linked", "unlinked", "pinned",
				 "unpinned", "moved", "configured", "unconfigured" */
	const char *model;    /* id, or NULL */
	const char *source;   /* or NULL */
	const char *revision; /* or NULL */
	const struct ncm_deed_file *files;
	size_t file_count; /* the log names the first NCM_LIMIT_LOG_FILES of them, and counts the others */
};

/* Why a command failed. Borrowed as above. */
struct ncm_log_failure {
	char *code; /* as ncm_errc_name gives it */
	char *message;
	char *model; /* or NULL */
};

/* The log of one run of a command. Nothing is opened or written before there is something to tell. The configuration
 * is borrowed. Free with ncm_log_free. */
struct ncm_log *ncm_log_new(const struct ncm_config *config, const char *command);
/* A sink that writes deeds down and hands on all other events. A log that cannot be written is told once, as a warning
 * there, and fails nothing. Good as long as the log; `next` is copied, and may be NULL. */
struct ncm_sink ncm_log_sink(struct ncm_log *log, const struct ncm_sink *next);
/* Writes down that the command failed. Returns 0, or -1 with *err (IO, NO_SPACE) if that cannot be written, unless that
 * was told already. */
int ncm_log_fail(struct ncm_log *log, int exit_code, const struct ncm_log_failure *failures, size_t count,
		 struct ncm_error *err);
void ncm_log_free(struct ncm_log *log);

/* One line of the log. What it does not tell is NULL or 0. */
struct ncm_log_entry {
	char *time; /* RFC 3339 UTC */
	char *run;  /* the same for all lines of one run */
	char *command;
	char *action; /* of a deed, or "failed" */
	char *model;
	char *source;
	char *revision;
	int exit_code; /* of "failed" */
	struct ncm_deed_file *files;
	size_t file_count;
	size_t left_out; /* files that the log does not name */
	struct ncm_log_failure *failures;
	size_t failure_count;
};

struct ncm_log_entries {
	char *path;
	struct ncm_log_entry *items; /* the newest last */
	size_t count;
	size_t unreadable; /* lines that are no entries: cut short by a full disk, or written by others */
};

/* Reads the older file and the log; neither need be there. Class IO. Free with ncm_log_entries_free. */
struct ncm_log_entries *ncm_log_read(const struct ncm_config *config, struct ncm_error *err);
void ncm_log_entries_free(struct ncm_log_entries *entries);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
