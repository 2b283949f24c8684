/* SPDX-License-Identifier: MIT */
#ifndef CMD_FIT_CHECK_H
#define CMD_FIT_CHECK_H

#include "session.h"

#include <ncmodel/provision.h>

/* Says which of a plan's models cannot fit, on standard error; with --require-fit that is an error. The exit code. */
int fit_check(struct session *session, const struct ncm_plan *plan);

#endif
