/* SPDX-License-Identifier: MIT */
#include "base/turns.h"

static void emit_in_turn(void *context, const struct ncm_event *event)
{
	struct ncm_turns *turns = context;

	pthread_mutex_lock(&turns->lock);
	ncm_emit(turns->sink, event);
	pthread_mutex_unlock(&turns->lock);
}

struct ncm_sink ncm_sink_in_turn(struct ncm_turns *turns)
{
	return (struct ncm_sink){emit_in_turn, turns};
}
