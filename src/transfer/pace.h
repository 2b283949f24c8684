/* SPDX-License-Identifier: MIT */
/*
 * How much is asked of the network at once: adaptive concurrency per host, less of it while this machine is the
 * bottleneck, and a rate limit over all.
 */
#ifndef NCM_TRANSFER_PACE_H
#define NCM_TRANSFER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How many connections a host gets: few at first, twice as many as long as that brings more, fewer when it refuses.
 * More than bring more are of use to nobody.
 */
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
/* There is use for so many connections from the start, unless the host has refused some or more brought nothing. */
void ncm_pace_at_least(struct ncm_pace *pace, unsigned least, double now);
/* Looks at the rate when it is time to. `wanted`: there is work for more connections. */
void ncm_pace_tick(struct ncm_pace *pace, bool wanted, double now);
/* The host refused a connection or asked for patience. */
void ncm_pace_refused(struct ncm_pace *pace, double now);
void ncm_pace_end(struct ncm_pace *pace);

/* Whether this machine, not the network, is what a run waits for: then more connections would only be in the way. */
struct ncm_load {
	double measured_at; /* monotonic seconds */
	double process;     /* CPU seconds of all our threads by then */
	double loop;        /* of the loop's alone */
	bool busy;
};

/* Looks again when it is time to; called by the loop's thread. Returns whether it is busy. */
bool ncm_load_look(struct ncm_load *load, double now);

/*
 * A bound on the bytes per second of all streams together: a token bucket. libcurl's own limit holds for one transfer
 * alone, and 7.88 lets whatever the socket has ready pass it.
 */
struct ncm_rate {
	uint64_t limit; /* bytes per second; 0: none */
	double allowed; /* bytes that may come now; below 0 after a piece that was larger */
	double filled_at;
};

void ncm_rate_refill(struct ncm_rate *rate, double now);
/* Whether bytes may be taken now; takes them if so. */
bool ncm_rate_take(struct ncm_rate *rate, size_t size);

#endif
