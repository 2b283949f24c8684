/* SPDX-License-Identifier: MIT */
/* The page that `status --html` writes: one file, nothing from outside, readable without JavaScript. */
#ifndef CMD_STATUS_HTML_H
#define CMD_STATUS_HTML_H

#include "status_now.h"

#include <ncmodel/status.h>
#include <stdio.h>

void status_html(const struct ncm_status *status, const struct status_now *now, FILE *out);

#endif
