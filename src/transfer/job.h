/* SPDX-License-Identifier: MIT */
/* Work that blocks (hashing a file, syncing it, renewing a token), done beside the network loop. */
#ifndef NCM_TRANSFER_JOB_H
#define NCM_TRANSFER_JOB_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

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
