/* SPDX-License-Identifier: MIT */
#include "verify/report.h"

#include "base/arena.h"
#include "base/mem.h"

#include <string.h>

const char *ncm_verdict_name(enum ncm_verdict verdict)
{
	static const char *const names[] = {
	    [NCM_VERDICT_OK] = "ok",           [NCM_VERDICT_MISSING] = "missing",
	    [NCM_VERDICT_SIZE] = "size",       [NCM_VERDICT_DAMAGED] = "damaged",
	    [NCM_VERDICT_CHANGED] = "changed", [NCM_VERDICT_UNREADABLE] = "unreadable",
	};

	return names[verdict];
}

void *verify_report_take(struct ncm_verify_report *report, size_t size)
{
	if (!report->memory)
		report->memory = ncm_calloc(1, sizeof(struct ncm_arena));
	return memset(ncm_arena_take(report->memory, size), 0, size);
}

char *verify_report_text(struct ncm_verify_report *report, const char *text)
{
	return text ? strcpy(verify_report_take(report, strlen(text) + 1), text) : NULL;
}

void ncm_verify_free(struct ncm_verify_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->count; i++) {
		free(report->files[i].detail);
		free(report->files[i].damaged);
	}
	free(report->files);
	ncm_strings_free(&report->extra);
	ncm_registry_free(report->registry);
	if (report->memory)
		ncm_arena_free(report->memory);
	free(report->memory);
	free(report);
}
