/* SPDX-License-Identifier: MIT */
#include "transfer/pace.h"

#include "base/mem.h"

enum { FIRST = 2 };

static const double LOOK_SECONDS = 0.05;    /* what has grown by then may grow again */
static const double MEASURE_SECONDS = 0.15; /* what has not by then will not */
static const double WORTH_IT = 1.15;        /* more connections stay if they bring this much more */
static const double TRY_AGAIN_SECONDS = 5;  /* networks change */
static const double REFUSED_SECONDS = 20;

void ncm_pace_begin(struct ncm_pace *pace, const char *origin, unsigned most, double now)
{
	*pace = (struct ncm_pace){.origin = ncm_strdup(origin), .most = most, .measured_at = now};
	pace->allowed = most < FIRST ? most : FIRST;
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
	if (seconds < MEASURE_SECONDS && !(pace->growing && rate >= pace->before * WORTH_IT))
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
