/* SPDX-License-Identifier: MIT */
/*
 * Where a file goes that nobody placed follows from what it is. Its source says that, else its own header; how it is
 * spelled is but a fall-back, and where that tells nothing, either, the user is asked.
 */
#include "inspect/remote.h"
#include "resolve/run.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "format/format.h"
#include "store/purpose.h"

#include <string.h>
#include <strings.h>

static const char gguf[] = ".gguf";
static const char language_store[] = "llama-cpp";

static const struct ncm_target *target_by_kind(const struct wanted *wanted)
{
	return wanted->spec->to_count == 1 && wanted->spec->to[0].by_kind ? &wanted->spec->to[0] : NULL;
}

/* A store without folders of its own has one place for everything, and a whole repository a folder of its own. */
static bool goes_by_kind(const struct run *run, const struct wanted *wanted)
{
	const struct ncm_target *target = target_by_kind(wanted);
	const struct ncm_store *store = target ? ncm_layout_find(run->layout, target->store) : NULL;

	if (!target || ncm_source_is_whole(wanted->spec->from.items[0]))
		return false;
	return target->any_store || (store && store->folder_count > 0);
}

static bool has_ending(const struct ncm_artifact *artifact, const char *ending)
{
	return artifact->name && ncm_path_has_suffix(artifact->name, ending);
}

/* The weights: of a model in parts, or with its projector beside it, the largest file. */
static const struct ncm_artifact *main_artifact(const struct ncm_resolution *resolution)
{
	const struct ncm_artifact *found = NULL;

	for (size_t i = 0; i < resolution->count; i++) {
		const struct ncm_artifact *artifact = &resolution->artifacts[i];

		if (artifact->kind == NCM_ARTIFACT_FILE && (!found || artifact->size > found->size))
			found = artifact;
	}
	return found;
}

static const char *spelled_kind(const struct wanted *wanted, const struct ncm_artifact *artifact)
{
	const struct ncm_habit *habit = ncm_source_habit(wanted->spec->from.items[0]);
	const char *kind = NULL;

	/* "split_files/text_encoders/x.safetensors" */
	for (const char *at = artifact->name; at && strchr(at, '/') && !kind; at = strchr(at, '/') + 1)
		kind = purpose_of_folder(at);
	if (!kind && has_ending(artifact, gguf))
		return "llm";
	return kind ? kind : habit ? habit->kind : NULL;
}

bool kind_is_wanting(const struct run *run, const struct wanted *wanted)
{
	return wanted->resolution && !wanted->resolution->kind && goes_by_kind(run, wanted);
}

void kind_recall(const struct run *run, struct wanted *wanted)
{
	const struct ncm_lock_entry *entry = kind_is_wanting(run, wanted) ? wanted_lock_entry(run, wanted) : NULL;

	if (entry && entry->kind)
		wanted->resolution->kind = ncm_strdup(entry->kind);
}

static bool is_called_checkpoint(const struct ncm_resolution *resolution)
{
	return resolution->kind && strcmp(resolution->kind, "checkpoint") == 0;
}

/* Formats that tell, or names that promise nothing. What is called a checkpoint may be a diffusion model alone. */
static bool is_worth_reading(const struct ncm_resolution *resolution, const struct ncm_artifact *artifact)
{
	if (!artifact->url || (resolution->kind && !is_called_checkpoint(resolution)))
		return false;
	return !artifact->name || artifact->name_is_rough || !strchr(ncm_path_base(artifact->name), '.') ||
	       ncm_format_promised(artifact->name) != NCM_FORMAT_UNKNOWN;
}

static void take_kind(struct ncm_resolution *resolution, const char *header)
{
	const char *kind = purpose_of_header(header);

	if (!kind || (resolution->kind && strcmp(kind, "diffusion") != 0))
		return;
	free(resolution->kind);
	resolution->kind = ncm_strdup(kind);
}

void kind_find(const struct run *run, struct wanted *wanted)
{
	struct ncm_resolution *resolution = wanted->resolution;
	const struct ncm_artifact *artifact = goes_by_kind(run, wanted) ? main_artifact(resolution) : NULL;
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_facts facts = {0};

	kind_recall(run, wanted);
	if (!artifact)
		return;
	if (is_worth_reading(resolution, artifact) &&
	    remote_facts(run->sources, resolution, artifact, &facts, &why) == 0)
		take_kind(resolution, facts.kind);
	ncm_facts_clear(&facts);
	if (!resolution->kind)
		resolution->kind = ncm_strdup_null(spelled_kind(wanted, artifact));
	if (!resolution->kind && why.code != NCM_OK) {
		ncm_error_move(&wanted->error, &why);
		ncm_error_wrap(&wanted->error, "%s", model_id(run, wanted));
	}
	ncm_error_clear(&why);
}

/* Where something goes. */
struct spot {
	const char *store, *folder; /* the folder NULL: the store's own */
};

static bool take_spot(const struct run *run, const char *id, const char *kind, const struct ncm_artifact *artifact,
		      struct spot *spot)
{
	const struct ncm_store *store = ncm_layout_find(run->layout, id);
	const char *folder = store ? purpose_folder(run->layout, store, kind, artifact->name) : NULL;

	if (!folder)
		return false;
	*spot = (struct spot){store->id, folder};
	return true;
}

static bool is_for_language(const char *kind, const struct ncm_artifact *artifact)
{
	static const char *const kinds[] = {"llm", "vlm", "embedding", "projector", "lora"};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i], kind) == 0)
			return has_ending(artifact, gguf);
	}
	return false;
}

/* An application that is on this machine, in the order of the layout. */
static bool find_here(const struct run *run, const char *kind, const struct ncm_artifact *artifact, struct spot *spot)
{
	for (size_t i = 0; i < run->layout->count; i++) {
		const struct ncm_store *store = &run->layout->stores[i];

		if (!store->part_of && ncm_store_is_there(store) && take_spot(run, store->id, kind, artifact, spot))
			return true;
	}
	return false;
}

/* Of the applications for pictures that which the source is used to, if it has a folder for such: first of those that
 * are here. */
static bool find_spot(const struct run *run, const struct wanted *wanted, const char *kind,
		      const struct ncm_artifact *artifact, struct spot *spot)
{
	const struct ncm_target *target = target_by_kind(wanted);
	const struct ncm_reg_model *known = run->models[wanted->model].known;
	const struct ncm_habit *habit = ncm_source_habit(wanted->spec->from.items[0]);
	const char *const stores[] = {habit ? habit->store : "comfyui", "comfyui", "a1111"};
	const size_t count = sizeof stores / sizeof *stores;

	if (!target->any_store)
		return take_spot(run, target->store, kind, artifact, spot);
	/* Where it is already. */
	if (known && known->store && take_spot(run, known->store, kind, artifact, spot))
		return true;
	if (is_for_language(kind, artifact)) {
		*spot = (struct spot){language_store, NULL};
		return true;
	}
	for (size_t i = 0; i < count; i++) {
		const struct ncm_store *store = ncm_layout_find(run->layout, stores[i]);

		if (store && ncm_store_is_there(store) && take_spot(run, stores[i], kind, artifact, spot))
			return true;
	}
	if (find_here(run, kind, artifact, spot))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (take_spot(run, stores[i], kind, artifact, spot))
			return true;
	}
	return false;
}

static int refuse(const struct run *run, const struct wanted *wanted, const char *kind,
		  const struct ncm_artifact *artifact, struct ncm_error *err)
{
	const struct ncm_target *target = target_by_kind(wanted);
	const struct purpose *purpose = purpose_of(kind);
	const char *name = artifact->name ? artifact->name : wanted->spec->from.items[0];
	const char *store = target->any_store ? "comfyui" : target->store;
	NCM_AUTO_FREE char *own = NULL, *word = NULL;

	if (!kind)
		ncm_error_set(err, NCM_E_USAGE, "%s: neither its source nor its header says what %s is",
			      model_id(run, wanted), name);
	else if (target->any_store || !purpose || !purpose->folders[0])
		ncm_error_set(err, NCM_E_USAGE, "%s: %s is %s: no application has a folder for that",
			      model_id(run, wanted), name, purpose ? purpose->words : kind);
	else
		ncm_error_set(err, NCM_E_USAGE, "%s: %s is %s: the store \"%s\" has no folder for that",
			      model_id(run, wanted), name, purpose->words, store);
	own = ncm_asprintf("%s//%s", store, ncm_path_base(name));
	word = ncm_shell_word(own);
	return ncm_error_hint(err,
			      "say where it goes: --to STORE/FOLDER, for example --to comfyui/loras, or --to %s for "
			      "the store's own folder",
			      word);
}

static void set_text(char **text, const char *value)
{
	char *copy = ncm_strdup_null(value);

	free(*text);
	*text = copy;
}

/* Models that were spelled out are made for this run alone. */
static void describe(const struct wanted *wanted, const char *kind, const struct ncm_artifact *artifact,
		     struct ncm_model *model)
{
	struct ncm_file_spec *spec = (struct ncm_file_spec *)wanted->spec;
	const struct purpose *purpose = purpose_of(kind);

	set_text(&model->kind, kind);
	spec->extract = purpose && purpose->unpacked && !spec->to[0].name && artifact->name &&
			ncm_path_archive_ending(artifact->name) > 0;
	if (strcmp(kind, "projector") == 0)
		set_text(&spec->role, "mmproj");
	else if (strcmp(kind, "config") == 0)
		set_text(&spec->role, "config");
	else if (purpose && purpose->unpacked)
		set_text(&spec->role, "other");
	if (purpose && purpose->tag)
		ncm_strings_add_new(&model->tags, purpose->tag);
}

static int settle_target(const struct run *run, const struct wanted *wanted, const char *kind,
			 const struct ncm_artifact *artifact, struct ncm_error *err)
{
	struct ncm_target *target = &wanted->spec->to[0];
	struct spot spot;

	if (!kind || !find_spot(run, wanted, kind, artifact, &spot))
		return refuse(run, wanted, kind, artifact, err);
	set_text(&target->store, spot.store);
	set_text(&target->folder, spot.folder);
	return 0;
}

int kind_settle(const struct run *run, struct wanted *wanted, struct ncm_error *err)
{
	struct ncm_model *model = (struct ncm_model *)run->models[wanted->model].model;
	const struct ncm_artifact *artifact = NULL;
	const char *kind = wanted->resolution->kind;

	if (registry_is_spelled_out(model))
		artifact = main_artifact(wanted->resolution);
	if (!artifact)
		return 0;
	if (goes_by_kind(run, wanted)) {
		kind = kind ? kind : spelled_kind(wanted, artifact);
		if (settle_target(run, wanted, kind, artifact, err) < 0)
			return -1;
	}
	if (kind && wanted->spec->to_count > 0)
		describe(wanted, kind, artifact, model);
	return 0;
}
