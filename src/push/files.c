/* SPDX-License-Identifier: MIT */
/* All files, several at once. */
#include "push/work.h"

#include "base/mem.h"
#include "base/thread.h"

#include <pthread.h>

/* The files under way. The first failure ends the others, too: without one of them none is of use. */
struct run {
	struct push *push;
	pthread_mutex_t lock; /* of the error */
	struct ncm_error error;
	_Atomic bool failed;
	int (*work)(struct run *run, size_t index, struct ncm_error *err);
	uint64_t hashed; /* bytes of all files, while tars are hashed */
};

/* One file's progress. */
struct telling {
	const struct push *push;
	const struct ncm_push_file *file;
	unsigned slot;
	bool started;
	struct run *run;
	uint64_t counted; /* of run->hashed */
};

static void tell(const struct telling *telling, enum ncm_event_type type, uint64_t done)
{
	ncm_emit(telling->push->sink, &(const struct ncm_event){.type = type,
								.slot = telling->slot,
								.model = telling->file->model,
								.file = telling->file->path,
								.done = done,
								.total = telling->file->layer_size,
								.connections = 1,
								.stage = "sending"});
}

static void progress(void *context, uint64_t at)
{
	struct telling *telling = context;

	if (!telling->started)
		tell(telling, NCM_EVENT_STARTED, 0);
	telling->started = true;
	tell(telling, NCM_EVENT_PROGRESS, at);
}

static int push_file(struct run *run, size_t index, struct ncm_error *err)
{
	const struct push *push = run->push;
	struct ncm_push_file *file = &push->report->files[index];
	struct telling telling = {.push = push, .file = file, .slot = (unsigned)index};
	NCM_AUTO_FREE char *what = ncm_asprintf("%s: %s", file->model, file->abs);
	size_t head_size = 0;
	NCM_AUTO_FREE char *head = push->options->tar ? push_tar_head(file, &head_size) : NULL;
	struct push_body body = {.what = what,
				 .model = file->model,
				 .fd = -1,
				 .head = head,
				 .head_size = head_size,
				 .file_size = file->size,
				 .size = file->layer_size,
				 .sha256 = file->layer,
				 .checkpoints = push->options->tar ? NULL : &push->sent[index],
				 .stop = &run->failed,
				 .progress = progress,
				 .context = &telling};
	const int failed = push_blob(push, &body, file->abs, file->from, &file->state, err);

	push_body_close(&body);
	if (telling.started)
		tell(&telling, failed ? NCM_EVENT_FAILED : NCM_EVENT_SENT, failed ? 0 : file->layer_size);
	return failed;
}

/* Of all files together: nothing is on its way yet. */
static void progress_hashing(void *context, uint64_t at)
{
	struct telling *telling = context;
	struct run *run = telling->run;
	const struct ncm_push_report *report = telling->push->report;

	pthread_mutex_lock(&run->lock);
	run->hashed += at - telling->counted;
	ncm_emit(telling->push->sink, &(const struct ncm_event){.type = NCM_EVENT_VERIFIED,
								.model = telling->file->model,
								.file = telling->file->path,
								.done = run->hashed,
								.total = report->size,
								.stage = "hashing"});
	pthread_mutex_unlock(&run->lock);
	telling->counted = at;
}

static int hash_tar(struct run *run, size_t index, struct ncm_error *err)
{
	struct ncm_push_file *file = &run->push->report->files[index];
	struct telling telling = {.push = run->push, .file = file, .run = run};
	NCM_AUTO_FREE char *what = ncm_asprintf("%s: %s", file->model, file->abs);
	struct push_body body = {.what = what,
				 .model = file->model,
				 .fd = -1,
				 .file_size = file->size,
				 .size = file->size,
				 .sha256 = file->sha256,
				 .stop = &run->failed,
				 .progress = progress_hashing,
				 .context = &telling};
	const int failed = push_hash_tar(file, &body, err);

	push_body_close(&body);
	return failed;
}

/* Whether an earlier file is the same layer. */
static bool is_again(const struct ncm_push_report *report, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (ncm_sha256_equal(&report->files[i].layer, &report->files[index].layer))
			return true;
	}
	return false;
}

static void job(void *context, size_t index)
{
	struct run *run = context;
	struct ncm_error err = NCM_ERROR_INIT;

	if (run->failed || run->work(run, index, &err) == 0)
		return;
	pthread_mutex_lock(&run->lock);
	if (!run->failed)
		ncm_error_move(&run->error, &err);
	run->failed = true;
	pthread_mutex_unlock(&run->lock);
	ncm_error_clear(&err);
}

static void sum_up(struct ncm_push_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		struct ncm_push_file *file = &report->files[i];

		if (is_again(report, i))
			file->state = NCM_PUSH_THERE;
		else if (file->state == NCM_PUSH_SENT || file->state == NCM_PUSH_TO_SEND)
			report->sent += file->layer_size;
	}
}

static int bring(struct run *run, size_t index, struct ncm_error *err)
{
	return is_again(run->push->report, index) ? 0 : push_file(run, index, err);
}

static int for_all(struct push *push, int (*work)(struct run *run, size_t index, struct ncm_error *err),
		   struct ncm_error *err)
{
	struct run run = {.push = push, .lock = PTHREAD_MUTEX_INITIALIZER, .error = NCM_ERROR_INIT, .work = work};

	ncm_parallel(push->config->jobs ? push->config->jobs : 1, push->report->count, job, &run);
	return run.failed ? ncm_error_move(err, &run.error) : 0;
}

int push_hash_tars(struct push *push, struct ncm_error *err)
{
	return for_all(push, hash_tar, err);
}

int push_files(struct push *push, struct ncm_error *err)
{
	push->sent = ncm_calloc(push->report->count + 1, sizeof *push->sent);
	if (for_all(push, bring, err) < 0)
		return -1;
	sum_up(push->report);
	return 0;
}
