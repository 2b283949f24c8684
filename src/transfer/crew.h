/* SPDX-License-Identifier: MIT */
/*
 * Threads beside the network loop. The thread pool ("crew") writes, reads and hashes: the loop hands out tasks and
 * collects them again. A job is one piece of work that blocks for long (to open and sync a file, to renew a token).
 */
#ifndef NCM_TRANSFER_CREW_H
#define NCM_TRANSFER_CREW_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ncm_task {
	void (*work)(struct ncm_task *task); /* in one of the threads */
	void (*done)(struct ncm_task *task); /* in the loop's, by ncm_crew_collect */
	struct ncm_task *next;
};

struct ncm_crew;

/* `wake`: the loop to wake up when a task is done. */
struct ncm_crew *ncm_crew_start(CURLM *wake);
/* Tasks are begun in the order of this call. */
void ncm_crew_add(struct ncm_crew *crew, struct ncm_task *task);
/* Calls done() of every task that has ended. */
void ncm_crew_collect(struct ncm_crew *crew);
/* All tasks must have been collected. */
void ncm_crew_stop(struct ncm_crew *crew);

struct ncm_job {
	void (*run)(void *context);
	void *context;
	CURLM *wake; /* the loop that waits for it */
	pthread_t thread;
	bool running;
	bool threaded;
	atomic_bool finished;
};

/* Starts run(context) in a thread of its own, or runs it here if there is none to have. */
void ncm_job_start(struct ncm_job *job, void (*run)(void *context), void *context, CURLM *wake);
/* Whether it has come to its end (true once). */
bool ncm_job_reap(struct ncm_job *job);

#endif
