/* SPDX-License-Identifier: MIT */
#include "verify/job.h"

#include "base/mem.h"
#include "digest/checkpoint.h"
#include "os/os.h"

#include <errno.h>

static int open_regular(struct check *check)
{
	/* No link that was none, no FIFO that hangs: what was looked at before may have been replaced. */
	const int links = check->follow ? 0 : OS_NO_LINK;
	int fd = os_open(OS_HERE, check->path, OS_READ | links);
	struct os_stat status;

	if (fd >= 0 && os_fstat(fd, &status) == 0) {
		check_take_status(check, &status);
		if (check->regular)
			return fd;
	} else {
		check->failure = errno;
	}
	if (fd >= 0)
		os_close(fd);
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
	os_close(job->fd);
	ncm_checkpoints_clear(&job->checkpoints);
	free(job->holds);
	job->holds = NULL;
}

/* Longer stretches are read ahead; shorter ones meet others on the same core, which are hashed meanwhile. */
enum { READ_AHEAD = NCM_CHECKPOINT_SPAN };

void job_part_begin(struct job_part *part, const struct job_tools *tools, size_t pair)
{
	struct job *job = part->job;

	part->at = ncm_span_start(part->span);
	part->buffers = &tools->buffers[2 * pair];
	part->over = atomic_load_explicit(&job->failure, memory_order_relaxed) != 0;
	if (!part->to_end) {
		part->end = ncm_span_end(&job->checkpoints, part->span);
		ncm_span_begin(&part->proof, &job->checkpoints, part->span);
		return;
	}
	part->end = ncm_reader_end(&job->reader, UINT64_MAX);
	/* The spans before hold, one after the other from the start: what they lead to need not be hashed again. */
	part->tally = ncm_tally_after(&job->checkpoints, part->span);
	part->git = job->check->wants_git_sha1 ? ncm_hash_git_blob(job->check->size) : NULL;
	if (!part->over && part->end > part->at + READ_AHEAD)
		part->ahead = ncm_ahead_start(&job->reader, part->at, part->end, part->buffers, tools->buffer_size);
}

/* The next bytes of a part, which end at the next multiple of the buffer's size, and so at a checkpoint at the latest.
 */
static ssize_t next_piece(struct job_part *part, const struct job_tools *tools, const void **data)
{
	if (part->ahead)
		return ncm_ahead_next(part->ahead, data);
	if (part->at >= part->end)
		return 0;
	return ncm_reader_fill(&part->job->reader, part->at, part->end, part->buffers[0], tools->buffer_size, data);
}

static bool read_piece(struct job_part *part, const struct job_tools *tools, struct ncm_sha256_piece *piece)
{
	const ssize_t got = part->over ? 0 : next_piece(part, tools, &piece->data);
	size_t room;

	part->over = got <= 0;
	if (got < 0)
		atomic_store_explicit(&part->job->failure, errno, memory_order_relaxed);
	if (part->over)
		return false;
	piece->size = (size_t)got;
	piece->run = part->tally ? ncm_tally_run(part->tally, &room) : &part->proof.run;
	part->at += piece->size;
	return true;
}

void job_parts_step(struct job_part *const *parts, size_t count, const struct job_tools *tools)
{
	struct ncm_sha256_piece pieces[NCM_SHA256_LANES];
	struct job_part *with[NCM_SHA256_LANES];
	size_t some = 0;

	for (size_t i = 0; i < count; i++) {
		if (read_piece(parts[i], tools, &pieces[some]))
			with[some++] = parts[i];
	}
	if (some > 0)
		ncm_sha256_runs_update(pieces, some);
	for (size_t i = 0; i < some; i++) {
		if (with[i]->git)
			ncm_hash_update(with[i]->git, pieces[i].data, pieces[i].size);
		tools->progress(tools->context, with[i]->job, pieces[i].size);
	}
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

/* The whole file was read: what it is, and which part of it is not what its checkpoints say. */
static void take_digest(struct job_part *part)
{
	struct job *job = part->job;
	struct check *check = job->check;
	struct ncm_checkpoints checkpoints;

	if (part->git)
		ncm_hash_sha1(part->git, &check->git_sha1);
	ncm_tally_end(part->tally, &check->sha256, &checkpoints);
	check->hashed = true;
	check->size = checkpoints.size;
	if (!check->expected || !ncm_sha256_equal(&check->sha256, check->expected))
		name_damage(job);
	else if (check->store_dirfd >= 0)
		/* A store that cannot be written to is verified more slowly, and right. */
		(void)ncm_checkpoints_write(check->store_dirfd, &checkpoints, NULL);
	ncm_checkpoints_clear(&checkpoints);
}

void job_part_end(struct job_part *part)
{
	struct job *job = part->job;
	const int failure = atomic_load_explicit(&job->failure, memory_order_relaxed);

	ncm_ahead_stop(part->ahead);
	if (!part->to_end) {
		job->holds[part->span] = !failure && ncm_span_holds(&part->proof);
	} else if (!failure) {
		take_digest(part);
	} else {
		job->check->failure = failure;
		ncm_tally_free(part->tally);
		ncm_hash_free(part->git);
	}
	*part = (struct job_part){0};
}

static void hash_from(struct job *job, size_t proved, const struct job_tools *tools, size_t pair)
{
	struct job_part part = {.job = job, .span = proved, .to_end = true};

	job_part_begin(&part, tools, pair);
	while (!part.over)
		job_parts_step(&(struct job_part *){&part}, 1, tools);
	job_part_end(&part);
}

static void settle_spans(struct job *job, const struct job_tools *tools, size_t pair)
{
	struct check *check = job->check;
	const size_t proved = job_proved(job);

	check->failure = atomic_load_explicit(&job->failure, memory_order_relaxed);
	if (check->failure)
		return;
	if (proved < job->spans) {
		hash_from(job, proved, tools, pair);
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
	atomic_store_explicit(&job->failure, 0, memory_order_relaxed);
	return job_open(job, false);
}

void job_settle(struct job *job, const struct job_tools *tools, size_t pair)
{
	if (job->spans > 0)
		settle_spans(job, tools, pair);
	if (job->check->failure == ESTALE && open_again(job))
		hash_from(job, 0, tools, pair);
}
