/* SPDX-License-Identifier: MIT */
/* Adaptive concurrency per host, back-off when this machine is the bottleneck, and the rate limit (token bucket). */
#include "transfer/pace.h"

#include "base/mem.h"
#include "base/thread.h"
#include "os/os.h"

enum { FIRST = 2 };

static const double LOOK_SECONDS = 0.05;   /* what has grown by then may grow again */
static const double GROWTH_SECONDS = 0.15; /* what has not by then will not */
static const double WORTH_IT = 1.15;       /* more connections stay if they bring this much more */
static const double TRY_AGAIN_SECONDS = 5; /* networks change */
static const double REFUSED_SECONDS = 20;

static const double LOAD_SECONDS = 0.05;
static const double BUSY_LOOP = 0.8;    /* of one core */
static const double BUSY_PROCESS = 0.6; /* of all cores: the server of a loopback or the disk's interrupts need some */

static const double BURST_SECONDS = 0.1;

void ncm_pace_begin(struct ncm_pace *pace, const char *origin, unsigned most, double now)
{
	*pace = (struct ncm_pace){.origin = ncm_strdup(origin), .most = most, .measured_at = now};
	pace->allowed = most < FIRST ? most : FIRST;
}

void ncm_pace_at_least(struct ncm_pace *pace, unsigned least, double now)
{
	if (pace->allowed < least && now >= pace->grow_at)
		pace->allowed = least < pace->most ? least : pace->most;
}

static void grow(struct ncm_pace *pace, double rate)
{
	pace->before = rate;
	pace->fewer = pace->allowed;
	pace->allowed *= 2;
	if (pace->allowed > pace->most)
		pace->allowed = pace->most;
	pace->growing = true;
}

void ncm_pace_tick(struct ncm_pace *pace, bool wanted, double now)
{
	double seconds = now - pace->measured_at;
	double rate;

	if (seconds < LOOK_SECONDS)
		return;
	rate = (double)pace->bytes / seconds;
	if (seconds < GROWTH_SECONDS && !(pace->growing && rate >= pace->before * WORTH_IT))
		return;
	pace->bytes = 0;
	pace->measured_at = now;
	/* Connections that are not there, or bring nothing yet, say nothing. */
	if (!wanted || rate <= 0 || pace->active < pace->allowed)
		return;
	if (pace->growing && rate < pace->before * WORTH_IT) {
		pace->allowed = pace->fewer;
		pace->growing = false;
		pace->grow_at = now + TRY_AGAIN_SECONDS;
	} else if (pace->allowed < pace->most && now >= pace->grow_at) {
		grow(pace, rate);
	}
}

void ncm_pace_refused(struct ncm_pace *pace, double now)
{
	pace->allowed = pace->allowed > 1 ? pace->allowed / 2 : 1;
	pace->growing = false;
	pace->grow_at = now + REFUSED_SECONDS;
}

void ncm_pace_end(struct ncm_pace *pace)
{
	free(pace->origin);
	pace->origin = NULL;
}

bool ncm_load_look(struct ncm_load *load, double now)
{
	double seconds = now - load->measured_at;
	double process, loop;

	if (seconds < LOAD_SECONDS)
		return load->busy;
	process = os_cpu_of_process();
	loop = os_cpu_of_thread();
	load->busy = load->measured_at > 0 && ((loop - load->loop) / seconds > BUSY_LOOP ||
					       (process - load->process) / seconds > BUSY_PROCESS * ncm_cores());
	load->measured_at = now;
	load->process = process;
	load->loop = loop;
	return load->busy;
}

void ncm_rate_refill(struct ncm_rate *rate, double now)
{
	double burst = (double)rate->limit * BURST_SECONDS;

	rate->allowed += (double)rate->limit * (now - rate->filled_at);
	rate->filled_at = now;
	if (rate->allowed > burst)
		rate->allowed = burst;
}

bool ncm_rate_take(struct ncm_rate *rate, size_t size)
{
	if (rate->limit == 0)
		return true;
	if (rate->allowed <= 0)
		return false;
	rate->allowed -= (double)size;
	return true;
}
