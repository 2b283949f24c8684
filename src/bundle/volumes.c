/* SPDX-License-Identifier: MIT */
/* A bundle as volumes: each is a tar of its own, whose every byte is known before the first is written. */
#include "archive/ustar.h"
#include "base/ability.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "bundle/layout.h"
#include "bundle/making.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "digest/transit.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/text.h>
#include <stdio.h>
#include <string.h>

enum { OPEN_AT_ONCE = 64 };

static const double WAIT_SECONDS = 0.2;
static const uint64_t LARGEST_VOLUME = UINT32_MAX; /* FAT's */

struct volumes {
	struct making *making;
	struct ncm_checkpoints *checkpoints; /* of each file of the bundle */
	struct bundle_layout layout;
	struct ncm_buffer documents; /* what all volumes begin with, behind their own first entry */
	const char *base;            /* the name, without its ending; borrowed */
	int base_size;
	bool numbered;
	int folder;
	const char *path; /* of the volume under way */
};

static void add_entry(struct ncm_buffer *tar, const char *path, const char *bytes, size_t size, struct ncm_error *err)
{
	static const char zeros[NCM_USTAR_BLOCK];
	char header[NCM_USTAR_BLOCK];

	if (err->code != NCM_OK || ncm_ustar_header(path, size, header, err) < 0)
		return;
	ncm_buffer_add(tar, header, sizeof header);
	ncm_buffer_add(tar, bytes, size);
	ncm_buffer_add(tar, zeros, (size_t)(ncm_ustar_room(size) - NCM_USTAR_BLOCK) - size);
}

static void add_checkpoints(struct volumes *volumes, struct ncm_error *err)
{
	for (size_t i = 0; i < volumes->making->bundle->count; i++) {
		const struct ncm_checkpoints *checkpoints = &volumes->checkpoints[i];
		char hex[NCM_SHA256_HEX + 1];
		NCM_AUTO_FREE char *bytes = NULL, *path = NULL;
		size_t size;

		bytes = ncm_checkpoints_pack(checkpoints, &size);
		if (!bytes)
			continue;
		path = ncm_asprintf(BUNDLE_CHECKPOINTS "/%s", ncm_sha256_hex(&checkpoints->sha256, hex));
		add_entry(&volumes->documents, path, bytes, size, err);
	}
}

/* The index first: it says what the rest is. */
static int add_documents(struct volumes *volumes, struct ncm_error *err)
{
	const struct making *making = volumes->making;

	for (size_t i = making->document_count; i > 0; i--)
		add_entry(&volumes->documents, making->documents[i - 1].path, making->documents[i - 1].text,
			  making->documents[i - 1].size, err);
	add_checkpoints(volumes, err);
	return err->code == NCM_OK ? 0 : -1;
}

/* One block, whatever its numbers are. */
static void add_volume(const struct volumes *volumes, size_t number, struct ncm_buffer *tar, struct ncm_error *err)
{
	const struct bundle_document *index = &volumes->making->documents[volumes->making->document_count - 1];
	NCM_AUTO_JSON json_t *document = json_object();
	NCM_AUTO_FREE char *text = NULL;
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_sha256 digest;

	ncm_sha256_of(index->text, index->size, &digest);
	ncm_json_set_u64(document, "schema_version", BUNDLE_SCHEMA);
	ncm_json_set_u64(document, "volume", number + 1);
	ncm_json_set_u64(document, "volumes", volumes->layout.volumes);
	ncm_json_set_string(document, "index_sha256", ncm_sha256_hex(&digest, hex));
	text = ncm_json_dump(document);
	add_entry(tar, BUNDLE_VOLUME, text, strlen(text), err);
}

static char *volume_name(const struct volumes *volumes, size_t number)
{
	if (!volumes->numbered)
		return ncm_asprintf("%.*s" BUNDLE_ENDING, volumes->base_size, volumes->base);
	return ncm_asprintf("%.*s-%03zu" BUNDLE_ENDING, volumes->base_size, volumes->base, number + 1);
}

/* Everything of a volume but content, each piece with where it goes. */
struct frame {
	struct ncm_buffer head;
	const struct bundle_part *parts; /* of this volume */
	size_t count;
	uint64_t size;
};

static int part_header(const struct volumes *volumes, const struct bundle_part *part, char header[NCM_USTAR_BLOCK],
		       struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = bundle_part_path(&volumes->making->bundle->files[part->file], part);

	return ncm_ustar_header(path, part->end - part->start, header, err);
}

static int frame_of(const struct volumes *volumes, size_t number, struct frame *frame, struct ncm_error *err)
{
	const struct bundle_layout *layout = &volumes->layout;
	struct ncm_error fault = NCM_ERROR_INIT;
	size_t first = 0;

	while (first < layout->count && layout->parts[first].volume < number)
		first++;
	*frame = (struct frame){.parts = &layout->parts[first], .size = layout->sizes[number]};
	while (first + frame->count < layout->count && layout->parts[first + frame->count].volume == number)
		frame->count++;
	add_volume(volumes, number, &frame->head, &fault);
	ncm_buffer_add(&frame->head, volumes->documents.data, volumes->documents.size);
	return fault.code == NCM_OK ? 0 : ncm_error_move(err, &fault);
}

/* What is under way: some parts, whose files are open. */
struct batch {
	struct volumes *volumes;
	int files[OPEN_AT_ONCE];
	struct ncm_transit *transits;
	size_t count;
};

static void tell_bytes(void *context, uint64_t bytes)
{
	const struct volumes *volumes = context;

	making_tell(volumes->making, volumes->path, bytes);
}

/* `there`: the bytes lie in the volume, and are only proven; else they go into it. */
static void add_spans(struct batch *batch, const struct bundle_part *part, int file, int volume, bool there)
{
	for (uint64_t at = part->start; at < part->end; at += NCM_CHECKPOINT_SPAN) {
		const uint64_t in_volume = part->at + at - part->start;

		*NCM_PUSH(batch->transits, batch->count) =
		    (struct ncm_transit){.from = there ? volume : file,
					 .from_at = there ? in_volume : at,
					 .to = there ? -1 : volume,
					 .to_at = in_volume,
					 .checkpoints = &batch->volumes->checkpoints[part->file],
					 .span = (size_t)(at / NCM_CHECKPOINT_SPAN)};
	}
}

static const char *source_of(const struct volumes *volumes, const struct bundle_part *part)
{
	return making_source(volumes->making, &volumes->making->bundle->files[part->file])->path;
}

static int tell_failure(const struct ncm_transit *transit, const char *source, const char *volume,
			struct ncm_error *err)
{
	if (transit->failure == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while writing %s", volume);
	if (transit->write_failed)
		return ncm_error_errno(err, transit->failure, "cannot write %s", volume);
	return bundle_tell_transit(transit, source, err);
}

static int check_batch(const struct batch *batch, const struct bundle_part *parts, size_t count, struct ncm_error *err)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		for (uint64_t byte = parts[i].start; byte < parts[i].end; byte += NCM_CHECKPOINT_SPAN, at++) {
			if (!batch->transits[at].holds)
				return tell_failure(&batch->transits[at], source_of(batch->volumes, &parts[i]),
						    batch->volumes->path, err);
		}
	}
	return 0;
}

static int open_sources(struct batch *batch, const struct bundle_part *parts, size_t count, struct ncm_error *err)
{
	for (size_t i = 0; i < count; i++)
		batch->files[i] = -1;
	for (size_t i = 0; i < count; i++) {
		const char *path = source_of(batch->volumes, &parts[i]);

		batch->files[i] = os_open(OS_HERE, path, OS_READ);
		if (batch->files[i] < 0)
			return ncm_error_errno(err, errno, "cannot open %s", path);
	}
	return 0;
}

static int move_parts(struct volumes *volumes, const struct bundle_part *parts, size_t count, int fd, bool there,
		      struct ncm_error *err)
{
	struct batch batch = {.volumes = volumes};
	int failed = there ? 0 : open_sources(&batch, parts, count, err);

	for (size_t i = 0; i < count && !failed; i++)
		add_spans(&batch, &parts[i], batch.files[i], fd, there);
	if (!failed) {
		ncm_transits_run(batch.transits, batch.count, tell_bytes, volumes);
		failed = check_batch(&batch, parts, count, err);
	}
	for (size_t i = 0; i < count && !there; i++) {
		if (batch.files[i] >= 0)
			os_close(batch.files[i]);
	}
	free(batch.transits);
	return failed;
}

static int move_all(struct volumes *volumes, const struct frame *frame, int fd, bool there, struct ncm_error *err)
{
	for (size_t i = 0; i < frame->count; i += OPEN_AT_ONCE) {
		const size_t rest = frame->count - i;

		if (move_parts(volumes, frame->parts + i, rest < OPEN_AT_ONCE ? rest : OPEN_AT_ONCE, fd, there, err) <
		    0)
			return -1;
	}
	return 0;
}

static bool has_bytes(int fd, const void *bytes, size_t size, uint64_t at)
{
	NCM_AUTO_FREE char *there = ncm_malloc(size + 1);

	return ncm_pread_all(fd, there, size, at) == (ssize_t)size && memcmp(there, bytes, size) == 0;
}

/* Whether the volume is there from an earlier run, every byte of it. */
static bool is_there(struct volumes *volumes, const struct frame *frame, const char *name)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(volumes->folder, name, OS_READ);
	struct ncm_error unused = NCM_ERROR_INIT;
	const uint64_t done = volumes->making->done;
	struct os_stat status;
	bool right = fd >= 0 && os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE && status.size == frame->size &&
		     has_bytes(fd, frame->head.data, frame->head.size, 0);

	for (size_t i = 0; i < frame->count && right; i++) {
		char header[NCM_USTAR_BLOCK];

		right = part_header(volumes, &frame->parts[i], header, NULL) == 0 &&
			has_bytes(fd, header, sizeof header, frame->parts[i].at - NCM_USTAR_BLOCK);
	}
	right = right && move_all(volumes, frame, fd, true, &unused) == 0;
	ncm_error_clear(&unused);
	if (!right)
		volumes->making->done = done;
	return right;
}

static int write_frame(const struct volumes *volumes, const struct frame *frame, int fd, struct ncm_error *err)
{
	int failed = ncm_pwrite_all(fd, frame->head.data, frame->head.size, 0);

	for (size_t i = 0; i < frame->count && !failed; i++) {
		char header[NCM_USTAR_BLOCK];

		if (part_header(volumes, &frame->parts[i], header, err) < 0)
			return -1;
		failed = ncm_pwrite_all(fd, header, sizeof header, frame->parts[i].at - NCM_USTAR_BLOCK);
	}
	if (!failed)
		failed = os_truncate(fd, frame->size);
	return failed ? ncm_error_errno(err, errno, "cannot write %s", volumes->path) : 0;
}

static int fill(struct volumes *volumes, const struct frame *frame, int fd, struct ncm_error *err)
{
	if (write_frame(volumes, frame, fd, err) < 0 || move_all(volumes, frame, fd, false, err) < 0)
		return -1;
	return ncm_sync(fd) < 0 ? ncm_error_errno(err, errno, "cannot write %s", volumes->path) : 0;
}

/* Another run may be at this volume: who would write over its file would give the name to half of one. */
static int await_others(const struct volumes *volumes, const char *temporary, struct ncm_error *err)
{
	for (bool told = false;; told = true) {
		NCM_AUTO_CLOSE int fd = os_open_beneath(volumes->folder, temporary, OS_READ | OS_WRITE);

		if (!bundle_is_held(fd))
			return 0;
		if (!told)
			ncm_emit_text(volumes->making->sink, NCM_EVENT_WAITING,
				      "waiting: another ncmodel is working on %s", volumes->path);
		if (ncm_wait(WAIT_SECONDS) < 0)
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while waiting for %s", volumes->path);
	}
}

static int write_volume(struct volumes *volumes, const struct frame *frame, const char *name, const char *temporary,
			struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = -1;

	os_unlink(volumes->folder, temporary); /* of a run that was killed */
	fd = ncm_own_create(volumes->folder, temporary, OS_READ | OS_WRITE, NCM_OWN_FILE);
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot write %s", volumes->path);
	if (bundle_is_held(fd))
		return ncm_error_set(err, NCM_E_BUSY, "another ncmodel is working on %s", volumes->path);
	if (fill(volumes, frame, fd, err) == 0) {
		if (os_rename(volumes->folder, temporary, volumes->folder, name) == 0 &&
		    ncm_sync_dir(volumes->folder) == 0)
			return 0;
		ncm_error_errno(err, errno, "cannot write %s", volumes->path);
	}
	os_unlink(volumes->folder, temporary);
	return -1;
}

static int make_volume(struct volumes *volumes, size_t number, struct ncm_error *err)
{
	struct ncm_bundle *bundle = volumes->making->bundle;
	NCM_AUTO_FREE char *name = volume_name(volumes, number), *folder = ncm_path_folder(bundle->path);
	NCM_AUTO_FREE char *temporary = ncm_asprintf(".%s.tmp", name);
	struct ncm_bundle_volume *volume = NCM_PUSH(bundle->volumes, bundle->volume_count);
	struct frame frame;
	int failed = frame_of(volumes, number, &frame, err);

	*volume = (struct ncm_bundle_volume){.path = ncm_path_join(folder, name), .size = frame.size};
	volumes->path = volume->path;
	failed = failed ? -1 : await_others(volumes, temporary, err);
	if (!failed && is_there(volumes, &frame, name)) {
		volume->state = NCM_BUNDLE_OK;
	} else if (!failed) {
		failed = write_volume(volumes, &frame, name, temporary, err);
		volume->state = NCM_BUNDLE_COPIED;
		for (size_t i = 0; i < frame.count && !failed; i++)
			bundle->copied += frame.parts[i].end - frame.parts[i].start;
	}
	ncm_buffer_free(&frame.head);
	return failed;
}

/* Two bundles in one folder are imported by the names of their volumes alone. */
static void tell_older(const struct volumes *volumes)
{
	NCM_AUTO_FREE char *name = volume_name(volumes, volumes->layout.volumes);

	if (volumes->numbered && os_has(volumes->folder, name))
		ncm_emit_text(
		    volumes->making->sink, NCM_EVENT_NOTE,
		    "%s is of an earlier run, like any behind it: remove them, or the folder is of two bundles", name);
}

static int make_volumes(struct volumes *volumes, uint64_t size, struct ncm_error *err)
{
	struct ncm_bundle *bundle = volumes->making->bundle;

	if (making_checkpoints(volumes->making, volumes->checkpoints, err) < 0 ||
	    making_prove_bases(volumes->making, volumes->checkpoints, err) < 0 || add_documents(volumes, err) < 0 ||
	    bundle_lay_out(bundle, NCM_USTAR_BLOCK * 2 + volumes->documents.size, size, &volumes->layout, err) < 0)
		return -1;
	for (size_t i = 0; i < volumes->layout.volumes; i++) {
		if (make_volume(volumes, i, err) < 0)
			return -1;
	}
	tell_older(volumes);
	for (size_t i = 0; i < bundle->count; i++)
		bundle->files[i].state = bundle->copied > 0 ? NCM_BUNDLE_COPIED : NCM_BUNDLE_OK;
	return 0;
}

static int check_size(uint64_t size, struct ncm_error *err)
{
	if (size <= LARGEST_VOLUME)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "a volume has at most %llu bytes, the most that FAT can hold",
		      (unsigned long long)LARGEST_VOLUME);
	return ncm_error_hint(err, "`--volume 4GB`; without it there is one file of any size");
}

int making_write_volumes(struct making *making, uint64_t size, struct ncm_error *err)
{
	struct ncm_bundle *bundle = making->bundle;
	NCM_AUTO_FREE char *path = ncm_path_folder(bundle->path);
	NCM_AUTO_CLOSE int folder = check_size(size, err) < 0 ? -1 : ncm_dir_open(path, true, err);
	const char *name = ncm_path_base(bundle->path);
	const size_t ending = ncm_path_has_suffix(name, BUNDLE_ENDING) ? sizeof BUNDLE_ENDING - 1 : 0;
	struct volumes volumes = {.making = making,
				  .checkpoints = ncm_calloc(bundle->count + 1, sizeof *volumes.checkpoints),
				  .base = name,
				  .base_size = (int)(strlen(name) - ending),
				  .numbered = size > 0,
				  .folder = folder};
	int failed = folder < 0 ? -1 : make_volumes(&volumes, size, err);

	for (size_t i = 0; i < bundle->count; i++)
		ncm_checkpoints_clear(&volumes.checkpoints[i]);
	free(volumes.checkpoints);
	bundle_layout_clear(&volumes.layout);
	ncm_buffer_free(&volumes.documents);
	return failed;
}
