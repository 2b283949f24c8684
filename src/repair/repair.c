/* SPDX-License-Identifier: MIT */
/*
 * Mending what a verify found: of the models with damage only the damaged files are wanted, they are what models.json
 * recorded and nothing newer, and of a file whose damaged spans are known only these are fetched. What comes of it is a
 * plan like a pull's, carried out by the same steps.
 */
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "plan/plan.h"
#include "registry/authority.h"

#include <string.h>

/* One file that a verify found to be not right. */
struct damage {
	const struct ncm_verify_file *file;
	bool covered; /* some content is to mend it */
	bool doubted; /* who told models.json of it could not replace it himself */
};

/* The damage of one model: a report tells a model's files together. */
struct patient {
	const struct ncm_reg_model *entry;
	struct damage *damages;
	size_t count;
};

struct repair {
	struct damage *damages;
	size_t damage_count;
	struct patient *patients; /* in the order of the run's models */
	size_t count;
};

/* What a survey found, models.json need not know. */
static bool is_doubted(const struct run *run, const struct authority *said, const char *path)
{
	size_t count;

	(void)registry_at(run->lookup, path, &count);
	return count > 0 && !authority_is_believed_of(said, path);
}

static void take_damage(struct repair *repair, const struct run *run, const struct ncm_verify_report *report)
{
	const struct authority said = authority_of_registry(run->registry->path);

	for (size_t i = 0; i < report->count; i++) {
		const struct ncm_verify_file *file = &report->files[i];

		if (file->verdict != NCM_VERDICT_OK)
			*NCM_PUSH(repair->damages, repair->damage_count) =
			    (struct damage){.file = file, .doubted = is_doubted(run, &said, file->file->abs)};
	}
	for (size_t i = 0; i < repair->damage_count; i++) {
		const struct ncm_reg_model *entry = repair->damages[i].file->model;
		struct patient *last = repair->count > 0 ? &repair->patients[repair->count - 1] : NULL;

		if (!last || last->entry != entry) {
			last = NCM_PUSH(repair->patients, repair->count);
			last->entry = entry;
			last->damages = &repair->damages[i];
		}
		last->count++;
	}
}

/* What a verify read need not be read again. What it found damaged is so until it changes. */
static void remember(struct look *look, const struct ncm_verify_report *report)
{
	struct os_stat status;

	look->strict = true;
	for (size_t i = 0; i < report->count; i++) {
		const struct ncm_verify_file *file = &report->files[i];

		if (os_lstat(OS_HERE, file->file->abs, &status) < 0 || status.kind != OS_IS_FILE)
			continue;
		if (file->verdict == NCM_VERDICT_DAMAGED)
			look_remember(look, &status, &file->sha256_found);
		else if (file->verdict == NCM_VERDICT_OK && !ncm_sha256_is_zero(&file->file->sha256))
			look_remember(look, &status, &file->file->sha256);
	}
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

static void cover(const struct run *run, size_t wanted, struct content *content, struct damage *damage)
{
	const struct ncm_reg_file *file = damage->file->file;
	struct ncm_store *store = store_of(run, file);

	if (!store || damage->doubted)
		return;
	content_add_place(content, store, ncm_strdup(ncm_path_below(file->abs, store->path)), wanted, file->role);
	damage->covered = true;
}

/*
 * What the source does not tell, models.json does: those bytes and no others are wanted. A survey may know neither
 * size nor sha256, but git's sha1, which the source tells too.
 */
static void take_digest(struct content *content, const struct ncm_reg_file *file)
{
	content->first_use = false;
	if (!ncm_sha256_is_zero(&file->sha256)) {
		content->has_sha256 = true;
		content->sha256 = file->sha256;
	}
	if (file->size > 0) {
		content->has_size = true;
		content->size = file->size;
	}
}

static void place_by_digest(const struct run *run, size_t wanted, struct content *content,
			    const struct patient *patient)
{
	const struct ncm_reg_file *first = NULL;

	for (size_t i = 0; i < patient->count; i++) {
		const struct ncm_reg_file *file = patient->damages[i].file->file;

		if (!ncm_sha256_equal(&file->sha256, &content->sha256))
			continue;
		cover(run, wanted, content, &patient->damages[i]);
		first = first ? first : file;
	}
	if (first)
		take_digest(content, first);
}

/* The damaged file at a place, or below it when an archive goes there. */
static struct damage *damage_at(const struct patient *patient, const char *path, bool extract)
{
	for (size_t i = 0; i < patient->count; i++) {
		const char *abs = patient->damages[i].file->file->abs;

		if (!patient->damages[i].doubted && (strcmp(abs, path) == 0 || (extract && ncm_path_below(abs, path))))
			return &patient->damages[i];
	}
	return NULL;
}

static void cover_folder(const struct patient *patient, const char *path)
{
	for (size_t i = 0; i < patient->count; i++) {
		if (ncm_path_below(patient->damages[i].file->file->abs, path) && !patient->damages[i].doubted)
			patient->damages[i].covered = true;
	}
}

/* Of the places that the manifest names those that are damaged stay. */
static void keep_damaged(struct content *content, const struct patient *patient)
{
	const bool extract = content->kind == CONTENT_ARCHIVE;
	size_t kept = 0;

	for (size_t i = 0; i < content->place_count; i++) {
		struct place *place = &content->places[i];
		struct damage *damage = damage_at(patient, place->path, extract);

		if (!damage) {
			place_clear(place);
			continue;
		}
		damage->covered = true;
		if (extract)
			cover_folder(patient, place->path);
		content->places[kept++] = *place;
	}
	content->place_count = kept;
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

static void place_by_name(const struct run *run, size_t wanted, struct content *content, const struct patient *patient)
{
	for (size_t i = 0; i < patient->count && content->place_count == 0; i++) {
		if (is_meant(patient->damages[i].file->file, content->artifact))
			cover(run, wanted, content, &patient->damages[i]);
	}
}

static int place_damaged(struct run *run, size_t wanted, struct content *content, void *context, struct ncm_error *err)
{
	const struct repair *repair = context;
	const struct patient *patient = &repair->patients[run->wanted[wanted].model];
	const struct damage *damage;

	if (content->has_sha256 && content->kind != CONTENT_ARCHIVE) {
		place_by_digest(run, wanted, content, patient);
		return 0;
	}
	if (content_targets(run, wanted, content, NULL, err) < 0)
		return -1;
	keep_damaged(content, patient);
	if (content->kind == CONTENT_ARCHIVE)
		return 0;
	if (content->place_count == 0)
		place_by_name(run, wanted, content, patient);
	damage = content->place_count > 0 ? damage_at(patient, content->places[0].path, false) : NULL;
	if (damage)
		take_digest(content, damage->file->file);
	return 0;
}

static void tell_doubted(const char *id, const char *path, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY,
		      "%s: %s stays: whoever wrote into models.json that it is this model's could not "
		      "replace it himself",
		      id, path);
	ncm_error_hint(err, "if it is right, let models.json and its folder belong to the owner of that file, and let "
			    "nobody else write them");
}

/* Its store has another folder now: it may lie there, and no source need be asked. */
static bool tell_moved(const struct run *run, const char *id, const struct damage *damage, struct ncm_error *err)
{
	const struct ncm_reg_file *file = damage->file->file;
	const struct ncm_store *store =
	    damage->file->verdict == NCM_VERDICT_MISSING ? ncm_layout_moved(run->layout, file->abs, file->store) : NULL;

	if (!store)
		return false;
	ncm_error_set(err, NCM_E_DAMAGED, "%s: %s is not there, and the store \"%s\" lies at %s now", id, file->abs,
		      store->id, store->path);
	ncm_error_hint(err, "if its files were moved there, `ncmodel adopt` finds them; if not, pull it again");
	return true;
}

static void tell_lost(const struct run *run, size_t index, const struct damage *damage, struct ncm_error *err)
{
	const char *path = damage->file->file->abs;
	const char *id = run->models[index].model->id;
	bool known = false;

	if (damage->doubted) {
		tell_doubted(id, path, err);
		return;
	}
	if (tell_moved(run, id, damage, err))
		return;
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
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: nothing tells where %s came from", id, path);
		ncm_error_hint(err, "no manifest has this model, and models.json and the lock name no source of it; "
				    "pull it anew from its source");
		return;
	}
	ncm_error_set(err, NCM_E_NOT_FOUND, "%s: its source does not have the bytes of %s (any more)", id, path);
	ncm_error_hint(err, "to take what is served now: ncmodel pull --update %s", id);
}

/* Gives an error to each model of which some damage is no content's. */
static void refuse_lost(const struct repair *repair, struct run *run)
{
	for (size_t i = 0; i < repair->count; i++) {
		for (size_t k = 0; k < repair->patients[i].count; k++) {
			const struct damage *damage = &repair->patients[i].damages[k];

			if (!damage->covered && run->models[i].error.code == NCM_OK)
				tell_lost(run, i, damage, &run->models[i].error);
			else if (!damage->covered)
				tell_moved(run, run->models[i].model->id, damage, &run->models[i].error);
		}
	}
}

static bool can_be_mended(const struct plan_item *item, size_t number, const struct ncm_verify_file *file)
{
	return file->damaged_count > 0 && file->verdict == NCM_VERDICT_DAMAGED &&
	       item->steps[number].status.size == item->content->size;
}

/* Its place becomes the first: its store's staging folder gets the partial. */
static void mend_place(struct plan_item *item, size_t number, const struct ncm_verify_file *file)
{
	const struct place place = item->content->places[number];
	const struct step step = item->steps[number];

	item->content->places[number] = item->content->places[0];
	item->content->places[0] = place;
	item->steps[number] = item->steps[0];
	item->steps[0] = step;
	item->mend.file = file;
	for (size_t i = 0; i < file->damaged_count; i++)
		*NCM_PUSH(item->mend.ranges, item->mend.count) =
		    (struct ncm_range){file->damaged[i].start, file->damaged[i].end};
}

/* Of a file whose damaged spans are known only these are fetched. */
static void pick_ranges(const struct repair *repair, const struct run *run, struct plan_item *item)
{
	const struct content *content = item->content;

	if (content->place_count == 0 || content->kind == CONTENT_ARCHIVE || !content->has_sha256 ||
	    !content->has_size || !item_needs_network(item))
		return;
	for (size_t i = 0; i < content->place_count; i++) {
		const struct place *place = &content->places[i];
		const struct patient *patient = &repair->patients[run->wanted[place->wanted].model];
		const struct damage *damage = damage_at(patient, place->path, false);

		if (!damage || !can_be_mended(item, i, damage->file))
			continue;
		mend_place(item, i, damage->file);
		return;
	}
}

/* Of what lies here, in a bundle, nobody is asked. */
static void settle(struct planned *planned, struct repair *repair)
{
	plan_build(planned, place_damaged, repair);
	plan_settle_present(planned);
	/* What a content covered now may have none when its source was asked in vain. */
	for (size_t i = 0; i < repair->count; i++) {
		for (size_t k = 0; k < repair->patients[i].count; k++)
			repair->patients[i].damages[k].covered = false;
	}
}

static void look_at_everything(struct planned *planned, struct repair *repair)
{
	struct run *run = planned->run;

	wanted_resolve_locally(run);
	/* What the lock says is enough to know which bytes; where they are, if no bundle has them, the source tells. */
	if (run->options.offline || run->config->bundle_count > 0)
		settle(planned, repair);
	wanted_resolve_by_network(run);
	plan_build(planned, place_damaged, repair);
	for (size_t i = 0; i < planned->contents.count; i++)
		pick_ranges(repair, run, &planned->items[i]);
	plan_count_partials(planned);
	refuse_lost(repair, run);
	plan_refuse(planned);
	plan_find_lost(planned);
}

/* The damaged models as a run can have them: the manifest's, or what models.json and the lock say of their sources. */
static void choose_models(struct run *run, struct ncm_catalog *catalog, const struct repair *repair)
{
	NCM_AUTO_FREE struct ncm_model **models = ncm_calloc(repair->count + 1, sizeof *models);
	struct known_catalog *known = known_catalog_new(catalog);

	run->own_models = ncm_calloc(repair->count + 1, sizeof *run->own_models);
	for (size_t i = 0; i < repair->count; i++) {
		const struct patient *patient = &repair->patients[i];
		NCM_AUTO_FREE const struct ncm_reg_file **files = ncm_calloc(patient->count, sizeof *files);

		models[i] = known_in_catalog(known, patient->entry);
		if (models[i])
			continue;
		models[i] = &run->own_models[run->own_count++];
		for (size_t k = 0; k < patient->count; k++)
			files[k] = patient->damages[k].file->file;
		known_from_registry(run, patient->entry, files, patient->count, models[i]);
	}
	known_catalog_free(known);
	run_take_models(run, models, repair->count);
}

struct ncm_plan *ncm_plan_repair(const struct ncm_config *config, struct ncm_catalog *catalog,
				 const struct ncm_verify_report *report, const struct ncm_provision_options *options,
				 const struct ncm_sink *sink, struct ncm_error *err)
{
	struct run *run = run_new(config, options, sink, err);
	struct repair repair = {0};
	struct planned *planned;

	if (!run)
		return NULL;
	planned = planned_new(run);
	planned->repairs = true;
	take_damage(&repair, run, report);
	remember(planned->look, report);
	choose_models(run, catalog, &repair);
	look_at_everything(planned, &repair);
	free(repair.damages);
	free(repair.patients);
	return plan_of(planned, err);
}
