/* SPDX-License-Identifier: MIT */
/* What has to hold, whatever a target is fed. */
#ifndef NCM_TEST_DEMAND_H
#define NCM_TEST_DEMAND_H

#include <stdio.h>
#include <stdlib.h>

static inline void demand(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "not so: %s\n", what);
		abort();
	}
}

#endif
