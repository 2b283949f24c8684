/* SPDX-License-Identifier: MIT */
/* Every file of a bundle against its index; of a large blob that is wrong, which pieces are, as its checkpoints tell.
 */
#include "bundle/volumes.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { CHUNK = 1 << 20, MOST_PIECES = 8 };

struct checking {
	struct ncm_bundle *bundle;
	const struct ncm_sink *sink;
	int dirfd;
	int checkpoints; /* -1: there are none */
	pthread_mutex_t mutex;
	uint64_t done;
};

static bool span_holds(int fd, const struct ncm_checkpoints *checkpoints, size_t span)
{
	NCM_AUTO_FREE char *chunk = ncm_malloc(CHUNK);
	const uint64_t end = ncm_span_end(checkpoints, span);
	struct ncm_span_proof proof;

	ncm_span_begin(&proof, checkpoints, span);
	for (uint64_t at = ncm_span_start(span); at < end;) {
		const size_t room = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		const ssize_t got = ncm_pread_all(fd, chunk, room, at);

		if (got <= 0)
			return false;
		ncm_span_update(&proof, chunk, (size_t)got);
		at += (uint64_t)got;
	}
	return ncm_span_holds(&proof);
}

/* ": bytes 16777216-33554431, …" of what is wrong; nothing if no checkpoints tell. */
static void tell_pieces(const struct checking *checking, int fd, const struct ncm_bundle_file *file,
			struct ncm_buffer *text)
{
	struct ncm_checkpoints checkpoints;
	size_t found = 0;

	if (checking->checkpoints < 0 ||
	    ncm_checkpoints_read_in(checking->checkpoints, &file->sha256, file->size, &checkpoints) < 0)
		return;
	for (size_t span = 0; span < ncm_span_count(&checkpoints) && !ncm_interrupted(); span++) {
		if (span_holds(fd, &checkpoints, span))
			continue;
		if (found++ < MOST_PIECES)
			ncm_buffer_printf(text, "%s%llu-%llu", found == 1 ? "; damaged: bytes " : ", ",
					  (unsigned long long)ncm_span_start(span),
					  (unsigned long long)ncm_span_end(&checkpoints, span) - 1);
	}
	if (found > MOST_PIECES)
		ncm_buffer_printf(text, " and %zu more", found - MOST_PIECES);
	ncm_checkpoints_clear(&checkpoints);
}

static void judge(struct ncm_bundle_file *file, enum ncm_bundle_state state, char *why_to_keep)
{
	file->state = state;
	file->why = why_to_keep;
}

static void judge_failure(struct ncm_bundle_file *file, int errnum)
{
	const bool missing = errnum == ENOENT || errnum == ENOTDIR;

	judge(file, missing ? NCM_BUNDLE_MISSING : NCM_BUNDLE_UNREADABLE,
	      missing ? ncm_strdup("it is not there") : ncm_strdup(strerror(errnum)));
}

static void judge_other(const struct checking *checking, int fd, struct ncm_bundle_file *file, uint64_t size,
			const struct ncm_sha256 *found)
{
	struct ncm_buffer text = {0};
	char hex[NCM_SHA256_HEX + 1];

	if (size != file->size)
		ncm_buffer_printf(&text, "it has %llu bytes, not %llu", (unsigned long long)size,
				  (unsigned long long)file->size);
	else
		ncm_buffer_printf(&text, "it has sha256 %s", ncm_sha256_hex(found, hex));
	tell_pieces(checking, fd, file, &text);
	judge(file, NCM_BUNDLE_DAMAGED, ncm_buffer_take(&text));
}

static void check_file(const struct checking *checking, struct ncm_bundle_file *file)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(checking->dirfd, file->path, OS_READ);
	struct ncm_sha256 found = {{0}};
	struct os_stat status;

	if (fd < 0 || os_fstat(fd, &status) < 0) {
		judge_failure(file, errno);
	} else if (status.kind != OS_IS_FILE) {
		judge(file, NCM_BUNDLE_UNREADABLE, ncm_strdup("it is no regular file"));
	} else if (status.size == file->size && ncm_sha256_fd(fd, file->size, &found, NULL, NULL, NULL) < 0) {
		if (!ncm_interrupted())
			judge_failure(file, errno);
	} else if (status.size == file->size && ncm_sha256_equal(&found, &file->sha256)) {
		judge(file, NCM_BUNDLE_OK, NULL);
	} else {
		judge_other(checking, fd, file, status.size, &found);
	}
}

static void check_one(void *context, size_t index)
{
	struct checking *checking = context;
	struct ncm_bundle_file *file = &checking->bundle->files[index];

	if (ncm_interrupted())
		return;
	check_file(checking, file);
	pthread_mutex_lock(&checking->mutex);
	checking->done += file->size;
	checking->bundle->bad += file->state != NCM_BUNDLE_OK;
	ncm_emit(checking->sink, &(struct ncm_event){.type = NCM_EVENT_VERIFIED,
						     .file = file->path,
						     .done = checking->done,
						     .total = checking->bundle->size,
						     .stage = "hashing"});
	pthread_mutex_unlock(&checking->mutex);
}

static int check_folder(struct ncm_bundle *bundle, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct checking checking = {.bundle = bundle, .sink = sink, .checkpoints = -1};
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(bundle->path, false, err);
	NCM_AUTO_CLOSE int checkpoints = dirfd < 0 ? -1 : ncm_dir_beneath(dirfd, BUNDLE_CHECKPOINTS);

	if (dirfd < 0)
		return -1;
	checking.dirfd = dirfd;
	checking.checkpoints = checkpoints;
	pthread_mutex_init(&checking.mutex, NULL);
	ncm_parallel(0, bundle->count, check_one, &checking);
	pthread_mutex_destroy(&checking.mutex);
	return ncm_interrupted() ? ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while hashing the bundle") : 0;
}

static int begin(void *context, size_t file, struct bundle_target *target, struct ncm_error *err)
{
	(void)context, (void)file, (void)target, (void)err;
	return 1;
}

/* What an older version has is nothing of the volumes. */
static bool wants(void *context, size_t file, size_t span)
{
	const struct ncm_bundle *bundle = context;
	uint64_t end;

	return !bundle_is_of_base(&bundle->files[file], ncm_span_start(span), &end);
}

/* Of a large file the stretches come one by one: what one is wrong with stays. */
static int took(void *context, const struct bundle_stretch *stretch, struct ncm_error *err)
{
	struct ncm_bundle *bundle = context;
	struct ncm_bundle_file *file = &bundle->files[stretch->file];
	enum ncm_bundle_state state = NCM_BUNDLE_OK;
	char *fault = bundle_stretch_fault(bundle, stretch, &state);
	char *before = file->why;

	(void)err;
	if (!before)
		judge(file, fault ? state : NCM_BUNDLE_OK, fault);
	else if (fault)
		judge(file, NCM_BUNDLE_DAMAGED, ncm_asprintf("%s; %s", before, fault));
	if (before && fault) {
		free(before);
		free(fault);
	}
	return 0;
}

static void check_documents(struct ncm_bundle *bundle)
{
	for (size_t i = 0; i < bundle->count && !ncm_interrupted(); i++) {
		struct ncm_bundle_file *file = &bundle->files[i];
		NCM_AUTO_FREE char *bytes = NULL;
		size_t size;

		if (bundle_is_blob(file->path))
			continue;
		bytes = bundle_volumes_document(bundle, file->path, file, &size);
		judge(file, bytes ? NCM_BUNDLE_OK : NCM_BUNDLE_DAMAGED,
		      bytes ? NULL : ncm_strdup("it is damaged in every volume, or in none that is here"));
	}
}

/* One right copy is enough for an import, but a volume that is damaged may soon be more so. */
static void check_copies(struct ncm_bundle *bundle)
{
	const struct bundle_volumes *volumes = bundle->impl;

	for (size_t i = 0; i < volumes->entry_count && !ncm_interrupted(); i++) {
		const struct bundle_entry *entry = &volumes->entries[i];
		struct ncm_bundle_volume *volume = &bundle->volumes[entry->volume];
		size_t length;
		uint64_t start;

		if (volume->why || bundle_part_read(entry->path, &length, &start) ||
		    bundle_volumes_entry_holds(bundle, entry))
			continue;
		volume->state = NCM_BUNDLE_DAMAGED;
		volume->why = ncm_asprintf("damaged: %s", entry->path);
	}
}

static int check_volumes(struct ncm_bundle *bundle, const struct ncm_sink *sink, struct ncm_error *err)
{
	const struct bundle_pass pass = {.begin = begin,
					 .wants = wants,
					 .took = took,
					 .context = bundle,
					 .total = bundle->size - bundle->reused,
					 .sink = sink};

	if (bundle_volumes_pass(bundle, &pass, err) < 0)
		return -1;
	check_documents(bundle);
	check_copies(bundle);
	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while hashing the bundle");
	for (size_t i = 0; i < bundle->count; i++)
		bundle->bad += bundle->files[i].state != NCM_BUNDLE_OK;
	for (size_t i = 0; i < bundle->volume_count; i++) {
		if (bundle->volumes[i].state == NCM_BUNDLE_LISTED)
			bundle->volumes[i].state = NCM_BUNDLE_OK;
		bundle->bad += bundle->volumes[i].state != NCM_BUNDLE_OK;
	}
	return 0;
}

int ncm_bundle_check(struct ncm_bundle *bundle, const struct ncm_sink *sink, struct ncm_error *err)
{
	return bundle->impl ? check_volumes(bundle, sink, err) : check_folder(bundle, sink, err);
}
