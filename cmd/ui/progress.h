/* SPDX-License-Identifier: MIT */
/*
 * Tells on standard error what the library does. Four voices of the same events: bars that are drawn over again (on a
 * terminal), plain lines (at most one a file every ten seconds), one JSON event a line, or warnings alone.
 */
#ifndef CMD_UI_PROGRESS_H
#define CMD_UI_PROGRESS_H

#include "ui/meter.h"

#include <ncmodel/provision.h>

struct progress;

/* How much is told. */
struct progress_manner {
	const char *mode; /* "auto", "bar", "plain", "json", "none"; NULL: "auto" */
	bool quiet, verbose;
};

/* Sets *sink to one that tells. Free with progress_free, which removes the bars. */
struct progress *progress_new(const struct progress_manner *manner, struct ncm_sink *sink);
/* Says what is to come, for the total and for the names of the rows. `progress` may be NULL. */
void progress_expect(struct progress *progress, const struct ncm_plan *plan);
void progress_free(struct progress *progress);

/* One event as a line of JSON; with `meter`, how fast a file goes and how long it will take. */
void event_print(const struct ncm_event *event, const struct meter *meter);

#endif
