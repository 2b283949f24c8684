/* SPDX-License-Identifier: MIT */
/* What the library tells while it works. One sink draws bars, plain lines or NDJSON from the same events. */
#ifndef NCMODEL_EVENT_H
#define NCMODEL_EVENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_event_type {
	NCM_EVENT_NOTE,       /* `text`: something worth a line */
	NCM_EVENT_WARNING,    /* `text`: something that the user should know */
	NCM_EVENT_DEBUG,      /* `text`: detail for -v */
	NCM_EVENT_WAITING,    /* `text`: what is waited for (another ncmodel, a rate limit) */
	NCM_EVENT_RESOLVED,   /* `model`: done/total models have been looked up */
	NCM_EVENT_STARTED,    /* `file` of `model` starts (or goes on from `done`) */
	NCM_EVENT_PROGRESS,   /* `file` stands at `done` of `total` */
	NCM_EVENT_RETRY,      /* `file` is tried again; `text` says why */
	NCM_EVENT_FETCHED,    /* all bytes of `file` are here and its digest is right */
	NCM_EVENT_FAILED,     /* `file` failed; `text` is the message */
	NCM_EVENT_PLACED,     /* `file` has its final name */
	NCM_EVENT_VERIFIED,   /* `file` was hashed again: done of total bytes of the whole run */
	NCM_EVENT_REGISTERED, /* `model` is in models.json */
	NCM_EVENT_SENT,       /* all bytes of `file` are at the registry that it was pushed to */
	NCM_EVENT_DEED, /* `deed`: something was changed for good; for the log (log.h), which keeps it to itself */
};

struct ncm_deed; /* log.h */

/* Strings live only as long as the call; they may hold foreign bytes. Unknown numbers are 0. */
struct ncm_event {
	enum ncm_event_type type;
	unsigned slot;     /* which file of the run; stable between STARTED and FETCHED or FAILED */
	const char *model; /* model id, or NULL */
	const char *file;  /* file name as users know it, or NULL */
	const char *text;  /* or NULL */
	uint64_t done;
	uint64_t total;
	unsigned connections; /* that bring `file` now */
	const char *stage;    /* of `file`: "waiting", "fetching", "hashing", "placing", "done"; or NULL */
	const struct ncm_deed *deed;
};

/* Called from one thread at a time. `emit` may be NULL. */
struct ncm_sink {
	void (*emit)(void *context, const struct ncm_event *event);
	void *context;
};

/* Sends one event if the sink wants any. */
void ncm_emit(const struct ncm_sink *sink, const struct ncm_event *event);
/* Sends a DEED, with the model that it names. */
void ncm_emit_deed(const struct ncm_sink *sink, const struct ncm_deed *deed);
/* Sends a text event of a type. */
void ncm_emit_text(const struct ncm_sink *sink, enum ncm_event_type type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Stops the work under way: transfers end within a second, partial files stay resumable, and the functions
 * under way fail with NCM_E_INTERRUPTED. Async-signal-safe.
 */
void ncm_interrupt(void);
/* Whether ncm_interrupt was called. */
int ncm_interrupted(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
