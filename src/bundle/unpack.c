/* SPDX-License-Identifier: MIT */
/*
 * Volumes become a folder, from which a pull links or copies: `.ncmodel/import-<16 digits>` beside models.json, the
 * same for all volumes of one bundle. Every span is proven as it comes and goes to its place in the file; which are
 * there is noted beside it once they are durable, so that the next run, with the same or other volumes, goes on. A file
 * gets its name when it has all of them.
 */
#include "base/ability.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "bundle/volumes.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <ncmodel/registry.h>
#include <ncmodel/text.h>
#include <string.h>

/* A file under way. */
struct partial {
	int fd;
	int base;       /* the older version of it that is here; -1 */
	uint8_t *spans; /* 1: it is there */
	bool resumed;   /* some spans were proven by an earlier run */
	bool unproven;
};

struct unpacking {
	struct ncm_bundle *bundle;
	struct ncm_registry *registry;
	const char *folder;
	int dirfd, blobs;
	struct partial *partials; /* one for each file */
};

static char *partial_name(const struct unpacking *unpacking, size_t file)
{
	return staging_partial_name(&unpacking->bundle->files[file].sha256, NULL, NULL, NULL);
}

static char *journal_name(const struct unpacking *unpacking, size_t file)
{
	NCM_AUTO_FREE char *partial = partial_name(unpacking, file);

	return staging_journal_name(partial);
}

static size_t spans_of(const struct unpacking *unpacking, size_t file)
{
	return ncm_checkpoints_expected(unpacking->bundle->files[file].size) + 1;
}

static bool is_there(const struct unpacking *unpacking, const struct ncm_bundle_file *file)
{
	struct os_stat status;

	return os_lstat(unpacking->blobs, ncm_path_base(file->path), &status) == 0 && status.kind == OS_IS_FILE &&
	       status.size == file->size;
}

/* Which spans earlier runs have proven. */
static void read_journal(const struct unpacking *unpacking, size_t file, struct partial *partial)
{
	NCM_AUTO_FREE char *name = journal_name(unpacking, file);
	NCM_AUTO_CLOSE int fd = os_open_beneath(unpacking->blobs, name, OS_READ);
	const size_t count = spans_of(unpacking, file);

	if (fd < 0 || ncm_pread_all(fd, partial->spans, count, 0) != (ssize_t)count)
		memset(partial->spans, 0, count);
	for (size_t i = 0; i < count; i++) {
		partial->spans[i] = partial->spans[i] == 1;
		partial->resumed |= partial->spans[i];
	}
}

static int write_journal(const struct unpacking *unpacking, size_t file, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = journal_name(unpacking, file);

	return ncm_write_atomic(unpacking->blobs, name, unpacking->partials[file].spans, spans_of(unpacking, file),
				NCM_OWN_FILE, err);
}

/* Of what was finished, when a kill left it: it says nothing of a new file. Returns 0, or -1 with errno. */
static int forget_journal(const struct unpacking *unpacking, size_t file)
{
	NCM_AUTO_FREE char *name = journal_name(unpacking, file);

	return os_unlink(unpacking->blobs, name) == 0 || errno == ENOENT ? 0 : -1;
}

static void close_partial(struct partial *partial)
{
	if (partial->fd >= 0)
		os_close(partial->fd);
	if (partial->base >= 0)
		os_close(partial->base);
	partial->fd = partial->base = -1;
	free(partial->spans);
	partial->spans = NULL;
}

static int open_partial(const struct unpacking *unpacking, size_t file, struct ncm_error *err)
{
	struct partial *partial = &unpacking->partials[file];
	NCM_AUTO_FREE char *name = partial_name(unpacking, file);

	partial->spans = ncm_calloc(spans_of(unpacking, file), 1);
	partial->fd = os_open_beneath(unpacking->blobs, name, OS_READ | OS_WRITE);
	if (partial->fd >= 0)
		read_journal(unpacking, file, partial);
	else if (errno == ENOENT && forget_journal(unpacking, file) == 0)
		partial->fd = ncm_own_create(unpacking->blobs, name, OS_READ | OS_WRITE, NCM_OWN_FILE);
	/* Spans come in no order: a file that has its length is not lengthened by each. */
	if (partial->fd >= 0 && os_truncate(partial->fd, unpacking->bundle->files[file].size) < 0)
		close_partial(partial);
	return partial->fd < 0 ? ncm_error_errno(err, errno, "cannot write %s/%s", unpacking->folder, name) : 0;
}

static void add_proven(const struct unpacking *unpacking, size_t file)
{
	struct ncm_bundle *bundle = unpacking->bundle;
	const struct ncm_bundle_file *entry = &bundle->files[file];
	struct os_stat status;

	if (os_lstat(unpacking->blobs, ncm_path_base(entry->path), &status) < 0)
		return;
	*NCM_PUSH(bundle->proven, bundle->proven_count) =
	    (struct ncm_proven_file){.path = ncm_path_join(unpacking->folder, entry->path),
				     .sha256 = entry->sha256,
				     .size = entry->size,
				     .mtime_ns = status.mtime_ns};
}

static int hash_there(const struct unpacking *unpacking, const struct ncm_bundle_file *file, struct ncm_sha256 *found)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(unpacking->blobs, ncm_path_base(file->path), OS_READ);

	return fd < 0 ? -1 : ncm_sha256_fd(fd, file->size, found, NULL, NULL, NULL);
}

/* What an earlier run unpacked may have changed on this disk since: then it goes. Returns 1 if it is right, 0, or -1.
 */
static int check_there(const struct unpacking *unpacking, size_t file, struct ncm_error *err)
{
	const struct ncm_bundle_file *entry = &unpacking->bundle->files[file];
	struct ncm_sha256 found;
	const int failed = hash_there(unpacking, entry, &found);

	if (failed && errno == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while reading %s/%s", unpacking->folder,
				     entry->path);
	if (!failed && ncm_sha256_equal(&found, &entry->sha256)) {
		add_proven(unpacking, file);
		return 1;
	}
	if (os_unlink(unpacking->blobs, ncm_path_base(entry->path)) < 0)
		return ncm_error_errno(err, errno, "cannot remove %s/%s, which is damaged", unpacking->folder,
				       entry->path);
	return 0;
}

static int open_base(const struct unpacking *unpacking, const struct ncm_bundle_file *file)
{
	return file->base ? bundle_open_installed(unpacking->registry, &file->base->sha256, file->base->size) : -1;
}

static int begin(void *context, size_t file, struct bundle_target *target, struct ncm_error *err)
{
	const struct unpacking *unpacking = context;
	struct ncm_bundle_file *entry = &unpacking->bundle->files[file];
	int there = 0;

	entry->state = NCM_BUNDLE_OK;
	if (bundle_is_installed(unpacking->registry, &entry->sha256, entry->size))
		return 0;
	if (is_there(unpacking, entry))
		there = check_there(unpacking, file, err);
	if (there != 0)
		return there < 0 ? -1 : 0;
	if (open_partial(unpacking, file, err) < 0)
		return -1;
	unpacking->partials[file].base = open_base(unpacking, entry);
	*target = (struct bundle_target){
	    .to = unpacking->partials[file].fd, .base = unpacking->partials[file].base, .base_failure = errno};
	return 1;
}

static bool wants(void *context, size_t file, size_t span)
{
	const struct unpacking *unpacking = context;

	return !unpacking->partials[file].spans[span];
}

/* All of it is there and durable. */
static int finish(const struct unpacking *unpacking, size_t file, struct ncm_error *err)
{
	const struct partial *partial = &unpacking->partials[file];
	NCM_AUTO_FREE char *part = partial_name(unpacking, file), *journal = journal_name(unpacking, file);
	struct ncm_bundle_file *entry = &unpacking->bundle->files[file];

	if (ncm_sync(partial->fd) < 0 ||
	    os_rename(unpacking->blobs, part, unpacking->blobs, ncm_path_base(entry->path)) < 0)
		return ncm_error_errno(err, errno, "cannot write %s/%s", unpacking->folder, entry->path);
	os_unlink(unpacking->blobs, journal);
	entry->state = NCM_BUNDLE_COPIED;
	unpacking->bundle->copied += entry->size;
	/* What an earlier run proved may have changed on this disk since. */
	if (!partial->resumed && !partial->unproven)
		add_proven(unpacking, file);
	return 0;
}

static void add_fault(struct ncm_bundle_file *file, enum ncm_bundle_state state, char *fault)
{
	char *before = file->why;

	file->state = state;
	file->why = before ? ncm_asprintf("%s; %s", before, fault) : ncm_strdup(fault);
	free(before);
	free(fault);
}

static int mark(const struct unpacking *unpacking, const struct bundle_stretch *stretch, struct ncm_error *err)
{
	struct partial *partial = &unpacking->partials[stretch->file];

	partial->unproven |= !stretch->provable;
	for (size_t i = 0; i < stretch->count; i++) {
		const struct ncm_transit *transit = &stretch->transits[i];

		if (transit->write_failed)
			return ncm_error_errno(err, transit->failure, "cannot write %s/%s", unpacking->folder,
					       unpacking->bundle->files[stretch->file].path);
		if (transit->holds || (!stretch->provable && !transit->failure))
			partial->spans[transit->span] = 1;
	}
	return 0;
}

static bool is_whole(const struct unpacking *unpacking, size_t file)
{
	for (size_t i = 0; i < spans_of(unpacking, file); i++) {
		if (!unpacking->partials[file].spans[i])
			return false;
	}
	return true;
}

static int took(void *context, const struct bundle_stretch *stretch, struct ncm_error *err)
{
	const struct unpacking *unpacking = context;
	struct ncm_bundle_file *entry = &unpacking->bundle->files[stretch->file];
	struct partial *partial = &unpacking->partials[stretch->file];
	enum ncm_bundle_state state = NCM_BUNDLE_OK;
	char *fault = bundle_stretch_fault(unpacking->bundle, stretch, &state);
	int failed = mark(unpacking, stretch, err);
	const bool whole = !failed && stretch->is_last && is_whole(unpacking, stretch->file);

	if (fault && (stretch->provable || !whole)) {
		add_fault(entry, state, fault);
		bundle_stretch_note(unpacking->bundle, stretch);
	} else {
		free(fault);
	}
	if (!failed && whole)
		failed = finish(unpacking, stretch->file, err);
	else if (!failed && spans_of(unpacking, stretch->file) > 1) {
		if (ncm_sync(partial->fd) < 0)
			failed = ncm_error_errno(err, errno, "cannot write %s", unpacking->folder);
		else
			failed = write_journal(unpacking, stretch->file, err);
	}
	if (stretch->is_last)
		close_partial(partial);
	return failed;
}

static int write_document(const struct unpacking *unpacking, const char *path, const struct ncm_bundle_file *file,
			  struct ncm_error *err)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = -1;
	NCM_AUTO_FREE char *bytes = NULL;
	size_t size = 0;

	bytes = bundle_volumes_document(unpacking->bundle, path, file, &size);
	if (!bytes && file)
		return ncm_error_set(err, NCM_E_DAMAGED, "%s is damaged in every volume that is here", path);
	if (!bytes)
		return 0;
	parent = ncm_parent_beneath(unpacking->dirfd, path, true, &name, err);
	return parent < 0 ? -1 : ncm_write_atomic(parent, name, bytes, size, NCM_OWN_FILE, err);
}

static int write_checkpoints(const struct unpacking *unpacking, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int dirfd = ncm_mkdir_beneath(unpacking->dirfd, BUNDLE_CHECKPOINTS, err);

	for (size_t i = 0; i < unpacking->bundle->count && dirfd >= 0; i++) {
		const struct ncm_bundle_file *file = &unpacking->bundle->files[i];
		struct ncm_checkpoints checkpoints;

		if (!bundle_is_blob(file->path) || ncm_checkpoints_expected(file->size) == 0)
			continue;
		if (bundle_volumes_checkpoints(unpacking->bundle, file, &checkpoints))
			(void)ncm_checkpoints_write_in(dirfd, &checkpoints, NULL);
		ncm_checkpoints_clear(&checkpoints);
	}
	return dirfd < 0 ? -1 : 0;
}

static int write_documents(const struct unpacking *unpacking, struct ncm_error *err)
{
	const struct ncm_bundle *bundle = unpacking->bundle;
	const struct bundle_volumes *volumes = bundle->impl;
	struct ncm_bundle_file index = {.sha256 = volumes->index, .size = volumes->index_size};

	for (size_t i = 0; i < bundle->count; i++) {
		if (ncm_interrupted())
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while unpacking");
		if (!bundle_is_blob(bundle->files[i].path) &&
		    write_document(unpacking, bundle->files[i].path, &bundle->files[i], err) < 0)
			return -1;
	}
	if (write_checkpoints(unpacking, err) < 0)
		return -1;
	return write_document(unpacking, BUNDLE_INDEX, &index, err);
}

/* Bytes that are still to come, as far as the files themselves tell. */
static uint64_t needed(const struct unpacking *unpacking)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < unpacking->bundle->count; i++) {
		const struct ncm_bundle_file *file = &unpacking->bundle->files[i];
		NCM_AUTO_FREE char *part = partial_name(unpacking, i);
		struct os_stat status;
		uint64_t there = 0;

		if (!bundle_is_blob(file->path) || is_there(unpacking, file) ||
		    bundle_is_installed(unpacking->registry, &file->sha256, file->size))
			continue;
		if (os_lstat(unpacking->blobs, part, &status) == 0)
			there = status.blocks * 512;
		bytes += there < file->size ? file->size - there : 0;
	}
	return bytes;
}

static int check_space(const struct unpacking *unpacking, struct ncm_error *err)
{
	const uint64_t bytes = needed(unpacking);
	struct os_space space;
	char need[32], have[32];

	if (os_space_of(unpacking->dirfd, &space) < 0 || !space.known || space.free >= bytes)
		return 0;
	ncm_error_set(err, NCM_E_NO_SPACE, "%s is free where %s is, %s is needed",
		      ncm_format_size(space.free, have, sizeof have), unpacking->folder,
		      ncm_format_size(bytes, need, sizeof need));
	return ncm_error_hint(err,
			      "free some space there; volumes are unpacked beside models.json before they are placed");
}

static int unpack(struct unpacking *unpacking, const struct ncm_sink *sink, struct ncm_error *err)
{
	struct ncm_bundle *bundle = unpacking->bundle;
	const struct bundle_pass pass = {
	    .begin = begin, .wants = wants, .took = took, .context = unpacking, .total = bundle->size, .sink = sink};
	int failed;

	unpacking->partials = ncm_calloc(bundle->count + 1, sizeof *unpacking->partials);
	for (size_t i = 0; i < bundle->count; i++)
		unpacking->partials[i].fd = unpacking->partials[i].base = -1;
	failed = check_space(unpacking, err);
	if (!failed)
		failed = write_documents(unpacking, err);
	if (!failed)
		failed = bundle_volumes_pass(bundle, &pass, err);
	for (size_t i = 0; i < bundle->count; i++) {
		close_partial(&unpacking->partials[i]);
		bundle->bad += bundle->files[i].why != NULL;
	}
	free(unpacking->partials);
	bundle->remedy = bundle_remedy(bundle);
	return failed;
}

static char *folder_of(const struct ncm_config *config, const struct ncm_bundle *bundle, struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(config, err);
	NCM_AUTO_FREE char *own = registry ? staging_notes_folder(registry->path) : NULL;
	NCM_AUTO_FREE char *name = staging_import_name(&bundle->impl->index);

	ncm_registry_free(registry);
	return own ? ncm_path_join(own, name) : NULL;
}

char *ncm_bundle_unpack(const struct ncm_config *config, struct ncm_bundle *bundle, const struct ncm_sink *sink,
			struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = folder_of(config, bundle, err);
	NCM_AUTO_CLOSE int dirfd = folder ? bundle_open_import(folder, &bundle->impl->lock, sink, err) : -1;
	NCM_AUTO_CLOSE int blobs = dirfd < 0 ? -1 : ncm_mkdir_beneath(dirfd, BUNDLE_BLOBS, err);
	/* Whom we waited for may have installed it all. */
	struct ncm_registry *registry = blobs < 0 ? NULL : ncm_registry_load(config, err);
	struct unpacking unpacking = {
	    .bundle = bundle, .registry = registry, .folder = folder, .dirfd = dirfd, .blobs = blobs};
	const int failed = registry ? unpack(&unpacking, sink, err) : -1;

	ncm_registry_free(registry);
	return failed ? NULL : ncm_strdup(folder);
}
