/* SPDX-License-Identifier: MIT */
#include "transfer/load.h"

#include "base/thread.h"

#include <time.h>

static const double MEASURE_SECONDS = 0.05;
static const double BUSY_LOOP = 0.8;    /* of one core */
static const double BUSY_PROCESS = 0.6; /* of all cores: the server of a loopback or the disk's interrupts need some */

static double seconds_of(clockid_t clock)
{
	struct timespec time = {0};

	(void)clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

bool ncm_load_look(struct ncm_load *load, double now)
{
	double seconds = now - load->measured_at;
	double process, loop;

	if (seconds < MEASURE_SECONDS)
		return load->busy;
	process = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	loop = seconds_of(CLOCK_THREAD_CPUTIME_ID);
	load->busy = load->measured_at > 0 && ((loop - load->loop) / seconds > BUSY_LOOP ||
					       (process - load->process) / seconds > BUSY_PROCESS * ncm_cores());
	load->measured_at = now;
	load->process = process;
	load->loop = loop;
	return load->busy;
}
