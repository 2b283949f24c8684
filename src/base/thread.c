/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include "base/mem.h"
#include "os/os.h"

#include <pthread.h>
#include <stdatomic.h>

struct work {
	atomic_size_t next;
	size_t count;
	void (*job)(void *context, size_t index);
	void *context;
};

unsigned ncm_cores(void)
{
	return os_cores();
}

static void *worker(void *argument)
{
	struct work *work = argument;
	size_t index;

	while ((index = atomic_fetch_add(&work->next, 1)) < work->count)
		work->job(work->context, index);
	return NULL;
}

void ncm_parallel(unsigned threads, size_t count, void (*job)(void *context, size_t index), void *context)
{
	struct work work = {.count = count, .job = job, .context = context};
	NCM_AUTO_FREE pthread_t *ids = NULL;
	unsigned started = 0;

	if (threads == 0)
		threads = ncm_cores();
	if (threads > count)
		threads = (unsigned)count;
	ids = ncm_calloc(threads, sizeof *ids);
	/* This thread works too; if a thread cannot be made, the others do its part. */
	while (started + 1 < threads && pthread_create(&ids[started], NULL, worker, &work) == 0)
		started++;
	worker(&work);
	while (started > 0)
		pthread_join(ids[--started], NULL);
}
