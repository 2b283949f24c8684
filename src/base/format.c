/* SPDX-License-Identifier: MIT */
#include <ncmodel/text.h>

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *ncm_format_size(uint64_t bytes, char *buf, size_t n)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
		value /= 1000;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, n, "%.0f %s", value, units[unit]);
	else
		snprintf(buf, n, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
	return buf;
}

char *ncm_format_duration(double seconds, char *buf, size_t n)
{
	unsigned long long whole = seconds < 0      ? 0
				   : seconds > 1e12 ? 1000000000000ull
						    : (unsigned long long)(seconds + 0.5);

	if (whole >= 86400)
		snprintf(buf, n, "%llud %lluh", whole / 86400, whole % 86400 / 3600);
	else if (whole >= 3600)
		snprintf(buf, n, "%lluh %llum", whole / 3600, whole % 3600 / 60);
	else if (whole >= 60)
		snprintf(buf, n, "%llum %llus", whole / 60, whole % 60);
	else
		snprintf(buf, n, "%llus", whole);
	return buf;
}

/* The number before a unit; *rest points behind it and its spaces. Digits and one point alone: no sign, no exponent. */
static int parse_number(const char *text, double *value, const char **rest)
{
	const char *end = text + strspn(text, "0123456789");
	double fraction = 0.1;

	if (end == text || end - text > 19)
		return -1;
	*value = (double)strtoull(text, NULL, 10);
	if (*end == '.') {
		for (end++; isdigit((unsigned char)*end); end++, fraction /= 10)
			*value += fraction * (*end - '0');
	}
	while (*end == ' ')
		end++;
	*rest = end;
	return 0;
}

static int scale(double value, char prefix, double base, uint64_t *result)
{
	static const char prefixes[] = "KMGTP";

	if (prefix) {
		const char *at = strchr(prefixes, toupper((unsigned char)prefix));

		if (!at)
			return -1;
		value *= pow(base, (double)(at - prefixes + 1));
	}
	if (value >= 18446744073709549568.0)
		return -1;
	*result = (uint64_t)(value + 0.5);
	return 0;
}

int ncm_parse_size(const char *text, uint64_t *bytes)
{
	const char *unit;
	double value;
	char prefix = 0;
	double base = 1000;

	if (parse_number(text, &value, &unit) < 0)
		return -1;
	if (*unit && toupper((unsigned char)*unit) != 'B')
		prefix = *unit++;
	if (prefix && *unit == 'i') {
		base = 1024;
		unit++;
	}
	if (toupper((unsigned char)*unit) == 'B')
		unit++;
	return *unit ? -1 : scale(value, prefix, base, bytes);
}

int ncm_parse_bandwidth(const char *text, uint64_t *bytes_per_second)
{
	const char *unit;
	double value;
	char prefix = 0;
	double base = 1000;

	if (parse_number(text, &value, &unit) < 0)
		return -1;
	if (*unit && !strchr("Bb/", *unit))
		prefix = *unit++;
	if (prefix && *unit == 'i') {
		base = 1024;
		unit++;
	}
	if (*unit == 'B') {
		unit++;
	} else {
		value /= 8;
		if (*unit == 'b')
			unit += strncmp(unit, "bit", 3) == 0 ? 3 : 1;
	}
	if (strcmp(unit, "") != 0 && strcmp(unit, "/s") != 0 && strcmp(unit, "ps") != 0)
		return -1;
	return scale(value, prefix, base, bytes_per_second);
}
