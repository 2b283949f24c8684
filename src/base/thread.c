/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct work {
	atomic_size_t next;
	size_t count;
	void (*job)(void *context, size_t index);
	void *context;
};

unsigned ncm_cores(void)
{
	cpu_set_t set;

	/* The cores this process may use, which in a container is less than the machine has. */
	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
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
