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
/* What each of a view has loaded, or why that is not known. A new reference. */
json_t *runtime_servers_json(const struct ncm_runtime_view *view);
/* The same of one that answered, on standard output. */
void runtime_print_server(const struct ncm_runtime_server *server);
/* Tells what became of each, and frees the report. Returns the exit code. */
int runtime_tell(struct session *session, struct ncm_runtime_report *report);
/* USAGE without any model, unless it is `allowed` to name none. */
int runtime_named(const struct session *session, struct ncm_error *err);

#endif
