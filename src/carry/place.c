/* SPDX-License-Identifier: MIT */
/* Commit: final names (atomic renames, links). Each file is complete, checked and synced before it gets one. */
#include "carry/carry.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/checkpoint.h"
#include "format/format.h"
#include "os/os.h"
#include "store/inside.h"
#include "store/intent.h"
#include "store/names.h"
#include "store/share.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

void task_told(const struct carry *carry, const struct task *task, size_t place, const char *how)
{
	const struct content *content = task->item->content;

	ncm_emit(&carry->run->sink,
		 &(struct ncm_event){.type = NCM_EVENT_PLACED,
				     .model = model_id(carry->run, &carry->run->wanted[content->places[place].wanted]),
				     .file = content->name,
				     .text = how,
				     .stage = "placing",
				     .done = content->size,
				     .total = content->size});
}

static void tell_kept(const struct carry *carry, const struct place *place, const char *kept)
{
	if (kept)
		ncm_emit_text(&carry->run->sink, NCM_EVENT_NOTE,
			      "what was at %s is kept as %s; ncmodel gc --replaced removes it", place->path, kept);
}

static void placed(const struct carry *carry, struct task *task, size_t number, enum ncm_origin origin, const char *how)
{
	task->item->steps[number].state = PLACE_RIGHT;
	task->origins[number] = origin;
	task_told(carry, task, number, how);
}

/* The file that a step replaces, and no other; or NULL. */
static const struct os_stat *seen(const struct step *step)
{
	return step->state == PLACE_OURS && step->status.kind == OS_IS_FILE ? &step->status : NULL;
}

/* Content whose digest nobody knew looks like anybody's until models.json names it. */
static int note_intent(const struct carry *carry, const struct task *task, size_t number,
		       const struct ncm_sha256 *content, struct ncm_error *err)
{
	const struct place *place = &task->item->content->places[number];
	struct step *step = &task->item->steps[number];
	const struct ncm_resolution *resolution = carry->run->wanted[place->wanted].resolution;

	if (carry->planned->repairs) /* models.json names it already */
		return 0;
	step->noted = true;
	return store_intent_note(place->store, place->relative, content, resolution->uri, err);
}

static void forget_intent(const struct task *task, size_t number)
{
	const struct place *place = &task->item->content->places[number];

	if (task->item->steps[number].noted)
		store_intent_forget(place->store, place->relative);
	task->item->steps[number].noted = false;
}

static bool is_as_seen(const struct place *place, const struct step *step)
{
	struct os_stat now;

	if (step->state == PLACE_EMPTY)
		return os_lstat(OS_HERE, place_bytes_path(place), &now) < 0 && errno == ENOENT;
	return step->status.kind == OS_IS_FILE && os_lstat(OS_HERE, place_bytes_path(place), &now) == 0 &&
	       store_is_unchanged(&step->status, &now);
}

/*
 * The plan may be hours old, and other programs know no lock of ours: what came to a place meanwhile is judged as if it
 * had been there then. Returns 0, 1 when the content is there by now, or -1.
 */
static int judge_again(const struct carry *carry, struct task *task, size_t number)
{
	struct content *content = task->item->content;
	const struct place *place = &content->places[number];
	struct step *step = &task->item->steps[number];

	const bool noted = step->noted;

	if (content->kind != CONTENT_MANIFEST && is_as_seen(place, step))
		return 0;
	judge_place(carry->planned, content, place, step);
	step->noted = step->noted || noted;
	if (step->state == PLACE_IN_WAY || step->state == PLACE_UNREADABLE) {
		place_tell(carry->run, place, step, &task->error);
		return -1;
	}
	return step_is_done(step);
}

static int unpack(struct carry *carry, struct task *task, const struct place *place, const char *staged)
{
	const struct content *content = task->item->content;
	NCM_AUTO_CLOSE int fd = os_open_beneath(content->places[0].store->staging, task->partial, OS_READ);
	NCM_AUTO_CLOSE int dirfd = -1;

	if (fd < 0)
		return ncm_error_errno(&task->error, errno, "cannot open what was fetched of %s", content->name);
	if (ncm_remove_beneath(place->store->staging, staged) < 0) /* of a run that was killed */
		return ncm_error_errno(&task->error, errno, "cannot clear %s", staged);
	dirfd = ncm_mkdir_beneath(place->store->staging, staged, &task->error);
	if (dirfd < 0)
		return -1;
	ncm_unpacked_free(task->unpacked, task->unpacked_count);
	task->unpacked = NULL;
	task->unpacked_count = 0;
	return ncm_archive_unpack(fd, dirfd, carry->run->wanted[place->wanted].spec->strip, &task->unpacked,
				  &task->unpacked_count, &task->error);
}

static int place_archive(struct carry *carry, struct task *task, size_t number)
{
	const struct content *content = task->item->content;
	const struct place *place = &content->places[number];
	NCM_AUTO_FREE char *staged = staging_unpacked_name(task->partial);
	NCM_AUTO_FREE char *kept = NULL;

	if (unpack(carry, task, place, staged) < 0 || note_intent(carry, task, number, NULL, &task->error) < 0 ||
	    ncm_store_commit_dir(place->store, staged, place->relative, task->item->steps[number].replace, &kept,
				 &task->error) < 0) {
		forget_intent(task, number);
		ncm_remove_beneath(place->store->staging, staged);
		return ncm_error_wrap(&task->error, "%s", content->name);
	}
	tell_kept(carry, place, kept);
	placed(carry, task, number, NCM_ORIGIN_FETCHED, "unpacked");
	return 0;
}

/* Another content of this run that goes there. */
static const struct content *other_at(const struct carry *carry, const struct content *content, const char *path)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = 0; i < contents->count; i++) {
		const struct content *other = &contents->items[i];

		for (size_t k = 0; k < other->place_count && other != content; k++) {
			if (strcmp(other->places[k].path, path) == 0)
				return other;
		}
	}
	return NULL;
}

/* The plan could not know it: two that were spelled apart, and that their servers call the same. */
static int refuse_shared(const struct carry *carry, const struct place *place, const struct content *other,
			 struct ncm_error *err)
{
	const struct wanted *wanted = &carry->run->wanted[place->wanted];
	NCM_AUTO_FREE char *hint = wanted_other_name(carry->run, wanted);

	ncm_error_set(err, NCM_E_POLICY, "%s: its server calls it %s, and so is %s of %s called",
		      model_id(carry->run, wanted), place->path, other->name,
		      model_id(carry->run, &carry->run->wanted[other->wanted]));
	return ncm_error_hint(err, "%s", hint);
}

/* The server told another name: what is there is judged like any other place. Returns 0, 1 when the content is there
 * already, or -1. */
static int take_server_name(struct carry *carry, struct task *task)
{
	struct content *content = task->item->content;
	const int changed = content_take_server_name(carry->run, content, task->server_name, &task->error);

	if (changed <= 0)
		return changed;
	for (size_t i = 0; i < content->place_count; i++) {
		struct step *step = &task->item->steps[i];
		const struct content *other = other_at(carry, content, content->places[i].path);

		if (other)
			return refuse_shared(carry, &content->places[i], other, &task->error);
		judge_place(carry->planned, content, &content->places[i], step);
		if (step->state == PLACE_IN_WAY || step->state == PLACE_UNREADABLE) {
			place_tell(carry->run, &content->places[i], step, &task->error);
			return -1;
		}
	}
	return step_is_done(&task->item->steps[0]);
}

static int place_fetched(struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const struct place *place = &content->places[0];
	struct step *step = &task->item->steps[0];
	NCM_AUTO_CLOSE int fd = os_open_beneath(place->store->staging, task->partial, OS_READ);
	NCM_AUTO_CLOSE int guard = -1;
	NCM_AUTO_FREE char *kept = NULL;
	int there;

	if (fd < 0)
		return ncm_error_errno(&task->error, errno, "cannot open what was fetched of %s", content->name);
	there = take_server_name(carry, task);
	if (there == 0)
		there = judge_again(carry, task, 0);
	if (there != 0)
		return there < 0 ? -1 : 0;
	/* Bytes that a digest proves are what was asked for, whatever they look like. */
	if (content->first_use && ncm_format_check(fd, ncm_path_base(place->relative), &task->error) < 0) {
		ncm_transfer_discard(place->store->staging, task->partial);
		return ncm_error_wrap(&task->error, "%s", model_id(carry->run, &carry->run->wanted[place->wanted]));
	}
	if (task->unpinned && note_intent(carry, task, 0, &content->sha256, &task->error) < 0)
		return -1;
	guard = store_guard(place->store, place->blob);
	if (ncm_store_commit(place->store, task->partial, place_bytes(place), step->replace, seen(step), &step->status,
			     &kept, &task->error) < 0) {
		forget_intent(task, 0);
		return -1;
	}
	tell_kept(carry, place, kept);
	placed(carry, task, 0, NCM_ORIGIN_FETCHED, "placed");
	return 0;
}

/* Links change its ctime, ours too; what is written changes its mtime. */
static bool is_as_believed(int fd, const struct os_stat *then)
{
	struct os_stat now;

	return os_fstat(fd, &now) == 0 && now.device == then->device && now.inode == then->inode &&
	       now.size == then->size && now.mtime_ns == then->mtime_ns;
}

/* A twin that was never read has other bytes than its name says: another may have them, else they are to be fetched. */
static void give_up_twin(const struct carry *carry, struct task *task)
{
	struct twin *local = &task->item->local;

	ncm_emit_text(&carry->run->sink, NCM_EVENT_WARNING, "%s", task->error.message);
	ncm_error_clear(&task->error);
	look_remember(carry->planned->look, &local->status, &(struct ncm_sha256){{0}});
	free(local->path);
	(void)elsewhere_find(carry->planned->look, task->item->content, local);
	task->again = true;
}

/* Deduplication: the same bytes are on this machine already, at `ready`. */
static int duplicate(struct carry *carry, struct task *task, const char *ready, size_t number)
{
	const struct content *content = task->item->content;
	const struct place *place = &content->places[number];
	struct step *step = &task->item->steps[number];
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, ready, OS_READ | OS_NO_LINK);
	NCM_AUTO_CLOSE int guard = store_guard(place->store, place->blob);
	NCM_AUTO_FREE char *kept = NULL;
	const bool proven = ready != task->item->local.path || !task->item->local.unread;
	const char *how = "copy";

	if (fd < 0)
		return ncm_error_errno(&task->error, errno, "cannot open %s", ready);
	if (ready == task->item->local.path && proven && !is_as_believed(fd, &task->item->local.status)) {
		ncm_error_set(&task->error, NCM_E_CHECKSUM, "%s was changed after it was checked", ready);
		return ncm_error_hint(&task->error, "pull again: what is there is looked at anew");
	}
	if (task->unpinned && note_intent(carry, task, number, &content->sha256, &task->error) < 0)
		return -1;
	(void)guard;
	if (ncm_store_duplicate(place->store, place_bytes(place), fd, ready, &content->sha256, proven, step->replace,
				seen(step), &how, &step->status, &kept, &task->error) < 0) {
		forget_intent(task, number);
		return -1;
	}
	tell_kept(carry, place, kept);
	placed(carry, task, number, NCM_ORIGIN_LINKED, how);
	return 0;
}

static int place_manifest(struct task *task, size_t number)
{
	const struct content *content = task->item->content;
	const struct ncm_resolution *resolution = content->resolution;
	const struct place *place = &content->places[number];
	struct step *step = &task->item->steps[number];
	NCM_AUTO_CLOSE int fd = -1;

	if (!resolution->manifest)
		return ncm_error_set(&task->error, NCM_E_OTHER, "%s: its manifest was not fetched", content->name);
	if (place->store->kind->give_name(place->store,
					  &(struct ncm_store_naming){.tag = resolution->ollama_name,
								     .manifest = resolution->manifest,
								     .size = resolution->manifest_size,
								     .aside = step->replace == NCM_SET_ASIDE},
					  &task->error) < 0)
		return -1;
	fd = store_open_inside(place->store, place->store->dirfd, place->relative);
	if (fd < 0 || os_fstat(fd, &step->status) < 0)
		return ncm_error_errno(&task->error, errno, "cannot open %s", place->path);
	/* What is recorded is the manifest, whatever form the store holds it in. */
	step->status.size = resolution->manifest_size;
	step->state = PLACE_RIGHT;
	task->origins[number] = NCM_ORIGIN_FETCHED;
	return 0;
}

/* Each store can prove its own files. Without them a verify has more to do, nothing worse. */
static void keep_checkpoints(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;

	/* What was not fetched may have had them where it lay. */
	if (task->checkpoints.size == 0 && task->item->local.path && content->has_size &&
	    checkpoints_find(carry->run, &content->sha256, content->size, &task->checkpoints) < 0)
		return;

	for (size_t i = 0; i < content->place_count; i++) {
		const struct ncm_store *store = content->places[i].store;
		NCM_AUTO_CLOSE int home =
		    place_counts(carry, &content->places[i]) ? ncm_store_home(store, store->dirfd) : -1;

		if (home >= 0)
			(void)ncm_checkpoints_write(home, &task->checkpoints, NULL);
	}
}

/* Returns 0, -1, or 1 when nothing on this machine has it after all. */
static int duplicate_any(struct carry *carry, struct task *task, size_t number)
{
	const char *ready;

	while ((ready = item_ready_path(task->item))) {
		const bool unread = ready == task->item->local.path && task->item->local.unread;
		const int failed = duplicate(carry, task, ready, number);

		if (!failed || !unread || task->error.code != NCM_E_CHECKSUM)
			return failed;
		give_up_twin(carry, task);
	}
	return 1;
}

static int place_one(struct carry *carry, struct task *task, size_t number)
{
	const int there = judge_again(carry, task, number);

	if (there != 0)
		return there < 0 ? -1 : 0;
	switch (task->item->content->kind) {
	case CONTENT_MANIFEST:
		return place_manifest(task, number);
	case CONTENT_ARCHIVE:
		return place_archive(carry, task, number);
	case CONTENT_FILE:
	case CONTENT_BLOB:
		break;
	}
	return duplicate_any(carry, task, number);
}

/* Several models may want it in one place: what was put there for one is there for all. */
static bool is_placed(const struct task *task, size_t number)
{
	const struct content *content = task->item->content;

	for (size_t i = 0; i < content->place_count; i++) {
		if (i != number && step_is_done(&task->item->steps[i]) &&
		    strcmp(place_bytes_path(&content->places[i]), place_bytes_path(&content->places[number])) == 0) {
			task->item->steps[number] = task->item->steps[i];
			task->origins[number] = task->origins[i];
			return true;
		}
	}
	return false;
}

/* Returns 0, -1, or 1 when it has to be fetched once more. */
static int place_all(struct carry *carry, struct task *task)
{
	struct plan_item *item = task->item;
	const struct content *content = item->content;
	const bool is_file = content->kind == CONTENT_FILE || content->kind == CONTENT_BLOB;
	int failed = 0;

	if (is_file && !item_ready_path(item))
		failed = item->mend.count > 0 ? task_mend(carry, task) : place_fetched(carry, task);
	for (size_t i = 0; i < content->place_count && !failed; i++) {
		if (!step_is_done(&item->steps[i]) && place_counts(carry, &content->places[i]) && !is_placed(task, i))
			failed = place_one(carry, task, i);
	}
	if (failed)
		return failed;
	if (is_file)
		keep_checkpoints(carry, task);
	if (task->state == TASK_FETCHED && task->partial)
		ncm_transfer_discard(content->places[0].store->staging, task->partial);
	return 0;
}

void task_place(struct carry *carry, struct task *task)
{
	int failed;

	if (task->state == TASK_PLACED || task->state == TASK_FAILED)
		return;
	failed = place_all(carry, task);
	task->state = failed < 0 ? TASK_FAILED : failed > 0 ? TASK_OPEN : TASK_PLACED;
	if (task->state == TASK_PLACED)
		carry_shared_placed(carry, task);
	task_recount(carry, task);
}
