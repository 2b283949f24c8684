/* SPDX-License-Identifier: MIT */
#include "verify/job.h"

#include "base/mem.h"
#include "digest/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int open_regular(struct check *check)
{
	/* No link that was none, no FIFO that hangs: what was looked at before may have been replaced. */
	const int links = check->follow ? 0 : O_NOFOLLOW;
	int fd = open(check->path, O_RDONLY | O_NONBLOCK | links | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd >= 0 && fstat(fd, &status) == 0) {
		check_take_status(check, &status);
		if (check->regular)
			return fd;
	} else {
		check->failure = errno;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

bool job_open(struct job *job, bool checkpoints)
{
	const struct check *check = job->check;

	if (job->tried)
		return job->open;
	job->tried = true;
	job->fd = open_regular(job->check);
	if (job->fd < 0)
		return false;
	job->open = true;
	ncm_reader_open(&job->reader, job->fd);
	if (checkpoints && check->store_dirfd >= 0 && check->expected &&
	    ncm_checkpoints_read(check->store_dirfd, check->expected, check->size, &job->checkpoints) == 0) {
		job->spans = job->left = ncm_span_count(&job->checkpoints);
		job->holds = ncm_calloc(job->spans, sizeof *job->holds);
	}
	return true;
}

void job_close(struct job *job)
{
	if (!job->open)
		return;
	job->open = false;
	ncm_reader_close(&job->reader);
	close(job->fd);
	ncm_checkpoints_clear(&job->checkpoints);
	free(job->holds);
	job->holds = NULL;
}

struct proving {
	struct ncm_span_proof proof;
	struct job *job;
	const struct job_tools *tools;
};

static void prove(void *context, const void *data, size_t size)
{
	struct proving *proving = context;

	ncm_span_update(&proving->proof, data, size);
	proving->tools->progress(proving->tools->context, proving->job, size);
}

void job_span(struct job *job, size_t span, const struct job_tools *tools)
{
	struct proving proving = {.job = job, .tools = tools};

	if (atomic_load_explicit(&job->failure, memory_order_relaxed))
		return;
	ncm_span_begin(&proving.proof, &job->checkpoints, span);
	if (ncm_reader_range(&job->reader, ncm_span_start(span), ncm_span_end(&job->checkpoints, span), tools->buffer,
			     tools->buffer_size, prove, &proving) < 0)
		atomic_store_explicit(&job->failure, errno, memory_order_relaxed);
	else
		job->holds[span] = ncm_span_holds(&proving.proof);
}

size_t job_proved(const struct job *job)
{
	size_t span = 0;

	while (span < job->spans && job->holds[span])
		span++;
	return span;
}

/* Broken spans that touch become one range. */
static void name_damage(const struct job *job)
{
	struct check *check = job->check;

	for (size_t span = 0; span < job->spans; span++) {
		const uint64_t start = ncm_span_start(span), end = ncm_span_end(&job->checkpoints, span);
		struct ncm_verify_range *last = check->damaged_count ? &check->damaged[check->damaged_count - 1] : NULL;

		if (job->holds[span])
			continue;
		if (last && last->end == start)
			last->end = end;
		else
			*NCM_PUSH(check->damaged, check->damaged_count) = (struct ncm_verify_range){start, end};
	}
}

struct counting {
	struct ncm_tally *tally;
	struct ncm_hash *git; /* or NULL */
	struct job *job;
	const struct job_tools *tools;
};

static void count(void *context, const void *data, size_t size)
{
	struct counting *counting = context;

	ncm_tally_update(counting->tally, data, size);
	if (counting->git)
		ncm_hash_update(counting->git, data, size);
	counting->tools->progress(counting->tools->context, counting->job, size);
}

/* The spans before `proved` hold, one after the other from the start: what they lead to need not be hashed again. */
static void hash_from(struct job *job, size_t proved, const struct job_tools *tools)
{
	struct check *check = job->check;
	struct counting counting = {
	    .tally = ncm_tally_after(&job->checkpoints, proved),
	    .git = check->wants_git_sha1 ? ncm_hash_git_blob(check->size) : NULL,
	    .job = job,
	    .tools = tools,
	};
	struct ncm_checkpoints checkpoints;

	if (ncm_reader_ahead(&job->reader, ncm_span_start(proved), UINT64_MAX, tools->buffer, tools->buffer_size, count,
			     &counting) < 0) {
		check->failure = errno;
		ncm_tally_free(counting.tally);
		ncm_hash_free(counting.git);
		return;
	}
	if (counting.git)
		ncm_hash_sha1(counting.git, &check->git_sha1);
	ncm_tally_end(counting.tally, &check->sha256, &checkpoints);
	check->hashed = true;
	check->size = checkpoints.size;
	if (!check->expected || !ncm_sha256_equal(&check->sha256, check->expected))
		name_damage(job);
	else if (check->store_dirfd >= 0)
		/* A store that cannot be written to is verified more slowly, and right. */
		(void)ncm_checkpoints_write(check->store_dirfd, &checkpoints, NULL);
	ncm_checkpoints_clear(&checkpoints);
}

static void settle_spans(struct job *job, const struct job_tools *tools)
{
	struct check *check = job->check;
	const size_t proved = job_proved(job);

	check->failure = atomic_load_explicit(&job->failure, memory_order_relaxed);
	if (check->failure)
		return;
	if (job->spans == 0 || proved < job->spans) {
		hash_from(job, proved, tools);
	} else {
		check->sha256 = job->checkpoints.sha256;
		check->hashed = true;
	}
}

/* The server of a network file system lost the open file; by its name it is found again. */
static bool open_again(struct job *job)
{
	job_close(job);
	job->tried = false;
	job->spans = 0;
	job->check->failure = 0;
	return job_open(job, false);
}

void job_settle(struct job *job, const struct job_tools *tools)
{
	settle_spans(job, tools);
	if (job->check->failure == ESTALE && open_again(job))
		hash_from(job, 0, tools);
}
