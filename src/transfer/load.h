/* SPDX-License-Identifier: MIT */
/* Whether this machine, not the network, is what a run waits for: then more connections would only be in the way. */
#ifndef NCM_TRANSFER_LOAD_H
#define NCM_TRANSFER_LOAD_H

#include <stdbool.h>

struct ncm_load {
	double measured_at; /* monotonic seconds */
	double process;     /* CPU seconds of all our threads by then */
	double loop;        /* of the loop's alone */
	bool busy;
};

/* Looks again when it is time to; called by the loop's thread. Returns whether it is busy. */
bool ncm_load_look(struct ncm_load *load, double now);

#endif
