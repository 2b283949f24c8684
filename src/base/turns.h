/* SPDX-License-Identifier: MIT */
/* Several threads tell a sink what they do, and it is told one thing at a time. */
#ifndef NCM_BASE_TURNS_H
#define NCM_BASE_TURNS_H

#include <ncmodel/event.h>
#include <pthread.h>

struct ncm_turns {
	pthread_mutex_t lock;
	const struct ncm_sink *sink; /* may be NULL */
};

/* The same sink for all of them, as long as *turns lives. */
struct ncm_sink ncm_sink_in_turn(struct ncm_turns *turns);

#endif
