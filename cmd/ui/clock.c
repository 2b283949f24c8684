/* SPDX-License-Identifier: MIT */
#include "ui/clock.h"

#include "ui/text.h"

#include <time.h>

#define LOCAL_FORMAT "%Y-%m-%d %H:%M:%S"
#define MINUTE_FORMAT "%Y-%m-%d %H:%M"
#define UTC_FORMAT "%Y-%m-%dT%H:%M:%SZ"

json_t *json_local_time(const char *local)
{
	struct tm parts = {.tm_isdst = -1};
	const char *rest = local ? strptime(local, LOCAL_FORMAT, &parts) : NULL;
	char text[32];
	time_t when;

	if (!rest || *rest)
		return json_null();
	when = mktime(&parts);
	if (when == (time_t)-1 || !gmtime_r(&when, &parts) || strftime(text, sizeof text, UTC_FORMAT, &parts) == 0)
		return json_null();
	return json_text(text);
}

char *clock_local(const char *utc)
{
	struct tm parts = {0};
	const char *rest = strptime(utc, UTC_FORMAT, &parts);
	char text[32];
	time_t when;

	if (!rest || *rest)
		return text_safe(utc);
	when = timegm(&parts);
	if (!localtime_r(&when, &parts) || strftime(text, sizeof text, LOCAL_FORMAT, &parts) == 0)
		return text_safe(utc);
	return text_copy(text);
}

char *clock_minute(int64_t seconds)
{
	const time_t time = (time_t)seconds;
	struct tm parts;
	char text[64];

	return text_copy(localtime_r(&time, &parts) && strftime(text, sizeof text, MINUTE_FORMAT, &parts) ? text : "?");
}

char *clock_utc(int64_t seconds)
{
	const time_t time = (time_t)seconds;
	struct tm parts;
	char text[64];

	return text_copy(gmtime_r(&time, &parts) && strftime(text, sizeof text, UTC_FORMAT, &parts) ? text : "?");
}
