/* SPDX-License-Identifier: MIT */
/* The thread pool beside the network loop, and threads for single jobs that block. */
#include "transfer/crew.h"

#include "base/mem.h"
#include "base/thread.h"
#include "os/os.h"

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

/* Signals are for the thread that waits: they are blocked in the new one. */
static bool start_thread(pthread_t *thread, void *(*main)(void *), void *argument)
{
	struct os_signals before;
	bool started;

	os_signals_off(&before);
	started = pthread_create(thread, NULL, main, argument) == 0;
	os_signals_back(&before);
	return started;
}

static void enqueue(struct queue *queue, struct ncm_task *task)
{
	task->next = NULL;
	*queue->end = task;
	queue->end = &task->next;
}

static struct ncm_task *dequeue(struct queue *queue)
{
	struct ncm_task *task = queue->first;

	if (!task)
		return NULL;
	queue->first = task->next;
	if (!queue->first)
		queue->end = &queue->first;
	return task;
}

static void *crew_main(void *argument)
{
	struct ncm_crew *crew = argument;

	pthread_mutex_lock(&crew->mutex);
	for (;;) {
		struct ncm_task *task = dequeue(&crew->waiting);
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
		enqueue(&crew->ended, task);
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

	crew->wake = wake;
	crew->waiting.end = &crew->waiting.first;
	crew->ended.end = &crew->ended.first;
	pthread_mutex_init(&crew->mutex, NULL);
	pthread_cond_init(&crew->filled, NULL);
	wanted = wanted < LEAST_THREADS ? LEAST_THREADS : wanted > MOST_THREADS ? MOST_THREADS : wanted;
	while (crew->count < wanted && start_thread(&crew->threads[crew->count], crew_main, crew))
		crew->count++;
	return crew;
}

void ncm_crew_add(struct ncm_crew *crew, struct ncm_task *task)
{
	/* No thread to have: it is done here. */
	if (crew->count == 0)
		task->work(task);
	pthread_mutex_lock(&crew->mutex);
	enqueue(crew->count > 0 ? &crew->waiting : &crew->ended, task);
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

static void *job_main(void *argument)
{
	struct ncm_job *job = argument;

	job->run(job->context);
	atomic_store(&job->finished, true);
	curl_multi_wakeup(job->wake);
	return NULL;
}

void ncm_job_start(struct ncm_job *job, void (*run)(void *context), void *context, CURLM *wake)
{
	job->run = run;
	job->context = context;
	job->wake = wake;
	job->running = true;
	atomic_store(&job->finished, false);
	job->threaded = start_thread(&job->thread, job_main, job);
	if (!job->threaded)
		job_main(job);
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
