/* SPDX-License-Identifier: MIT */
/* What ps, load, unload, preload and pull --via-server share: options of the library, and what became of each model. */
#ifndef CMD_RUNTIME_VIEW_H
#define CMD_RUNTIME_VIEW_H

#include "session.h"

#include "ui/fields.h"

#include <ncmodel/runtime.h>

/* As --timeout has it. */
struct ncm_runtime_options runtime_options(const struct session *session);
/* What --keep-alive says: "300", "90s", "5m", "2h", "forever". USAGE. */
int runtime_keep_alive(const char *said, struct ncm_runtime_options *options, struct ncm_error *err);
/* Of struct ncm_running. */
extern const struct field runtime_running_fields[];
/* Tells what became of each, and frees the report. Returns the exit code. */
int runtime_tell(struct session *session, struct ncm_runtime_report *report);
/* USAGE without any model, unless it is `allowed` to name none. */
int runtime_named(const struct session *session, struct ncm_error *err);

#endif
