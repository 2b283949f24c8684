/* SPDX-License-Identifier: MIT */
#include "transfer/crew.h"

#include "base/mem.h"
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

enum { LEAST_THREADS = 3, MOST_THREADS = 4 };

struct queue {
	struct ncm_task *first, **end;
};

struct ncm_crew {
	CURLM *wake;
	pthread_t threads[MOST_THREADS];
	unsigned count;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t filled;
	struct queue waiting, ended;
	bool closing;
};

static void put(struct queue *queue, struct ncm_task *task)
{
	task->next = NULL;
	*queue->end = task;
	queue->end = &task->next;
}

static struct ncm_task *take(struct queue *queue)
{
	struct ncm_task *task = queue->first;

	if (!task)
		return NULL;
	queue->first = task->next;
	if (!queue->first)
		queue->end = &queue->first;
	return task;
}

static void *thread_main(void *argument)
{
	struct ncm_crew *crew = argument;

	pthread_mutex_lock(&crew->mutex);
	for (;;) {
		struct ncm_task *task = take(&crew->waiting);
		bool first;

		if (!task && crew->closing)
			break;
		if (!task) {
			pthread_cond_wait(&crew->filled, &crew->mutex);
			continue;
		}
		pthread_mutex_unlock(&crew->mutex);
		task->work(task);
		pthread_mutex_lock(&crew->mutex);
		first = !crew->ended.first;
		put(&crew->ended, task);
		if (first) /* else the loop is awake already, or will be */
			curl_multi_wakeup(crew->wake);
	}
	pthread_mutex_unlock(&crew->mutex);
	return NULL;
}

struct ncm_crew *ncm_crew_start(CURLM *wake)
{
	struct ncm_crew *crew = ncm_calloc(1, sizeof *crew);
	unsigned wanted = ncm_cores();
	sigset_t all, before;

	crew->wake = wake;
	crew->waiting.end = &crew->waiting.first;
	crew->ended.end = &crew->ended.first;
	pthread_mutex_init(&crew->mutex, NULL);
	pthread_cond_init(&crew->filled, NULL);
	wanted = wanted < LEAST_THREADS ? LEAST_THREADS : wanted > MOST_THREADS ? MOST_THREADS : wanted;
	/* Signals are for the thread that waits. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (crew->count < wanted && pthread_create(&crew->threads[crew->count], NULL, thread_main, crew) == 0)
		crew->count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return crew;
}

void ncm_crew_add(struct ncm_crew *crew, struct ncm_task *task)
{
	/* No thread to have: it is done here. */
	if (crew->count == 0)
		task->work(task);
	pthread_mutex_lock(&crew->mutex);
	put(crew->count > 0 ? &crew->waiting : &crew->ended, task);
	pthread_cond_signal(&crew->filled);
	pthread_mutex_unlock(&crew->mutex);
}

void ncm_crew_collect(struct ncm_crew *crew)
{
	struct ncm_task *task;

	pthread_mutex_lock(&crew->mutex);
	task = crew->ended.first;
	crew->ended = (struct queue){.end = &crew->ended.first};
	pthread_mutex_unlock(&crew->mutex);
	while (task) {
		struct ncm_task *next = task->next;

		task->done(task);
		task = next;
	}
}

void ncm_crew_stop(struct ncm_crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	crew->closing = true;
	pthread_cond_broadcast(&crew->filled);
	pthread_mutex_unlock(&crew->mutex);
	for (unsigned i = 0; i < crew->count; i++)
		pthread_join(crew->threads[i], NULL);
	pthread_cond_destroy(&crew->filled);
	pthread_mutex_destroy(&crew->mutex);
	free(crew);
}
