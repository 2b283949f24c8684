/* SPDX-License-Identifier: MIT */
#include "digest/beside.h"

#include "base/mem.h"

#include <pthread.h>

struct ncm_beside {
	struct ncm_tally *tally;
	const void *data; /* NULL: nothing is to be done */
	size_t size;
	bool stopped, alone; /* alone: there is no thread */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t given, done;
};

static void *hash_all(void *argument)
{
	struct ncm_beside *beside = argument;

	pthread_mutex_lock(&beside->mutex);
	for (;;) {
		while (!beside->data && !beside->stopped)
			pthread_cond_wait(&beside->given, &beside->mutex);
		if (!beside->data)
			break;
		pthread_mutex_unlock(&beside->mutex);
		ncm_tally_update(beside->tally, beside->data, beside->size);
		pthread_mutex_lock(&beside->mutex);
		beside->data = NULL;
		pthread_cond_signal(&beside->done);
	}
	pthread_mutex_unlock(&beside->mutex);
	return NULL;
}

struct ncm_beside *ncm_beside_start(struct ncm_tally *tally)
{
	struct ncm_beside *beside = ncm_calloc(1, sizeof *beside);

	beside->tally = tally;
	pthread_mutex_init(&beside->mutex, NULL);
	pthread_cond_init(&beside->given, NULL);
	pthread_cond_init(&beside->done, NULL);
	beside->alone = pthread_create(&beside->thread, NULL, hash_all, beside) != 0;
	return beside;
}

void ncm_beside_give(struct ncm_beside *beside, const void *data, size_t size)
{
	if (!beside)
		return;
	if (beside->alone) {
		ncm_tally_update(beside->tally, data, size);
		return;
	}
	pthread_mutex_lock(&beside->mutex);
	beside->data = data;
	beside->size = size;
	pthread_cond_signal(&beside->given);
	pthread_mutex_unlock(&beside->mutex);
}

void ncm_beside_wait(struct ncm_beside *beside)
{
	if (!beside)
		return;
	pthread_mutex_lock(&beside->mutex);
	while (beside->data)
		pthread_cond_wait(&beside->done, &beside->mutex);
	pthread_mutex_unlock(&beside->mutex);
}

void ncm_beside_stop(struct ncm_beside *beside)
{
	ncm_beside_wait(beside);
	pthread_mutex_lock(&beside->mutex);
	beside->stopped = true;
	pthread_cond_signal(&beside->given);
	pthread_mutex_unlock(&beside->mutex);
	if (!beside->alone)
		pthread_join(beside->thread, NULL);
	pthread_cond_destroy(&beside->done);
	pthread_cond_destroy(&beside->given);
	pthread_mutex_destroy(&beside->mutex);
	free(beside);
}
