/* SPDX-License-Identifier: MIT */
/* The speed limit: what comes below it is not waited for for ever. */
#include "transfer/fetch.h"

static void begin(struct ncm_watch *watch, uint64_t received, double now)
{
	watch->since = now;
	watch->received = received;
}

/* Bytes that nobody is to bring now, or that we do not take: for want of memory, or by the user's own limit. */
static bool is_held_up(const struct ncm_fetch *fetch)
{
	for (unsigned i = 0; i < fetch->stream_count; i++) {
		if (fetch->streams[i]->paused || !fetch->streams[i]->attached)
			return true;
	}
	return fetch->stream_count == 0;
}

bool ncm_fetch_is_too_slow(struct ncm_fetch *fetch, double now)
{
	const struct ncm_http *http = fetch->run->http;
	uint64_t enough;
	struct ncm_watch *watch = &fetch->watch;
	const uint64_t received = fetch->item->received;

	if (__builtin_mul_overflow(http->speed_limit, (uint64_t)http->stall_seconds, &enough))
		enough = UINT64_MAX;
	if (http->speed_limit == 0 || watch->since == 0 || is_held_up(fetch)) {
		begin(watch, received, now);
		return false;
	}
	if (received - watch->received >= enough) {
		watch->slow = 0;
		begin(watch, received, now);
	}
	if (now - watch->since < http->stall_seconds)
		return false;
	begin(watch, received, now);
	return true;
}
