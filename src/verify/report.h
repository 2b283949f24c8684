/* SPDX-License-Identifier: MIT */
/* The memory of a report: what it tells of and models.json does not have lives as long as it does. */
#ifndef NCM_VERIFY_REPORT_H
#define NCM_VERIFY_REPORT_H

#include <ncmodel/verify.h>

/* Zeroed, freed with the report. */
void *verify_report_take(struct ncm_verify_report *report, size_t size);
/* A copy that is freed with the report; NULL stays NULL. */
char *verify_report_text(struct ncm_verify_report *report, const char *text);

#endif
