/* SPDX-License-Identifier: MIT */
/*
 * The cache that machines share: what it has comes from there first; what had to come from its source goes there, from
 * the file that was placed, while others come. A note beside the lock (ncmodel.lock.fill/HEX) says what is still to go,
 * so that the next run sends what a kill left.
 */
#include "carry/carry.h"

#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "base/strings.h"
#include "cache/cache.h"
#include "digest/checkpoint.h"
#include "os/os.h"

#include <string.h>

#define ENDING ".fill"

static char *folder_of(const struct carry *carry)
{
	NCM_AUTO_FREE char *lock = ncm_path_absolute(carry->run->lock->path);

	return ncm_asprintf("%s" ENDING, lock);
}

static int open_notes(const struct carry *carry, bool make)
{
	NCM_AUTO_FREE char *folder = folder_of(carry);

	return ncm_dir_open(folder, make, NULL);
}

static void note(const struct carry *carry, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_CLOSE int dirfd = open_notes(carry, true);
	NCM_AUTO_CLOSE int fd =
	    dirfd < 0 ? -1 : ncm_own_create(dirfd, ncm_sha256_hex(sha256, hex), OS_WRITE, NCM_OWN_FILE);

	(void)fd; /* its name is all that it says */
}

static void forget_note(const struct carry *carry, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_CLOSE int dirfd = open_notes(carry, false);

	if (dirfd >= 0)
		(void)ncm_remove_beneath(dirfd, ncm_sha256_hex(sha256, hex));
}

static void filled(void *context, const struct ncm_sha256 *sha256, enum cache_fill_end end)
{
	const struct carry *carry = context;

	if (end != CACHE_FILL_LEFT)
		forget_note(carry, sha256);
	if (carry->refs)
		cache_refs_filled(carry->refs, sha256, end == CACHE_FILL_THERE);
}

static void read_notes(struct carry *carry)
{
	const int dirfd = open_notes(carry, false);
	struct os_list *entries = dirfd < 0 ? NULL : os_list(dirfd);
	const char *name;

	while (entries && (name = os_list_next(entries)))
		ncm_strings_add(&carry->unsent, name);
	os_list_end(entries);
	ncm_strings_unite(&carry->unsent);
}

void carry_shared_begin(struct carry *carry)
{
	const struct run *run = carry->run;

	if (!run->config->cache || (run->options.offline && !run->options.from_cache) || carry->planned->repairs)
		return;
	carry->shares = cache_open(&carry->cache, run->sources, NULL, NULL) == 0;
	carry_refs_begin(carry);
	if (!carry->shares || run->options.offline || run->options.no_fill || !run->config->cache_fill ||
	    !carry->cache.credential->bearer)
		return;
	read_notes(carry);
	carry->filler = cache_filler_new(&carry->cache, &run->sink, filled, carry);
}

/* Those that are kept here need not be asked for. They are proven by the digest, like the content. */
static void find_checkpoints(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const size_t length = content->has_size ? ncm_checkpoints_packed(content->size) : 0;
	NCM_AUTO_FREE char *key = cache_checkpoints_key(&content->sha256);
	CACHE_AUTO_OBJECT struct cache_object object = {0};

	if (length == 0 || checkpoints_find(carry->run, &content->sha256, content->size, &task->known) == 0)
		return;
	if (cache_get(&carry->cache, key, length, &object, NULL) <= 0 ||
	    ncm_checkpoints_unpack(object.data, object.size, &content->sha256, content->size, &task->known) < 0)
		task->known = (struct ncm_checkpoints){0};
}

struct ncm_resolution *carry_shared_find(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	struct ncm_resolution *found =
	    ncm_source_cached(carry->run->sources, &content->sha256, content->has_size ? &content->size : NULL);

	if (!found && carry->filler && !carry->run->sources->cache_told) {
		task->fills = true;
		note(carry, &content->sha256);
	}
	if (found && carry->shares && task->known.size == 0)
		find_checkpoints(carry, task);
	return found;
}

int carry_shared_take(const struct carry *carry, struct task *task)
{
	struct content *content = task->item->content;
	struct cache none;

	if (!carry->shares) /* it says why */
		return cache_open(&none, carry->run->sources, NULL, &task->error);
	if (content->has_sha256)
		task->own = carry_shared_find(carry, task);
	if (!task->own && content->has_sha256 && ncm_source_cache_why(carry->run->sources, &task->error))
		return ncm_error_wrap(&task->error, "%s is not here, and the cache cannot be asked for it",
				      content->name);
	if (!task->own) {
		ncm_error_set(&task->error, NCM_E_OFFLINE, "%s is not here, and %s has it not", content->name,
			      carry->cache.what);
		return ncm_error_hint(&task->error,
				      "`ncmodel cache push` on a machine that has it sends it there; `ncmodel "
				      "pull` asks its source");
	}
	content->resolution = task->own;
	content->artifact = &task->own->artifacts[0];
	return 0;
}

static const char *model_that_wants(const struct carry *carry, const struct content *content)
{
	return model_id(carry->run, &carry->run->wanted[content->wanted]);
}

/* Checkpoints prove it while it is sent, and go with it: the run's own, or those that were kept. */
static void add(const struct carry *carry, struct cache_fill fill)
{
	struct ncm_checkpoints kept = {0};

	if ((!fill.checkpoints || fill.checkpoints->size == 0) &&
	    checkpoints_find(carry->run, &fill.sha256, fill.size, &kept) == 0)
		fill.checkpoints = &kept;
	cache_filler_add(carry->filler, &fill);
	ncm_checkpoints_clear(&kept);
}

static void add_content(const struct carry *carry, const struct content *content, const char *path,
			const struct ncm_checkpoints *checkpoints)
{
	const struct contents *contents = &carry->planned->contents;

	add(carry, (struct cache_fill){.model = model_that_wants(carry, content),
				       .path = path,
				       .sha256 = content->sha256,
				       .size = content->size,
				       .checkpoints = checkpoints,
				       .slot = (unsigned)(contents->count + (size_t)(content - contents->items))});
}

/* An archive is not kept. */
static bool is_kept(const struct content *content)
{
	return content->kind == CONTENT_FILE || content->kind == CONTENT_BLOB;
}

void carry_shared_placed(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const char *path = item_ready_path(task->item);

	const bool is_new = task->unpinned && !task->finding.believed && task->received > 0;
	const bool fills = task->fills || is_new;

	if (task->flight) /* it goes there in parts */
		return;
	task->fills = false;
	if (!carry->filler || !fills || !is_kept(content) || !path || !content->has_sha256)
		return;
	if (is_new) {
		carry_refs_placed(carry, task);
		note(carry, &content->sha256);
	}
	add_content(carry, content, path, &task->checkpoints);
}

static void land(const struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const enum cache_flight_end end = cache_flight_ended(task->flight);
	const char *path = item_ready_path(task->item);

	task->flight = NULL;
	if (!task->fills || !carry->filler || task->state != TASK_PLACED)
		return;
	task->fills = false;
	/* What is there whole by this machine still wants its checkpoints; of what another is at the note stays. */
	if ((end == CACHE_FLIGHT_JOINED || end == CACHE_FLIGHT_NOWHERE) && path && is_kept(content))
		add_content(carry, content, path, &task->checkpoints);
	else if (end != CACHE_FLIGHT_OTHERS)
		forget_note(carry, &content->sha256);
}

void carry_shared_landed(struct carry *carry)
{
	for (size_t i = 0; carry->flights && i < carry->planned->contents.count; i++) {
		if (carry->tasks[i].flight)
			land(carry, &carry->tasks[i]);
	}
}

/* Of this run's contents. Returns whether it is one that lies where it should. */
static bool add_wanted(const struct carry *carry, const struct ncm_sha256 *sha256)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = 0; i < contents->count; i++) {
		const struct content *content = &contents->items[i];
		const char *path = item_ready_path(&carry->planned->items[i]);

		if (!path || !is_kept(content) || !content->has_sha256 || !content->has_size ||
		    !ncm_sha256_equal(&content->sha256, sha256))
			continue;
		add_content(carry, content, path, NULL);
		return true;
	}
	return false;
}

static bool add_registered(const struct carry *carry, const struct ncm_reg_model *model,
			   const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];

		if (!ncm_sha256_equal(&file->sha256, sha256))
			continue;
		add(carry, (struct cache_fill){.model = model->id,
					       .path = file->abs,
					       .sha256 = *sha256,
					       .size = file->size,
					       .slot = (unsigned)carry->planned->contents.count});
		return true;
	}
	return false;
}

/* What an earlier run did not come to. What is here no more is nobody's to send. */
static void add_unsent(struct carry *carry, const char *hex)
{
	const struct ncm_registry *registry = carry->run->registry;
	struct ncm_sha256 sha256;

	if (ncm_sha256_parse(hex, &sha256) < 0 || add_wanted(carry, &sha256))
		return;
	for (size_t i = 0; i < registry->count; i++) {
		if (add_registered(carry, &registry->models[i], &sha256))
			return;
	}
	forget_note(carry, &sha256);
}

void carry_shared_end(struct carry *carry)
{
	NCM_AUTO_FREE char *folder = NULL;

	for (size_t i = 0; carry->filler && i < carry->unsent.count && !ncm_interrupted(); i++)
		add_unsent(carry, carry->unsent.items[i]);
	if (carry->filler) {
		cache_filler_end(carry->filler);
		folder = folder_of(carry);
		(void)os_rmdir(OS_HERE, folder); /* if nothing is left to be sent */
	}
	cache_refs_free(carry->refs);
	ncm_strings_free(&carry->unsent);
	if (carry->shares)
		cache_close(&carry->cache);
}
