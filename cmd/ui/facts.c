/* SPDX-License-Identifier: MIT */
#include "ui/facts.h"

#include "ui/text.h"

#include <stdio.h>
#include <stdlib.h>

void fact(const char *label, char *value)
{
	if (*value)
		printf("  %-*s%s\n", LABEL_WIDTH, label, value);
	free(value);
}

void foreign_fact(const char *label, const char *value)
{
	fact(label, text_safe_long(value, LONGEST_VALUE));
}

void number_fact(const char *label, uint64_t number)
{
	fact(label, number ? text_format("%llu", (unsigned long long)number) : text_copy(""));
}
