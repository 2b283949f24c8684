/* SPDX-License-Identifier: MIT */
#include "cache/send.h"

#include <stdatomic.h>

static void tell(const struct cache_telling *telling, enum ncm_event_type type, uint64_t done)
{
	ncm_emit(telling->sink, &(const struct ncm_event){.type = type,
							  .slot = telling->slot,
							  .model = telling->model,
							  .file = telling->path,
							  .done = done,
							  .total = telling->size,
							  .connections = 1,
							  .stage = "sending"});
}

void cache_tell_progress(void *context, uint64_t done)
{
	struct cache_telling *telling = context;

	if (!atomic_exchange(&telling->started, true))
		tell(telling, NCM_EVENT_STARTED, 0);
	tell(telling, NCM_EVENT_PROGRESS, done);
}

void cache_tell_end(const struct cache_telling *telling, bool failed)
{
	if (telling->started)
		tell(telling, failed ? NCM_EVENT_FAILED : NCM_EVENT_SENT, failed ? 0 : telling->size);
}
