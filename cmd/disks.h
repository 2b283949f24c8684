/* SPDX-License-Identifier: MIT */
/* The disks below the stores: what `df` and `status` say of them. */
#ifndef CMD_DISKS_H
#define CMD_DISKS_H

#include "session.h"

#include <ncmodel/upkeep.h>

/* "disks" of a report. New reference. */
json_t *disks_json(const struct ncm_usage *usage);
/* A line each, and on a terminal what of the disk the stores take, what others, and what is free. */
void disks_print(const struct ncm_usage *usage);
/* The numbers are of what could be read, and do not pass for all: tells what could not. Returns the exit code. */
int disks_report_failures(struct session *session, const struct ncm_usage *usage);

#endif
