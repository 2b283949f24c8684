/* SPDX-License-Identifier: MIT */
/*
 * Mending what a verify found: of the models with damage only the damaged files are items, they are what models.json
 * recorded and nothing newer, and of a file whose damaged spans are known only these are fetched.
 */
#include "provision/run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "verify/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool is_of(const struct damage *damage, const char *id)
{
	return strcmp(damage->file->model->id, id) == 0;
}

/* The store that models.json names, if the file still lies in it; else the innermost that it lies in. */
static struct ncm_store *store_of(const struct run *run, const struct ncm_reg_file *file)
{
	struct ncm_store *found = file->store ? ncm_layout_find(run->layout, file->store) : NULL;

	if (found && ncm_path_below(file->abs, found->path))
		return found;
	found = NULL;
	for (size_t i = 0; i < run->layout->count; i++) {
		struct ncm_store *store = &run->layout->stores[i];

		if (ncm_path_below(file->abs, store->path) && (!found || strlen(store->path) > strlen(found->path)))
			found = store;
	}
	return found;
}

static void add_dest(const struct run *run, size_t wanted, struct item *item, struct damage *damage)
{
	const struct ncm_reg_file *file = damage->file->file;
	struct ncm_store *store = store_of(run, file);
	struct dest *dest;

	if (!store)
		return;
	dest = NCM_PUSH(item->dests, item->dest_count);
	dest->store = store;
	dest->relative = ncm_strdup(ncm_path_below(file->abs, store->path));
	dest->path = ncm_strdup(file->abs);
	dest->wanted = wanted;
	dest->role = file->role;
	dest->damage = damage;
}

/* A source that publishes no digests names its files at least; a Hugging Face cache calls them by git's sha1. */
static bool is_meant(const struct ncm_reg_file *file, const struct ncm_artifact *artifact)
{
	const char *name = artifact->name;
	const size_t size = strlen(file->abs), length = name ? strlen(name) : 0;
	char hex[41];

	if (artifact->has_git_sha1 && strcmp(ncm_path_base(file->abs), ncm_sha1_hex(&artifact->git_sha1, hex)) == 0)
		return true;
	return length > 0 && size > length && file->abs[size - length - 1] == '/' &&
	       strcmp(file->abs + size - length, name) == 0;
}

/*
 * What the source does not tell, models.json does: those bytes and no others are wanted. A survey may know neither
 * size nor sha256, but git's sha1, which the source tells too.
 */
static void take_digest(struct item *item, const struct ncm_reg_file *file)
{
	static const struct ncm_sha256 not_recorded;

	item->first_use = false;
	if (!ncm_sha256_equal(&file->sha256, &not_recorded)) {
		item->has_sha256 = true;
		item->sha256 = file->sha256;
	}
	if (file->size > 0) {
		item->has_size = true;
		item->size = file->size;
	}
}

bool mend_by_digest(struct run *run, size_t wanted, struct item *item)
{
	const char *id = model_id(run, &run->wanted[wanted]);

	if (run->wanted[wanted].spec->extract && !item->is_manifest)
		return false;
	for (size_t i = 0; item->has_sha256 && i < run->damage_count; i++) {
		if (is_of(&run->damages[i], id) && ncm_sha256_equal(&run->damages[i].file->file->sha256, &item->sha256))
			add_dest(run, wanted, item, &run->damages[i]);
	}
	if (item->has_sha256 && item->dest_count > 0)
		take_digest(item, item->dests[0].damage->file->file);
	return item->has_sha256;
}

static void dest_clear(struct dest *dest)
{
	free(dest->relative);
	free(dest->path);
}

/* The damaged file at a destination, or below it when an archive goes there. */
static struct damage *damage_at(const struct run *run, const char *id, const char *path, bool extract)
{
	for (size_t i = 0; i < run->damage_count; i++) {
		struct damage *damage = &run->damages[i];

		if (is_of(damage, id) && (extract ? ncm_path_below(damage->file->file->abs, path) != NULL
						  : strcmp(damage->file->file->abs, path) == 0))
			return damage;
	}
	return NULL;
}

void mend_by_place(struct run *run, size_t wanted, struct item *item)
{
	const char *id = model_id(run, &run->wanted[wanted]);
	const bool extract = run->wanted[wanted].spec->extract;
	size_t kept = 0;

	for (size_t i = 0; i < item->dest_count; i++) {
		struct dest *dest = &item->dests[i];

		dest->damage = damage_at(run, id, dest->path, extract);
		if (dest->damage)
			item->dests[kept++] = *dest;
		else
			dest_clear(dest);
	}
	item->dest_count = kept;
	for (size_t i = 0; !extract && kept == 0 && i < run->damage_count; i++) {
		if (is_of(&run->damages[i], id) && is_meant(run->damages[i].file->file, item->artifact)) {
			add_dest(run, wanted, item, &run->damages[i]);
			break;
		}
	}
	if (!extract && item->dest_count > 0)
		take_digest(item, item->dests[0].damage->file->file);
}

static bool is_covered(const struct run *run, const struct damage *damage)
{
	for (size_t i = 0; i < run->item_count; i++) {
		for (size_t k = 0; k < run->items[i].dest_count; k++) {
			const struct dest *dest = &run->items[i].dests[k];

			if (dest->damage && is_of(damage, model_id(run, &run->wanted[dest->wanted])) &&
			    (dest->damage == damage || ncm_path_below(damage->file->file->abs, dest->path)))
				return true;
		}
	}
	return false;
}

static void tell_lost(const struct run *run, size_t index, const struct damage *damage, struct ncm_error *err)
{
	const char *path = damage->file->file->abs;
	bool known = false;

	for (size_t i = 0; i < run->wanted_count; i++) {
		struct wanted *wanted = &run->wanted[i];

		if (wanted->model != index)
			continue;
		known = true;
		if (wanted->error.code != NCM_OK) {
			ncm_error_move(err, &wanted->error);
			return;
		}
	}
	if (!known) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: nothing tells where %s came from",
			      run->models[index].model->id, path);
		ncm_error_hint(err, "no manifest has this model, and models.json and the lock name no source of it; "
				    "pull it anew from its source");
		return;
	}
	ncm_error_set(err, NCM_E_NOT_FOUND, "%s: its source does not have the bytes of %s (any more)",
		      run->models[index].model->id, path);
	ncm_error_hint(err, "to take what is served now: ncmodel pull --update %s", run->models[index].model->id);
}

void mend_refuse_lost(struct run *run)
{
	for (size_t i = 0; i < run->model_count; i++) {
		struct chosen_model *model = &run->models[i];

		for (size_t k = 0; k < run->damage_count && model->error.code == NCM_OK; k++) {
			if (is_of(&run->damages[k], model->model->id) && !is_covered(run, &run->damages[k]))
				tell_lost(run, i, &run->damages[k], &model->error);
		}
	}
}

bool mend_is_as_verified(struct damage *damage, const struct stat *status)
{
	const struct stat *seen = &damage->seen;

	if (damage->file->verdict != NCM_VERDICT_DAMAGED)
		return false;
	if (!damage->looked) {
		damage->looked = true;
		damage->seen = *status;
	}
	return seen->st_dev == status->st_dev && seen->st_ino == status->st_ino && seen->st_size == status->st_size &&
	       ncm_mtime_ns(seen) == ncm_mtime_ns(status);
}

enum mend_word mend_word_on(const struct run *run, const char *path, const struct stat *status)
{
	enum mend_word word = MEND_UNKNOWN;

	for (size_t i = 0; i < run->damage_count; i++) {
		const struct damage *damage = &run->damages[i];

		if (strcmp(damage->file->file->abs, path) == 0 ||
		    (damage->looked && damage->seen.st_dev == status->st_dev && damage->seen.st_ino == status->st_ino))
			return MEND_DAMAGED;
	}
	for (size_t i = 0; run->verified && i < run->verified->count && word == MEND_UNKNOWN; i++) {
		const struct ncm_verify_file *file = &run->verified->files[i];

		if (file->verdict == NCM_VERDICT_OK && strcmp(file->file->abs, path) == 0)
			word = MEND_RIGHT;
	}
	return word;
}

void mend_forget_ranges(struct item *item)
{
	free(item->ranges);
	item->ranges = NULL;
	item->range_count = 0;
}

static void pick(struct item *item, size_t index)
{
	const struct dest chosen = item->dests[index];
	const struct ncm_verify_file *file = chosen.damage->file;
	char hex[NCM_SHA256_HEX + 1];

	item->dests[index] = item->dests[0];
	item->dests[0] = chosen; /* its store's staging folder gets the partial */
	for (size_t i = 0; i < file->damaged_count; i++)
		*NCM_PUSH(item->ranges, item->range_count) =
		    (struct ncm_range){file->damaged[i].start, file->damaged[i].end};
	if (!item->range_partial)
		item->range_partial = ncm_asprintf("%s.repair.part", ncm_sha256_hex(&item->sha256, hex));
}

void mend_pick_ranges(struct item *item)
{
	mend_forget_ranges(item);
	if (item->whole || !item->has_sha256 || !item->has_size || !item_needs_network(item))
		return;
	for (size_t i = 0; i < item->dest_count; i++) {
		struct dest *dest = &item->dests[i];

		if (dest->damage && dest->damage->file->damaged_count > 0 &&
		    (uint64_t)dest->status.st_size == item->size && mend_is_as_verified(dest->damage, &dest->status)) {
			pick(item, i);
			return;
		}
	}
}

uint64_t item_fetch_size(const struct item *item)
{
	uint64_t size = 0;

	for (size_t i = 0; i < item->range_count; i++)
		size += item->ranges[i].end - item->ranges[i].start;
	return item->range_count > 0 ? size : item->size;
}

const char *item_partial(const struct item *item)
{
	return item->range_count > 0 ? item->range_partial : item->partial;
}

/* Bytes that an earlier run left may be of other ranges: they are fetched once more before the file is given up. */
static int fall_back(struct run *run, struct item *item, struct ncm_error *why)
{
	const bool left_over = why->code == NCM_E_CHECKSUM && item->range_received == 0 && !item->ranges_tried;

	ncm_transfer_discard(item->dests[0].store->staging, item->range_partial);
	item->ranges_tried = true;
	item->range_received = 0;
	item->again = true;
	item->present = 0;
	if (!left_over) {
		item->whole = true;
		mend_forget_ranges(item);
		ncm_emit_text(&run->sink, NCM_EVENT_NOTE, "%s; fetching the whole file", why->message);
	}
	ncm_error_clear(why);
	return 1;
}

int mend_in_place(struct run *run, struct item *item)
{
	struct dest *dest = &item->dests[0];
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(dest->store->staging, item->range_partial, O_RDONLY, 0);
	NCM_AUTO_CLOSE int home = ncm_store_home(dest->store, dest->store->dirfd);
	const struct ncm_repair repair = {
	    .store_dirfd = dest->store->dirfd,
	    .home = home,
	    .relative = dest->relative,
	    .sha256 = &item->sha256,
	    .size = item->size,
	    .ranges = dest->damage->file->damaged,
	    .count = dest->damage->file->damaged_count,
	    .partial_fd = fd,
	};
	struct ncm_error why = NCM_ERROR_INIT;

	if (fd < 0)
		return ncm_error_errno(&item->error, errno, "cannot open what was fetched of %s", item->name);
	if (ncm_repair_in_place(&repair, &dest->status, &why) == 0) {
		dest->right = true;
		ncm_transfer_discard(dest->store->staging, item->range_partial);
		return 0;
	}
	if (why.code == NCM_E_CHECKSUM || why.code == NCM_E_DAMAGED || why.code == NCM_E_IO)
		return fall_back(run, item, &why);
	return ncm_error_move(&item->error, &why);
}
