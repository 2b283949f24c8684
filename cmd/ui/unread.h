/* SPDX-License-Identifier: MIT */
/* What could not be read: a part of the answer, and an error of its own. */
#ifndef NCM_CMD_UI_UNREAD_H
#define NCM_CMD_UI_UNREAD_H

#include "ui/json.h"
#include "ui/report.h"

#include <ncmodel/error.h>

/* A line on standard output for each. */
void unread_print(const struct ncm_unread *unread, size_t count);
/* An error of class IO in the document for each. Returns the exit code, 0 without any. */
int unread_record(struct report *report, const struct ncm_unread *unread, size_t count);
/* [{"path", "detail"}]. New reference. */
json_t *unread_json(const struct ncm_unread *unread, size_t count);

#endif
