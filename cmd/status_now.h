/* SPDX-License-Identifier: MIT */
/* What status tells besides the disk: what running servers have loaded, and what the stages of the profiles' documents
 * load. */
#ifndef CMD_STATUS_NOW_H
#define CMD_STATUS_NOW_H

#include "fit_rules.h"

#include <ncmodel/runtime.h>

struct status_now {
	struct ncm_runtime_view *view; /* NULL: the servers were not asked */
	struct stages *stages;         /* of each profile that has some */
	size_t count;
};

/* Asks the servers, unless `offline`; that one does not answer is no error. Returns 0, or -1 with *err. Free with
 * status_now_clear. */
int status_now_find(const struct session *session, bool offline, struct status_now *now, struct ncm_error *err);
void status_now_clear(struct status_now *now);
/* "servers" and "stages". */
void status_now_put(const struct status_now *now, json_t *object);
void status_now_print(const struct status_now *now);
/* Why it is not known what a server has loaded. The caller frees it. */
char *status_now_problem(const struct ncm_runtime_server *server);

#endif
