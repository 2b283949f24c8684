/* SPDX-License-Identifier: MIT */
/* Times: RFC 3339 UTC for programs, local for people and as models.json has them. */
#ifndef CMD_UI_CLOCK_H
#define CMD_UI_CLOCK_H

#include "ui/json.h"

/* A local "2026-11-21 07:30:00" as RFC 3339 UTC; null if it is none, or there was no such time here. */
json_t *json_local_time(const char *local);
/* An RFC 3339 UTC time as the local "2026-11-21 07:30:00"; what is none stays as it is, escaped. The caller frees it.
 */
char *clock_local(const char *utc);

/* Seconds since 1970 as local time, "2026-11-29 14:05", and as RFC 3339 UTC; "?" if there is no such time. The caller
 * frees the result. */
char *clock_minute(int64_t seconds);
char *clock_utc(int64_t seconds);

#endif
