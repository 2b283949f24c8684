/* SPDX-License-Identifier: MIT */
/*
 * A model whose content is complete gets its final names, its lock entries and its place in models.json, in this order.
 */
#include "carry/carry.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "registry/deed.h"
#include "registry/model.h"
#include "registry/write.h"
#include "store/intent.h"

#include <errno.h>
#include <string.h>

static struct ncm_reg_file *add_file(struct ncm_reg_model *out, const struct carry *carry, const struct place *place,
				     const char *path)
{
	const struct wanted *wanted = &carry->run->wanted[place->wanted];
	struct ncm_reg_file *file = NCM_PUSH(out->files, out->file_count);

	file->abs = ncm_strdup(path);
	file->store = ncm_strdup(place->store->id);
	file->role = ncm_strdup(place->role);
	file->source = ncm_strdup_null(wanted->resolution->uri);
	file->revision = ncm_strdup_null(wanted->resolution->revision);
	return file;
}

static int add_unpacked(const struct carry *carry, const struct task *task, const struct place *place,
			struct ncm_reg_model *out, struct ncm_error *err)
{
	for (size_t i = 0; i < task->unpacked_count; i++) {
		const struct ncm_unpacked *unpacked = &task->unpacked[i];
		NCM_AUTO_FREE char *path = ncm_path_join(place->path, unpacked->path);
		struct ncm_reg_file *file;
		struct os_stat status;

		if (os_lstat(OS_HERE, path, &status) < 0)
			return ncm_error_errno(err, errno, "cannot see %s", path);
		file = add_file(out, carry, place, path);
		file->size = unpacked->size;
		file->sha256 = unpacked->sha256;
		file->mtime_ns = status.mtime_ns;
		file->archive = task->item->content->sha256;
		file->origin = NCM_ORIGIN_FETCHED;
	}
	return 0;
}

/* An archive that is there already: its files as models.json has them. */
static void add_known(const struct ncm_reg_model *known, const struct place *place, struct ncm_reg_model *out)
{
	for (size_t i = 0; known && i < known->file_count; i++) {
		if (ncm_path_below(known->files[i].abs, place->path))
			registry_file_copy(NCM_PUSH(out->files, out->file_count), &known->files[i]);
	}
}

/* How it came is remembered from when it came; what lay there and was never ours is adopted. */
static enum ncm_origin origin_of(const struct task *task, size_t number, const struct ncm_reg_file *known)
{
	if (task->origins[number] != NCM_ORIGIN_UNKNOWN)
		return task->origins[number];
	if (task->item->steps[number].noted)
		return NCM_ORIGIN_FETCHED;
	return known && known->origin != NCM_ORIGIN_UNKNOWN ? known->origin : NCM_ORIGIN_ADOPTED;
}

static void add_placed(const struct carry *carry, const struct task *task, size_t number,
		       const struct ncm_reg_model *known, struct ncm_reg_model *out)
{
	const struct content *content = task->item->content;
	const struct place *place = &content->places[number];
	const struct step *step = &task->item->steps[number];
	const struct ncm_reg_file *old = known ? registry_file_at(known, place->path) : NULL;
	struct ncm_reg_file *file = add_file(out, carry, place, place->path);

	file->size = step->status.size;
	file->sha256 = content->sha256;
	file->mtime_ns = step->status.mtime_ns;
	file->origin = origin_of(task, number, old);
	file->target = place->blob            ? os_real_path(place->path)
		       : step->is_link && old ? ncm_strdup_null(old->target)
					      : NULL;
}

static int add_files(const struct carry *carry, size_t model, struct ncm_reg_model *out, struct ncm_error *err)
{
	const struct contents *contents = &carry->planned->contents;
	const struct ncm_reg_model *known = carry->run->models[model].known;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct task *task = &carry->tasks[contents->of_models[i]];
		const struct content *content = task->item->content;

		for (size_t k = 0; k < content->place_count; k++) {
			const struct place *place = &content->places[k];

			if (carry->run->wanted[place->wanted].model != model)
				continue;
			if (content->kind != CONTENT_ARCHIVE)
				add_placed(carry, task, k, known, out);
			else if (task->unpacked_count == 0)
				add_known(known, place, out);
			else if (add_unpacked(carry, task, place, out, err) < 0)
				return -1;
		}
	}
	return 0;
}

static const char *weaker(const char *a, const char *b)
{
	static const char *const order[] = {"first-use", "upstream", "manifest"};

	for (size_t i = 0; i < 3; i++) {
		if ((a && strcmp(a, order[i]) == 0) || (b && strcmp(b, order[i]) == 0))
			return order[i];
	}
	return "manifest";
}

static const char *first_of(const char *a, const char *b)
{
	return a && *a ? a : b;
}

/* Borrowed strings: the entry lives only as long as the call that writes it. */
static void fill_entry(const struct carry *carry, size_t index, struct ncm_reg_model *out)
{
	const struct run *run = carry->run;
	const struct chosen_model *chosen = &run->models[index];
	const struct ncm_resolution *first = NULL;
	const char *trust = NULL;

	for (size_t i = 0; i < chosen->file_count; i++) {
		const struct wanted *wanted = &run->wanted[chosen->first_wanted + i];

		if (!wanted->resolution)
			continue;
		first = first ? first : wanted->resolution;
		trust = weaker(trust, wanted->trust);
	}
	registry_describe(chosen->model, chosen->model->chosen, out);
	out->id = chosen->id;
	out->store = out->file_count > 0 ? out->files[0].store : NULL;
	out->source = first ? first->uri : NULL;
	out->revision = first ? first->revision : NULL;
	carry_describe(carry, index, out);
	out->license = (char *)first_of(out->license, first ? first->license : NULL);
	out->architecture = (char *)first_of(out->architecture, first ? first->architecture : NULL);
	out->quantization = (char *)first_of(out->quantization, first ? first->quantization : NULL);
	out->parameters = (char *)first_of(out->parameters, first ? first->parameters : NULL);
	out->license = (char *)first_of(out->license, carry->outcomes[index].facts.license);
	out->trust = (char *)trust;
	if (first && first->card.page)
		out->card = first->card;
	else if (chosen->known)
		out->card = chosen->known->card;
	/* Its page has a name for what was spelled out by numbers. */
	if (!chosen->model->profile && out->card.model_name)
		out->display_name = out->card.model_name;
}

void outcome_clear(struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->file_count; i++)
		registry_file_clear(&outcome->files[i]);
	free(outcome->files);
	outcome->files = NULL;
	outcome->file_count = 0;
}

/* Keeps what was to be recorded of a model: the last look is at that. */
static void keep_files(struct outcome *outcome, const struct ncm_reg_model *entry)
{
	outcome_clear(outcome);
	outcome->files = entry->files;
	outcome->file_count = entry->file_count;
}

/* Returns 0, -1, or 1 when a content has to be fetched once more. */
static int place_contents(struct carry *carry, size_t model, bool manifests)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		struct task *task = &carry->tasks[contents->of_models[i]];

		if ((task->item->content->kind == CONTENT_MANIFEST) != manifests)
			continue;
		if (!item_is_right(task->item))
			carry->outcomes[model].changed = true;
		task_place(carry, task);
		if (task->state == TASK_OPEN)
			return 1;
		if (task->state == TASK_FAILED) {
			model_fail(&carry->run->models[model], &task->error);
			return -1;
		}
	}
	return 0;
}

static bool has_profile(const struct ncm_reg_model *known, const char *profile)
{
	return !profile || ncm_strings_contain(&known->profiles, profile);
}

/* A commit that was left behind, and that somebody (`hf cache prune`) has removed since, is no part of the model any
 * more. */
static bool is_pruned(const struct carry *carry, size_t model, const struct ncm_reg_file *file)
{
	const struct ncm_store *store = file->store ? ncm_layout_find(carry->run->layout, file->store) : NULL;
	const struct wanted *wanted = &carry->run->wanted[carry->run->models[model].first_wanted];
	const char *revision = wanted->resolution ? wanted->resolution->revision : NULL;
	struct os_stat status;

	return store && store->kind->keeps_repositories && file->revision && revision &&
	       strcmp(file->revision, revision) != 0 && os_lstat(OS_HERE, file->abs, &status) < 0 && errno == ENOENT;
}

bool carry_needs_record(const struct carry *carry, size_t model)
{
	const struct contents *contents = &carry->planned->contents;
	const struct chosen_model *chosen = &carry->run->models[model];

	if (!chosen->known || chosen->alias || carry->outcomes[model].changed || carry->run->options.sidecars ||
	    !has_profile(chosen->known, chosen->model->profile))
		return true;
	for (size_t i = 0; i < chosen->known->file_count; i++) {
		if (is_pruned(carry, model, &chosen->known->files[i]))
			return true;
	}
	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct plan_item *item = &carry->planned->items[contents->of_models[i]];

		for (size_t k = 0; k < item->content->place_count; k++) {
			if (carry->run->wanted[item->content->places[k].wanted].model == model &&
			    item->steps[k].state != PLACE_RIGHT)
				return true;
		}
	}
	return false;
}

/* Gives a model's content its final names. Whether it is to be recorded then. */
static bool place_model(struct carry *carry, size_t index)
{
	struct outcome *outcome = &carry->outcomes[index];
	const bool record = !carry->planned->repairs && carry_needs_record(carry, index);
	int failed = place_contents(carry, index, false);

	if (!failed)
		failed = place_contents(carry, index, true);
	if (failed > 0)
		return false;
	/* Mending changes no record: the verify that follows writes down what it sees. */
	outcome->changed = outcome->changed || record;
	if (!failed && outcome->changed)
		failed = carry_name_model(carry, index);
	if (!failed && outcome->changed && !carry->planned->repairs)
		return true;
	outcome->registered = !failed;
	if (!failed && carry->planned->repairs)
		carry_tell_repaired(carry, index);
	return false;
}

static bool is_unsaved(const struct run *run, const char *uri)
{
	const struct ncm_lock_entry *entry = ncm_lock_find(run->lock, uri);

	return entry && entry->unsaved;
}

/* Pins what a model wants in the lock in memory. Returns how many; uris[] receives them. */
static size_t pin_model(struct carry *carry, size_t index, const char **uris)
{
	struct run *run = carry->run;
	const struct chosen_model *model = &run->models[index];
	size_t pinned = 0;

	for (size_t i = 0; i < model->file_count; i++) {
		const struct wanted *wanted = &run->wanted[model->first_wanted + i];
		const bool is_pinned = wanted_is_pinned(run, wanted, &carry->planned->contents);

		if (!is_pinned)
			wanted_pin(run, wanted, &carry->planned->contents);
		if (carry_note_places(carry, wanted) || !is_pinned || is_unsaved(run, wanted->spec->from.items[0]))
			uris[pinned++] = wanted->spec->from.items[0];
	}
	return pinned;
}

static int save_lock(struct carry *carry, const size_t *models, size_t count, struct ncm_error *err)
{
	const struct run *run = carry->run;
	NCM_AUTO_FREE const char **uris = NULL;
	size_t room = 0, pinned = 0;

	for (size_t i = 0; i < count; i++)
		room += run->models[models[i]].file_count;
	uris = ncm_calloc(room, sizeof *uris);
	for (size_t i = 0; i < count && !run->options.locked; i++)
		pinned += pin_model(carry, models[i], uris + pinned);
	return pinned > 0 ? ncm_lock_save(run->lock, uris, pinned, err) : 0;
}

static bool is_registered(const struct run *run, const char *path)
{
	size_t count = 0;

	return path && registry_at(run->lookup, path, &count) && count > 0;
}

/* The folders of a model that were unpacked in this run, and bytes that have a name now: adopt knows these by
 * themselves. */
static void note_renewed(const struct carry *carry, size_t model, struct ncm_strings *folders)
{
	const struct contents *contents = &carry->planned->contents;
	const struct ncm_reg_model *known = carry->run->models[model].known;

	for (size_t i = 0; known && i < known->file_count; i++) {
		if (is_pruned(carry, model, &known->files[i]))
			ncm_strings_add(folders, known->files[i].abs);
	}
	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct task *task = &carry->tasks[contents->of_models[i]];
		const struct content *content = task->item->content;

		for (size_t k = 0; k < content->place_count; k++) {
			const struct place *place = &content->places[k];

			if (carry->run->wanted[place->wanted].model != model)
				continue;
			if (content->kind == CONTENT_ARCHIVE && task->origins[k])
				ncm_strings_add(folders, place->path);
			if (is_registered(carry->run, place->bytes_path))
				ncm_strings_add(folders, place->bytes_path);
		}
	}
}

static int save_registry(const struct carry *carry, const size_t *models, size_t count, struct ncm_error *err)
{
	NCM_AUTO_FREE struct ncm_reg_model *entries = ncm_calloc(count, sizeof *entries);
	NCM_AUTO_FREE struct registry_addition *additions = ncm_calloc(count, sizeof *additions);
	int failed = 0;

	for (size_t i = 0; i < count && !failed; i++) {
		additions[i].model = &entries[i];
		additions[i].alias = carry->run->models[models[i]].alias;
		note_renewed(carry, models[i], &additions[i].renewed);
		failed = add_files(carry, models[i], &entries[i], err);
		carry_read_header(carry, models[i], &entries[i]);
		fill_entry(carry, models[i], &entries[i]);
		carry_write_sidecars(carry, models[i], &entries[i]);
	}
	if (!failed)
		failed = ncm_registry_add_all(carry->run->registry_path, additions, count, err);
	for (size_t i = 0; i < count; i++) {
		ncm_strings_free(&additions[i].renewed);
		keep_files(&carry->outcomes[models[i]], &entries[i]);
	}
	return failed;
}

static void tell_registered(const struct carry *carry, size_t model)
{
	const struct chosen_model *chosen = &carry->run->models[model];
	const struct outcome *outcome = &carry->outcomes[model];
	struct ncm_reg_model entry = {.files = outcome->files, .file_count = outcome->file_count};

	fill_entry(carry, model, &entry);
	ncm_emit(&carry->run->sink, &(struct ncm_event){.type = NCM_EVENT_REGISTERED, .model = chosen->model->id});
	registry_tell_deed(&carry->run->sink, "registered", &entry);
}

static void forget_intents(const struct carry *carry, size_t model)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct plan_item *item = &carry->planned->items[contents->of_models[i]];

		for (size_t k = 0; k < item->content->place_count; k++) {
			const struct place *place = &item->content->places[k];

			if (carry->run->wanted[place->wanted].model != model || !item->steps[k].noted)
				continue;
			store_intent_forget(place->store, place->relative);
			item->steps[k].noted = false;
		}
	}
}

/* Writes down models whose files are in place: one replacement of each file, however many there are. */
static void record(struct carry *carry, const size_t *models, size_t count)
{
	struct ncm_error err = NCM_ERROR_INIT;
	bool failed = save_lock(carry, models, count, &err) < 0 || save_registry(carry, models, count, &err) < 0;

	/* What one of them cannot have is not to cost the others theirs. */
	for (size_t i = 0; i < count && failed && count > 1; i++)
		record(carry, &models[i], 1);
	for (size_t i = 0; i < count && !(failed && count > 1); i++) {
		struct chosen_model *model = &carry->run->models[models[i]];

		carry->outcomes[models[i]].registered = !failed;
		if (failed) {
			model_fail(model, &err);
			continue;
		}
		forget_intents(carry, models[i]);
		tell_registered(carry, models[i]);
		carry_tell_differences(carry, models[i]);
	}
	ncm_error_clear(&err);
}

void carry_finish(struct carry *carry, const size_t *models, size_t count)
{
	NCM_AUTO_FREE size_t *placed = ncm_calloc(count + 1, sizeof *placed);
	size_t placed_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (place_model(carry, models[i]))
			placed[placed_count++] = models[i];
	}
	if (placed_count > 0)
		record(carry, placed, placed_count);
}
