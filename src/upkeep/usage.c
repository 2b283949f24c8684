/* SPDX-License-Identifier: MIT */
/* Where the space went. */
#include "upkeep/content.h"
#include "upkeep/tally.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/staging.h"

#include <errno.h>
#include <string.h>

struct disk {
	uint64_t device;
	struct tally tally;
};

struct usage {
	struct upkeep *upkeep;
	struct ncm_usage *out;
	struct tally all;
	struct disk *disks; /* one for each of out->disks */
};

/* What lies in one store, or outside all of them. */
struct looking {
	struct usage *usage;
	size_t store;
	const char *folder;
	struct tally tally;
};

static void add_found(void *context, const struct ncm_walk_entry *entry)
{
	struct looking *looking = context;

	if (entry->status->kind == OS_IS_FILE)
		tally_add(&looking->tally, entry->status);
}

static bool is_partial(const char *name)
{
	const enum staging_kind kind = staging_kind_of(name);

	return kind == STAGING_PARTIAL || kind == STAGING_REPAIR;
}

static void add_own(void *context, const struct ncm_walk_entry *entry)
{
	struct looking *looking = context;

	add_found(context, entry);
	if (entry->status->kind != OS_IS_FILE)
		return;
	if (ncm_path_below(entry->path, OWN_REPLACED))
		looking->usage->out->replaced += tally_blocks(entry->status);
	else if (ncm_path_below(entry->path, OWN_STAGING) && is_partial(entry->name))
		looking->usage->out->partial += tally_blocks(entry->status);
}

/* Whether upkeep_walk_models comes by there. */
static bool is_walked(const struct upkeep *upkeep, const struct looking *looking, const char *path)
{
	const struct ncm_store *in = looking->store == NOWHERE ? NULL : &upkeep->layout->stores[looking->store];
	const char *relative = in ? ncm_path_below(path, in->path) : NULL;
	bool walked = in && in->folder_count == 0;

	for (size_t i = 0; in && i < in->folder_count; i++)
		walked = walked || ncm_path_below(relative, in->folders[i].path);
	return walked;
}

/* How many registered models have files there. These count even if they lie beside the layout's folders. */
static size_t add_registered(struct looking *looking)
{
	const struct upkeep *upkeep = looking->usage->upkeep;
	size_t models = 0;

	for (size_t i = 0; i < upkeep->registry->count; i++) {
		const struct ncm_reg_model *model = &upkeep->registry->models[i];
		bool here = false;

		for (size_t k = 0; k < model->file_count; k++) {
			const struct ncm_reg_file *file = &model->files[k];
			struct os_stat status;

			if (upkeep_store_of(upkeep, file->abs, file->store) != looking->store)
				continue;
			here = true;
			if (is_walked(upkeep, looking, file->abs))
				continue;
			if (os_stat(OS_HERE, file->abs, &status) == 0)
				tally_add(&looking->tally, &status);
			else if (errno != ENOENT && errno != ENOTDIR)
				upkeep_cannot_read(looking->usage->upkeep, file->abs, errno);
		}
		models += here;
	}
	return models;
}

static struct ncm_usage_line *add_line(struct ncm_usage_table *table, const char *name, struct tally *tally)
{
	struct ncm_usage_line *line = NCM_PUSH(table->lines, table->count);

	line->name = ncm_strdup(name);
	line->bytes = tally->bytes;
	line->on_disk = tally_on_disk(tally, NULL);
	return line;
}

static void add_to_disk(struct usage *usage, const struct ncm_store *store, const struct tally *tally)
{
	struct ncm_usage *out = usage->out;
	struct ncm_space space;
	size_t at = 0;

	if (ncm_space_of(store->path, &space, NULL) < 0) {
		upkeep_cannot_read(usage->upkeep, store->path, errno);
		return;
	}
	while (at < out->disk_count && usage->disks[at].device != space.device)
		at++;
	if (at == out->disk_count) {
		/* Two arrays of one length: both grow before either counts. */
		ncm_grow((void **)&usage->disks, at, sizeof *usage->disks);
		usage->disks[at] = (struct disk){.device = space.device};
		*NCM_PUSH(out->disks, out->disk_count) =
		    (struct ncm_usage_disk){ncm_strdup(store->path), space.known, space.total, space.free, 0};
	}
	tally_add_all(&usage->disks[at].tally, tally);
}

static void look_at_store(struct usage *usage, size_t store)
{
	const struct ncm_store *in = &usage->upkeep->layout->stores[store];
	struct looking looking = {.usage = usage, .store = store};
	const size_t models = add_registered(&looking);
	struct ncm_usage_line *line;
	bool unread;

	unread = upkeep_walk_models(usage->upkeep, store, &looking.folder, add_found, &looking) < 0;
	unread = upkeep_walk(usage->upkeep, store, ncm_store_own(in), false, add_own, &looking) < 0 || unread;
	line = add_line(&usage->out->by_store, in->id, &looking.tally);
	line->unread = unread;
	line->path = ncm_strdup(in->path);
	line->models = models;
	add_to_disk(usage, in, &looking.tally);
	tally_add_all(&usage->all, &looking.tally);
	tally_clear(&looking.tally);
}

/* The plan has said why it cannot be opened. */
static void miss_store(struct usage *usage, size_t store)
{
	const struct ncm_store *in = &usage->upkeep->layout->stores[store];
	struct tally nothing = {0};
	struct ncm_usage_line *line = add_line(&usage->out->by_store, in->id, &nothing);

	line->path = ncm_strdup(in->path);
	line->unread = true;
}

static void look_elsewhere(struct usage *usage)
{
	struct looking looking = {.usage = usage, .store = NOWHERE};
	const size_t models = add_registered(&looking);

	if (models > 0)
		add_line(&usage->out->by_store, "elsewhere", &looking.tally)->models = models;
	tally_add_all(&usage->all, &looking.tally);
	tally_clear(&looking.tally);
}

/* One line under way. */
struct group {
	char *name;
	size_t models;
	struct tally tally;
};

struct groups {
	struct group *items;
	size_t count;
};

static void add_to_group(struct groups *groups, const char *name, const struct tally *model)
{
	size_t at = 0;

	while (at < groups->count && strcmp(groups->items[at].name, name) != 0)
		at++;
	if (at == groups->count)
		NCM_PUSH(groups->items, groups->count)->name = ncm_strdup(name);
	groups->items[at].models++;
	tally_add_all(&groups->items[at].tally, model);
}

static int by_size(const void *a, const void *b)
{
	const struct ncm_usage_line *left = a, *right = b;

	if (left->on_disk != right->on_disk)
		return left->on_disk > right->on_disk ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void sort_lines(struct ncm_usage_table *table)
{
	if (table->count > 1)
		qsort(table->lines, table->count, sizeof *table->lines, by_size);
}

static void take_groups(struct ncm_usage_table *table, struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		add_line(table, groups->items[i].name, &groups->items[i].tally)->models = groups->items[i].models;
		tally_clear(&groups->items[i].tally);
		free(groups->items[i].name);
	}
	free(groups->items);
	sort_lines(table);
}

static void add_model(const struct upkeep *upkeep, const struct ncm_reg_model *model, struct groups *phases,
		      struct groups *use_cases)
{
	NCM_AUTO_FREE char *phase = model->phase == 0 ? ncm_strdup("No phase")
				    : model->priority ? ncm_asprintf("Phase %u (%s)", model->phase, model->priority)
						      : ncm_asprintf("Phase %u", model->phase);
	struct ncm_strings purposes = {0};
	struct tally tally = {0};
	struct os_stat status;

	for (size_t i = 0; i < model->file_count; i++) {
		if (os_stat(OS_HERE, model->files[i].abs, &status) == 0 && status.kind == OS_IS_FILE)
			tally_add(&tally, &status);
	}
	upkeep_tally_tags(upkeep, model, &tally);
	add_to_group(phases, phase, &tally);
	ncm_purposes(&model->use_cases, &model->tags, model->kind, &purposes);
	for (size_t i = 0; i < purposes.count; i++)
		add_to_group(use_cases, purposes.items[i], &tally);
	ncm_strings_free(&purposes);
	tally_clear(&tally);
}

static void group_models(struct usage *usage)
{
	struct groups phases = {0}, use_cases = {0};

	for (size_t i = 0; i < usage->upkeep->registry->count; i++)
		add_model(usage->upkeep, &usage->upkeep->registry->models[i], &phases, &use_cases);
	take_groups(&usage->out->by_phase, &phases);
	take_groups(&usage->out->by_use_case, &use_cases);
}

/* The blob that a registered file is, if nothing names it, and it is known that nothing does. */
static bool is_unnamed(const struct upkeep *upkeep, const struct ncm_reg_file *file, struct os_stat *status)
{
	const size_t store = upkeep_store_of(upkeep, file->abs, file->store);
	const struct ncm_store *in = store == NOWHERE ? NULL : &upkeep->layout->stores[store];
	const char *key = in ? upkeep_blob_key(in, ncm_path_below(file->abs, in->path)) : NULL;

	return key && upkeep->facts[store].named && upkeep->facts[store].complete &&
	       !upkeep_named_by(upkeep, store, key) && os_lstat(OS_HERE, file->abs, status) == 0 &&
	       status->kind == OS_IS_FILE;
}

/* A tag that moved left them; only rm takes them from their model. */
static void add_unnamed(struct usage *usage)
{
	const struct ncm_registry *registry = usage->upkeep->registry;
	struct ncm_usage *out = usage->out;
	struct tally tally = {0};
	size_t last = 0; /* number from 1 of the model that was named last */
	struct os_stat status;

	for (size_t i = 0; i < registry->count; i++) {
		for (size_t k = 0; k < registry->models[i].file_count; k++) {
			if (!is_unnamed(usage->upkeep, &registry->models[i].files[k], &status))
				continue;
			tally_add(&tally, &status);
			if (last != i + 1)
				ncm_strings_add(&out->unnamed_models, registry->models[i].id);
			last = i + 1;
		}
	}
	out->unnamed_registered = tally_on_disk(&tally, NULL);
	out->unnamed += out->unnamed_registered;
	tally_clear(&tally);
}

/* What gc says of the same moment; the plan's facts serve for the rest. */
static void add_freeable(struct usage *usage)
{
	const struct ncm_removal *removal = usage->upkeep->removal;
	struct ncm_usage_table *table = &usage->out->by_store;

	usage->out->freeable = removal->freed;
	usage->out->waiting = removal->waiting;
	usage->out->unnamed = removal->waiting.blobs;
	for (size_t i = 0; i < removal->count; i++) {
		if (removal->files[i].kind == NCM_REMOVAL_BLOB)
			usage->out->unnamed += removal->files[i].freed;
		for (size_t k = 0; removal->files[i].store && k < table->count; k++) {
			if (strcmp(table->lines[k].name, removal->files[i].store) == 0)
				table->lines[k].freeable += removal->files[i].freed;
		}
	}
}

static void finish(struct usage *usage)
{
	struct ncm_usage *out = usage->out;

	out->models = usage->upkeep->registry->count;
	ncm_strings_add_all(&out->failures, &usage->upkeep->removal->failures);
	out->bytes = usage->all.bytes;
	out->on_disk = tally_on_disk(&usage->all, &out->saved_by_links);
	for (size_t i = 0; i < out->disk_count; i++) {
		out->disks[i].stores = tally_on_disk(&usage->disks[i].tally, NULL);
		tally_clear(&usage->disks[i].tally);
	}
	free(usage->disks);
	tally_clear(&usage->all);
	sort_lines(&out->by_store);
}

struct ncm_usage *ncm_usage_make(const struct ncm_config *config, const struct ncm_gc_options *options,
				 struct ncm_error *err)
{
	const struct request request = {.config = config, .collect = true, .gc = *options};
	struct usage usage = {.upkeep = upkeep_plan(&request, err)};

	if (!usage.upkeep)
		return NULL;
	usage.out = ncm_calloc(1, sizeof *usage.out);
	for (size_t i = 0; i < usage.upkeep->layout->count; i++) {
		if (usage.upkeep->facts[i].twin)
			continue;
		if (usage.upkeep->facts[i].dirfd >= 0)
			look_at_store(&usage, i);
		else if (usage.upkeep->facts[i].failure != ENOENT)
			miss_store(&usage, i);
	}
	look_elsewhere(&usage);
	group_models(&usage);
	add_freeable(&usage);
	add_unnamed(&usage);
	finish(&usage);
	upkeep_free(usage.upkeep);
	return usage.out;
}

static void free_table(struct ncm_usage_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->lines[i].name);
		free(table->lines[i].path);
	}
	free(table->lines);
}

void ncm_usage_free(struct ncm_usage *usage)
{
	if (!usage)
		return;
	free_table(&usage->by_store);
	free_table(&usage->by_phase);
	free_table(&usage->by_use_case);
	for (size_t i = 0; i < usage->disk_count; i++)
		free(usage->disks[i].path);
	free(usage->disks);
	ncm_strings_free(&usage->failures);
	ncm_strings_free(&usage->unnamed_models);
	free(usage);
}
