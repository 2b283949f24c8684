/* SPDX-License-Identifier: MIT */
#include "runtime/runtime.h"

#include <stdio.h>

/* Days since 1970 of a date of the Gregorian calendar, by counting years that begin in March. */
static int64_t days_of(int year, int month, int day)
{
	const int64_t of_march = month > 2 ? year : year - 1;
	const int64_t days = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return of_march * 365 + of_march / 4 - of_march / 100 + of_march / 400 + days - 719468;
}

/* "Z", "+02:00": seconds that are to be taken off. */
static bool read_offset(const char *text, int64_t *offset)
{
	char sign;
	int hours, minutes;

	*offset = 0;
	if (*text == 'Z' || *text == 'z')
		return true;
	if (sscanf(text, "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-'))
		return false;
	*offset = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

bool runtime_time(const char *text, int64_t *seconds)
{
	int year, month, day, hour, minute, second, length = 0;
	int64_t offset;

	if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &length) !=
		6 ||
	    year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	text += length;
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++)
			;
	}
	if (!read_offset(text, &offset))
		return false;
	*seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	return true;
}
