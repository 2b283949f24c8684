/* SPDX-License-Identifier: MIT */
/*
 * How many connections a host gets: few at first, twice as many as long as that brings more, fewer when it refuses.
 * More than bring more are of use to nobody.
 */
#ifndef NCM_TRANSFER_PACE_H
#define NCM_TRANSFER_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct ncm_pace {
	char *origin;
	unsigned most;    /* the user's bound */
	unsigned allowed; /* connections that it may have now */
	unsigned active;  /* that it has */

	uint64_t bytes;     /* since measured_at */
	double measured_at; /* monotonic seconds */
	double before;      /* bytes per second with `fewer` connections */
	unsigned fewer;
	bool growing;   /* `allowed` was raised: see whether it helped */
	double grow_at; /* not before */
};

void ncm_pace_begin(struct ncm_pace *pace, const char *origin, unsigned most, double now);
/* Looks at the rate when it is time to. `wanted`: there is work for more connections. */
void ncm_pace_tick(struct ncm_pace *pace, bool wanted, double now);
/* The host refused a connection or asked for patience. */
void ncm_pace_refused(struct ncm_pace *pace, double now);
void ncm_pace_end(struct ncm_pace *pace);

#endif
