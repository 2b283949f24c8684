/* SPDX-License-Identifier: MIT */
/* The speed limit: what comes below it is not waited for for ever. */
#include "transfer/fetch.h"

static void begin(struct ncm_watch *watch, uint64_t received)
{
	watch->seconds = 0;
	watch->received = received;
}

/* For want of memory, or by the user's own limit. */
static bool is_held_up_by_us(const struct ncm_fetch *fetch)
{
	for (unsigned i = 0; i < fetch->stream_count; i++) {
		if (fetch->streams[i]->paused)
			return true;
	}
	return false;
}

/* What has to come within the limit's time. */
static uint64_t enough(const struct ncm_http *http)
{
	uint64_t bytes;

	return __builtin_mul_overflow(http->speed_limit, (uint64_t)http->stall_seconds, &bytes) ? UINT64_MAX : bytes;
}

bool ncm_fetch_is_too_slow(struct ncm_fetch *fetch, double now)
{
	const struct ncm_http *http = fetch->run->http;
	struct ncm_watch *watch = &fetch->watch;
	const double passed = watch->looked_at > 0 ? now - watch->looked_at : 0;
	const uint64_t received = fetch->item->received, got = received - watch->received;

	watch->looked_at = now;
	if (http->speed_limit == 0 || is_held_up_by_us(fetch)) {
		begin(watch, received);
		return false;
	}
	if (fetch->stream_count == 0) /* nobody is asked: that time does not count */
		return false;
	watch->seconds += passed;
	if (got < enough(http) && watch->seconds < http->stall_seconds)
		return false;
	begin(watch, received);
	if (got >= enough(http))
		watch->slow = 0;
	/* Silence is each connection's own matter. */
	return got > 0 && got < enough(http);
}
