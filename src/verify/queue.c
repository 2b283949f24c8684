/* SPDX-License-Identifier: MIT */
/*
 * All files in one queue, taken from by all threads. What cannot be divided comes first, the largest foremost; then the
 * spans of the files that have checkpoints, which fill the cores to the end. Each thread hashes as many side by side as
 * its core does best (interleaved lanes), and takes the next for each that ends. While one thread waits for the disk
 * another hashes: there are more threads than cores, as far as there are enough files and spans for their lanes.
 */
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "digest/checkpoint.h"
#include "verify/job.h"

#include <errno.h>
#include <pthread.h>

enum {
	THREADS_PER_CORE = 2,
	MOST_THREADS = 64,
	MOST_BUFFERS = 16 << 20, /* of all threads; twice that where they read ahead */
};

struct queue {
	pthread_mutex_t mutex;
	struct job *jobs; /* first those without checkpoints, then those with; each by size */
	size_t count;
	size_t whole; /* how many have none */
	size_t next;
	size_t buffer_size;
	size_t lanes; /* of each thread */
	const struct ncm_sink *sink;
	uint64_t done; /* bytes of all files */
	uint64_t total;
	double told; /* when */
};

/* Between two files too, or a large one would look like a hang. Such an event names no file. */
static void tell_progress(void *context, struct job *job, uint64_t bytes)
{
	const double pause = 0.2;
	struct queue *queue = context;

	pthread_mutex_lock(&queue->mutex);
	queue->done += bytes;
	job->unread -= bytes < job->unread ? bytes : job->unread;
	if (ncm_monotonic() - queue->told >= pause) {
		queue->told = ncm_monotonic();
		ncm_emit(queue->sink,
			 &(struct ncm_event){.type = NCM_EVENT_VERIFIED, .done = queue->done, .total = queue->total});
	}
	pthread_mutex_unlock(&queue->mutex);
}

/* What was promised and will not be read, because the file shrank or could not be read, is waited for no more. */
static void tell_end(struct queue *queue, struct job *job)
{
	pthread_mutex_lock(&queue->mutex);
	queue->total -= job->unread;
	job->unread = 0;
	ncm_emit(queue->sink, &(struct ncm_event){.type = NCM_EVENT_VERIFIED,
						  .model = job->check->model,
						  .file = ncm_path_base(job->check->path),
						  .done = queue->done,
						  .total = queue->total});
	pthread_mutex_unlock(&queue->mutex);
}

/* With the mutex held: opening a file reads its checkpoints, which is short. */
static bool take_next(struct queue *queue, struct job_part *part)
{
	for (; queue->next < queue->count && !ncm_interrupted(); queue->next++) {
		struct job *job = &queue->jobs[queue->next];

		*part = (struct job_part){.job = job};
		part->to_end = queue->next < queue->whole || !job_open(job, true) || job->spans == 0;
		if (part->to_end) {
			queue->next++;
			return true;
		}
		if (job->next < job->spans) {
			part->span = job->next++;
			return true;
		}
	}
	return false;
}

static bool take(struct queue *queue, struct job_part *part)
{
	bool more;

	pthread_mutex_lock(&queue->mutex);
	more = take_next(queue, part);
	pthread_mutex_unlock(&queue->mutex);
	return more;
}

static void settle(struct queue *queue, struct job *job, const struct job_tools *tools, size_t lane)
{
	const size_t proved = job_proved(job);

	if (proved < job->spans && !job->failure) {
		const uint64_t again = job->check->size - ncm_span_start(proved);

		pthread_mutex_lock(&queue->mutex);
		queue->total += again;
		job->unread += again;
		pthread_mutex_unlock(&queue->mutex);
	}
	job_settle(job, tools, lane);
}

static void close_job(struct queue *queue, struct job *job)
{
	job_close(job);
	tell_end(queue, job);
}

/* The next part that there is something to read of. */
static bool begin(struct queue *queue, struct job_part *part, const struct job_tools *tools, size_t lane)
{
	while (take(queue, part)) {
		if (job_open(part->job, false)) {
			job_part_begin(part, tools, lane);
			return true;
		}
		tell_end(queue, part->job);
	}
	*part = (struct job_part){0};
	return false;
}

static void end(struct queue *queue, struct job_part *part, const struct job_tools *tools, size_t lane)
{
	struct job *job = part->job;
	const bool whole = part->to_end;
	bool last = true;

	job_part_end(part);
	if (!whole) {
		pthread_mutex_lock(&queue->mutex);
		last = --job->left == 0;
		pthread_mutex_unlock(&queue->mutex);
	}
	if (!last)
		return;
	settle(queue, job, tools, lane);
	close_job(queue, job);
}

/* One step of all that this thread has under way, after whose lanes were free got the next. False if nothing is left.
 */
static bool step(struct queue *queue, struct job_part *parts, const struct job_tools *tools)
{
	struct job_part *live[NCM_SHA256_LANES];
	size_t count = 0;

	for (size_t lane = 0; lane < queue->lanes; lane++) {
		if (parts[lane].job || begin(queue, &parts[lane], tools, lane))
			live[count++] = &parts[lane];
	}
	job_parts_step(live, count, tools);
	for (size_t lane = 0; lane < queue->lanes; lane++) {
		if (parts[lane].job && parts[lane].over)
			end(queue, &parts[lane], tools, lane);
	}
	return count > 0;
}

static void work(void *context, size_t thread)
{
	struct queue *queue = context;
	struct job_tools tools = {.buffer_size = queue->buffer_size, .progress = tell_progress, .context = queue};
	struct job_part parts[NCM_SHA256_LANES] = {0};

	(void)thread;
	for (size_t i = 0; i < 2 * queue->lanes; i++)
		tools.buffers[i] = ncm_reader_buffer(queue->buffer_size);
	while (step(queue, parts, &tools))
		;
	for (size_t i = 0; i < 2 * queue->lanes; i++)
		free(tools.buffers[i]);
}

static bool is_divisible(const struct check *check)
{
	return !check->wants_git_sha1 && check->store_dirfd >= 0 && check->expected &&
	       ncm_checkpoints_exist(check->store_dirfd, check->expected, check->size);
}

static int whole_first_then_larger(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	if ((x->spans == 0) != (y->spans == 0))
		return x->spans == 0 ? -1 : 1;
	if (x->check->size != y->check->size)
		return x->check->size > y->check->size ? -1 : 1;
	return (x->check > y->check) - (x->check < y->check);
}

/* Returns how many tasks there are. `spans` is a guess until a file is opened. */
static size_t fill(struct queue *queue, struct check *checks, size_t count)
{
	size_t tasks = 0;

	for (size_t i = 0; i < count; i++) {
		struct job *job = &queue->jobs[queue->count];

		if (!checks[i].to_hash || checks[i].twin != i)
			continue;
		job->check = &checks[i];
		job->unread = checks[i].size;
		job->spans = is_divisible(&checks[i]) ? ncm_checkpoints_expected(checks[i].size) + 1 : 0;
		tasks += job->spans ? job->spans : 1;
		queue->total += checks[i].size;
		queue->whole += job->spans == 0;
		queue->count++;
	}
	qsort(queue->jobs, queue->count, sizeof *queue->jobs, whole_first_then_larger);
	for (size_t i = 0; i < queue->count; i++)
		queue->jobs[i].spans = 0;
	return tasks;
}

static size_t at_most(size_t value, size_t most)
{
	return value < most ? value : most;
}

/* More threads than cores only as far as all their lanes have something to do. */
static void run(struct queue *queue, size_t tasks)
{
	const size_t most = at_most((size_t)ncm_cores() * THREADS_PER_CORE, MOST_THREADS), lanes = ncm_sha256_lanes();
	size_t threads = at_most((tasks + lanes - 1) / lanes, most);

	if (threads < ncm_cores())
		threads = at_most(at_most(tasks, ncm_cores()), most);
	queue->lanes = at_most((tasks + threads - 1) / threads, lanes);
	queue->buffer_size = NCM_READER_LARGEST;
	while (queue->buffer_size * threads * queue->lanes > MOST_BUFFERS && queue->buffer_size > NCM_READER_SMALLEST)
		queue->buffer_size /= 2;
	pthread_mutex_init(&queue->mutex, NULL);
	ncm_parallel((unsigned)threads, threads, work, queue);
	pthread_mutex_destroy(&queue->mutex);
}

static void copy_to_twins(struct check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct check *twin = &checks[checks[i].twin];

		if (twin == &checks[i] || !checks[i].to_hash)
			continue;
		checks[i].hashed = twin->hashed;
		checks[i].sha256 = twin->sha256;
		checks[i].git_sha1 = twin->git_sha1;
		checks[i].size = twin->size;
		checks[i].failure = twin->failure;
		for (size_t k = 0; k < twin->damaged_count; k++)
			*NCM_PUSH(checks[i].damaged, checks[i].damaged_count) = twin->damaged[k];
	}
}

uint64_t checks_hash(struct check *checks, size_t count, const struct ncm_sink *sink)
{
	NCM_AUTO_FREE struct job *jobs = ncm_calloc(count + 1, sizeof *jobs);
	struct queue queue = {.jobs = jobs, .sink = sink, .told = ncm_monotonic()};
	const size_t tasks = fill(&queue, checks, count);

	if (tasks > 0)
		run(&queue, tasks);
	/* An interrupt leaves some open. */
	for (size_t i = 0; i < queue.count; i++)
		job_close(&jobs[i]);
	copy_to_twins(checks, count);
	return queue.done;
}
