/* SPDX-License-Identifier: MIT */
/* The page that `status --html` writes: one file, nothing from outside, readable without JavaScript. */
#ifndef CMD_STATUS_HTML_H
#define CMD_STATUS_HTML_H

#include <ncmodel/status.h>
#include <stdio.h>

void status_html(const struct ncm_status *status, FILE *out);

#endif
