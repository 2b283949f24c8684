/* SPDX-License-Identifier: MIT */
/* A few threads that write and hash beside the network loop. The loop hands out tasks and collects them again. */
#ifndef NCM_TRANSFER_CREW_H
#define NCM_TRANSFER_CREW_H

#include <curl/curl.h>

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

#endif
