/* SPDX-License-Identifier: MIT */
#include "transfer/job.h"

#include <signal.h>

static void *thread_main(void *argument)
{
	struct ncm_job *job = argument;

	job->run(job->context);
	atomic_store(&job->finished, true);
	curl_multi_wakeup(job->wake);
	return NULL;
}

void ncm_job_start(struct ncm_job *job, void (*run)(void *context), void *context, CURLM *wake)
{
	sigset_t all, before;

	job->run = run;
	job->context = context;
	job->wake = wake;
	job->running = true;
	atomic_store(&job->finished, false);
	/* Signals are for the thread that waits. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	job->threaded = pthread_create(&job->thread, NULL, thread_main, job) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!job->threaded)
		thread_main(job);
}

bool ncm_job_reap(struct ncm_job *job)
{
	if (!job->running || !atomic_load(&job->finished))
		return false;
	if (job->threaded)
		pthread_join(job->thread, NULL);
	job->running = false;
	return true;
}
