/* SPDX-License-Identifier: MIT */
#include "transfer/rate.h"

static const double BURST_SECONDS = 0.1;

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
