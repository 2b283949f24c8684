/* SPDX-License-Identifier: MIT */
/* What each file spec is: from the lock, from the manifest's own pins, or from its source. */
#include "resolve/run.h"

#include "base/address.h"
#include "base/mem.h"
#include "base/strings.h"
#include "base/thread.h"
#include "resolve/lost.h"

#include <string.h>

static bool says_otherwise(const struct ncm_file_spec *spec, const struct ncm_lock_entry *entry)
{
	struct ncm_sha256 digest;

	if (spec->has_sha256 && entry->file_count == 1 && entry->files[0].has_sha256 &&
	    !ncm_sha256_equal(&spec->sha256, &entry->files[0].sha256))
		return true;
	return spec->has_digest && entry->revision && ncm_sha256_parse(entry->revision, &digest) == 0 &&
	       !ncm_sha256_equal(&spec->digest, &digest);
}

const struct ncm_lock_entry *wanted_lock_entry(const struct run *run, const struct wanted *wanted)
{
	const struct ncm_lock_entry *entry =
	    run->options.update ? NULL : ncm_lock_find(run->lock, wanted->spec->from.items[0]);

	return entry && run->options.pins_first && says_otherwise(wanted->spec, entry) ? NULL : entry;
}

void wanted_note_odd(struct wanted *wanted, const char *name, const char *as)
{
	for (size_t i = 0; i < wanted->odd_count; i++) {
		if (strcmp(wanted->odd[i].name, name) == 0) /* at another of its places */
			return;
	}
	*NCM_PUSH(wanted->odd, wanted->odd_count) = (struct odd_name){ncm_strdup(name), ncm_strdup_null(as)};
}

bool wanted_leaves_out(const struct wanted *wanted, const char *name)
{
	for (size_t i = 0; name && i < wanted->odd_count; i++) {
		if (!wanted->odd[i].as && strcmp(wanted->odd[i].name, name) == 0)
			return true;
	}
	return false;
}

void wanted_forget_odd(struct wanted *wanted)
{
	for (size_t i = 0; i < wanted->odd_count; i++) {
		free(wanted->odd[i].name);
		free(wanted->odd[i].as);
	}
	free(wanted->odd);
	wanted->odd = NULL;
	wanted->odd_count = 0;
}

/* One of its places keeps the files of a repository as they are: with the names that the hub gives their bytes. */
static bool goes_as_it_is(const struct run *run, const struct wanted *wanted)
{
	for (size_t i = 0; i < wanted->spec->to_count; i++) {
		const struct ncm_store *store = ncm_layout_find(run->layout, wanted->spec->to[i].store);

		if (store && store->kind->keeps_repositories)
			return true;
	}
	return false;
}

/* The manifest itself says everything that makes the bytes certain. */
static bool is_pinned(const struct wanted *wanted)
{
	const struct ncm_file_spec *spec = wanted->spec;

	return spec->has_sha256 || (spec->has_digest && ncm_source_gives_blobs(spec->from.items[0]));
}

/* The lock may not say otherwise than the manifest. */
static int check_lock_agrees(const struct run *run, const struct wanted *wanted, const struct ncm_lock_entry *entry,
			     struct ncm_error *err)
{
	if (!says_otherwise(wanted->spec, entry))
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s: the manifest and the lock pin different bytes for %s",
		      model_id(run, wanted), wanted->spec->from.items[0]);
	if (run->options.pins)
		return ncm_error_hint(err, "to take what the bundle pins: --update");
	return ncm_error_hint(err, "if the manifest is right, take its pin with `ncmodel lock --update %s`",
			      model_id(run, wanted));
}

bool resolution_has_digests(const struct ncm_lock_entry *entry)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (!entry->files[i].has_sha256)
			return false;
	}
	return entry->file_count > 0;
}

struct ncm_resolution *resolution_from_lock(const struct ncm_lock_entry *entry)
{
	struct ncm_resolution *resolution = ncm_calloc(1, sizeof *resolution);

	resolution->uri = ncm_strdup(entry->pinned ? entry->pinned : entry->uri);
	resolution->revision = ncm_strdup_null(entry->revision);
	resolution->ollama_name = ncm_strdup_null(entry->ollama_name);
	resolution->kind = ncm_strdup_null(entry->kind);
	if (resolution->ollama_name && entry->revision)
		(void)ncm_sha256_parse(entry->revision, &resolution->manifest_digest);
	resolution->artifacts = ncm_calloc(entry->file_count, sizeof *resolution->artifacts);
	resolution->count = entry->file_count;
	for (size_t i = 0; i < entry->file_count; i++) {
		const struct ncm_lock_file *file = &entry->files[i];
		struct ncm_artifact *artifact = &resolution->artifacts[i];

		artifact->kind = ncm_source_gives_blobs(entry->uri) ? NCM_ARTIFACT_BLOB : NCM_ARTIFACT_FILE;
		/* What had no name was called by its address. */
		artifact->name = strcmp(file->path, entry->uri) == 0 ? NULL : ncm_strdup(file->path);
		artifact->role = ncm_strdup_null(file->role);
		artifact->url = ncm_strdup_null(file->url);
		artifact->has_size = file->has_size;
		artifact->size = file->size;
		artifact->has_sha256 = file->has_sha256;
		artifact->sha256 = file->sha256;
		artifact->has_git_sha1 = file->has_git_sha1;
		artifact->git_sha1 = file->git_sha1;
	}
	return resolution;
}

static int refuse_unlocked(const struct run *run, struct wanted *wanted)
{
	ncm_error_set(&wanted->error, NCM_E_POLICY, "%s: %s is not pinned by the lock, and --locked takes nothing else",
		      model_id(run, wanted), wanted->spec->from.items[0]);
	return ncm_error_hint(&wanted->error, "pull once without --locked and keep the lock file that it writes");
}

static void resolve_by_pins(struct run *run, struct wanted *wanted)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);
	struct ncm_pin pin = {.revision = entry ? entry->revision : NULL};

	if (entry && check_lock_agrees(run, wanted, entry, &wanted->error) < 0)
		return;
	if (run->options.locked && !entry && !is_pinned(wanted)) {
		refuse_unlocked(run, wanted);
		return;
	}
	wanted->uri = wanted->spec->from.items[0];
	wanted->resolution = ncm_source_offline(run->sources, wanted->uri, wanted->spec, &pin);
	if (!wanted->resolution && !entry && ncm_address_is_signed(wanted->uri)) {
		pin.for_plan = true;
		wanted->resolution = ncm_source_offline(run->sources, wanted->uri, wanted->spec, &pin);
		wanted->from_lock = wanted->resolution;
		return;
	}
	if (wanted->resolution && goes_as_it_is(run, wanted))
		wanted->from_lock = true;
	if (wanted->resolution || !entry)
		return;
	wanted->resolution = resolution_from_lock(entry);
	wanted->from_lock = true;
}

static void forget_resolution(struct wanted *wanted)
{
	ncm_resolution_free(wanted->resolution);
	wanted->resolution = NULL;
	wanted->from_lock = false;
}

/* Where a file goes by what it is, its pins alone may not say that. */
static void resolve_locally(struct run *run, struct wanted *wanted)
{
	resolve_by_pins(run, wanted);
	kind_recall(run, wanted);
	if (wanted->resolution && kind_is_wanting(run, wanted) && !run->options.offline)
		forget_resolution(wanted);
}

void wanted_resolve_locally(struct run *run)
{
	for (size_t i = 0; i < run->wanted_count; i++)
		resolve_locally(run, &run->wanted[i]);
}

/* What the lock pins of this artifact; NULL: nothing. One file is that file, whatever it is called today. */
static const struct ncm_lock_file *pinned_as(const struct ncm_lock_entry *entry, const struct ncm_resolution *found,
					     const struct ncm_artifact *artifact)
{
	if (found->count == 1 && entry->file_count == 1)
		return &entry->files[0];
	for (size_t k = 0; artifact->name && k < entry->file_count; k++) {
		if (strcmp(entry->files[k].path, artifact->name) == 0)
			return &entry->files[k];
	}
	return NULL;
}

/* A name that the first answer told, if this one tells none. */
static void take_pinned_name(const struct ncm_lock_entry *entry, const struct ncm_lock_file *pinned,
			     struct ncm_artifact *artifact)
{
	if ((artifact->name && !artifact->name_is_rough) || strcmp(pinned->path, entry->uri) == 0)
		return;
	free(artifact->name);
	artifact->name = ncm_strdup(pinned->path);
	artifact->name_is_rough = false;
}

/* What the lock pins must be what the source says now. */
static int check_against_lock(const struct run *run, const struct wanted *wanted, const struct ncm_resolution *found,
			      struct ncm_error *err)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);

	for (size_t i = 0; entry && i < found->count; i++) {
		struct ncm_artifact *artifact = &found->artifacts[i];
		const struct ncm_lock_file *pinned = pinned_as(entry, found, artifact);

		if (pinned)
			take_pinned_name(entry, pinned, artifact);
		if (!pinned || !pinned->has_sha256)
			continue;
		if (artifact->has_sha256 && !ncm_sha256_equal(&pinned->sha256, &artifact->sha256)) {
			ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s is no longer what the lock pins",
				      model_id(run, wanted), artifact->name);
			return ncm_error_hint(err, "take what is served now with --update, or keep what you have");
		}
		artifact->has_sha256 = true;
		artifact->sha256 = pinned->sha256;
	}
	return 0;
}

/* What a manifest pins of the one file; NULL: nothing. */
static const struct ncm_sha256 *pin_of(const struct run *run, const struct wanted *wanted)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);

	if (wanted->spec->has_sha256)
		return &wanted->spec->sha256;
	return entry && entry->file_count == 1 && entry->files[0].has_sha256 && entry->trust &&
		       strcmp(entry->trust, "manifest") == 0
		   ? &entry->files[0].sha256
		   : NULL;
}

/* A service whose records have been wrong does not stand against a pin; whose claim is which is said. */
static void overrule(const struct run *run, const struct wanted *wanted, struct ncm_resolution *found)
{
	const struct ncm_sha256 *pin = pin_of(run, wanted);
	struct ncm_artifact *artifact = found->artifacts;
	char pinned[NCM_SHA256_HEX + 1], told[NCM_SHA256_HEX + 1];

	if (found->count != 1 || !pin || !artifact->has_sha256 || ncm_sha256_equal(pin, &artifact->sha256) ||
	    !ncm_source_is_hearsay(found->uri))
		return;
	ncm_emit_text(&run->sink, NCM_EVENT_NOTE,
		      "%s: %s says that its sha256 is %s; the pin says %s, and that is what counts",
		      model_id(run, wanted), found->service ? found->service->name : "its source",
		      ncm_sha256_hex(&artifact->sha256, told), ncm_sha256_hex(pin, pinned));
	artifact->sha256 = *pin;
	artifact->size_is_rough = true;
}

struct ncm_resolution *wanted_ask_place(struct run *run, const struct wanted *wanted, size_t from,
					struct ncm_error *err)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);
	const char *uri = wanted->spec->from.items[from];
	/* A revision of the first place means nothing at another. */
	struct ncm_pin pin = {.revision = entry && from == 0 ? entry->revision : NULL,
			      .as_it_is = goes_as_it_is(run, wanted)};
	struct ncm_resolution *found = ncm_source_offline(run->sources, uri, wanted->spec, &pin);

	if (!found) {
		found = ncm_source_resolve(run->sources, uri, wanted->spec, &pin, err);
		if (!found)
			ncm_error_wrap(err, "%s", model_id(run, wanted));
	}
	if (found)
		overrule(run, wanted, found);
	if (found && check_against_lock(run, wanted, found, err) < 0) {
		ncm_resolution_free(found);
		found = NULL;
	}
	return found;
}

static bool must_ask(const struct wanted *wanted)
{
	return wanted->error.code == NCM_OK && (!wanted->resolution || (wanted->from_lock && !wanted->settled));
}

static bool has_all_digests(const struct ncm_resolution *resolution)
{
	for (size_t i = 0; i < resolution->count; i++) {
		if (!resolution->artifacts[i].has_sha256)
			return false;
	}
	return resolution->count > 0;
}

/* Its bytes are not content that a cache is asked for. */
static bool lacks_manifest(const struct run *run, const struct ncm_resolution *found)
{
	return run->options.from_cache && !run->options.only_plan && found->ollama_name && !found->manifest;
}

/* What is only planned, or comes from a cache, may do with what is pinned: by the lock, else by the manifest for any of
 * its places. */
static bool plan_by_pins(struct run *run, struct wanted *wanted)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);
	struct ncm_resolution *found = NULL;

	if (!run->options.only_plan && !run->options.from_cache)
		return false;
	if (wanted->from_lock && has_all_digests(wanted->resolution))
		return !lacks_manifest(run, wanted->resolution);
	for (size_t i = 0; i < wanted->spec->from.count && !found; i++) {
		const struct ncm_pin pin = {.revision = entry && i == 0 ? entry->revision : NULL, .for_plan = true};

		wanted->uri = wanted->spec->from.items[i];
		found = ncm_source_offline(run->sources, wanted->uri, wanted->spec, &pin);
	}
	if (!found || lacks_manifest(run, found) || (!run->options.only_plan && !has_all_digests(found))) {
		ncm_resolution_free(found);
		return false;
	}
	ncm_resolution_free(wanted->resolution);
	wanted->resolution = found;
	wanted->from_lock = false;
	return true;
}

/*
 * Who spells a source out means what the service calls so: in its own case of the letters, say. That is the name under
 * which it is remembered, pinned and found again.
 */
static bool respell(const struct run *run, struct wanted *wanted)
{
	const struct ncm_model *model = run->models[wanted->model].model;
	const char *spelled = wanted->resolution ? wanted->resolution->spelled : NULL;
	char **uri = &wanted->spec->from.items[0];

	if (!spelled || !registry_is_spelled_out(model) || wanted->uri != *uri)
		return false;
	free(*uri);
	wanted->uri = *uri = ncm_strdup(spelled);
	wanted->respelled = true;
	return true;
}

static void ask_places(struct run *run, struct wanted *wanted)
{
	wanted->is_gone = true;
	for (size_t i = 0; i < wanted->spec->from.count && !wanted->resolution && !ncm_interrupted(); i++) {
		struct ncm_error err = NCM_ERROR_INIT;

		wanted->uri = wanted->spec->from.items[i];
		wanted->resolution = wanted_ask_place(run, wanted, i, &err);
		wanted->is_gone = wanted->is_gone && !wanted->resolution && lost_is_told(err.code);
		/* The first place's reason is the one to act on. */
		if (!wanted->resolution && wanted->error.code == NCM_OK)
			ncm_error_move(&wanted->error, &err);
		ncm_error_clear(&err);
	}
}

/* Without the signature that it had nobody could be asked, either. */
static void tell_offline(const struct run *run, struct wanted *wanted)
{
	const struct ncm_strings *from = &wanted->spec->from;

	if (from->count == 1 && ncm_address_is_signed(from->items[0])) {
		ncm_source_ask_for_new(from->items[0], &wanted->error);
		ncm_error_wrap(&wanted->error, "%s", model_id(run, wanted));
		return;
	}
	if (run->options.from_cache) {
		ncm_error_set(&wanted->error, NCM_E_OFFLINE,
			      "%s: %s is not here, and neither manifest nor lock pin all that it is, by which a cache "
			      "could be asked",
			      model_id(run, wanted), from->items[0]);
		ncm_error_hint(
		    &wanted->error,
		    "`ncmodel lock`, or a pull, where its source may be asked, pins it; --lock FILE takes such "
		    "a lock");
		return;
	}
	ncm_error_set(&wanted->error, NCM_E_OFFLINE, "%s: %s is not here, and --offline forbids to ask for it",
		      model_id(run, wanted), from->items[0]);
	run_hint_offline(run, "without --offline it is asked for", &wanted->error);
}

static void tell_notice(const struct run *run, const struct wanted *wanted)
{
	if (wanted->resolution->notice)
		ncm_emit_text(&run->sink, NCM_EVENT_NOTE, "%s: %s", model_id(run, wanted), wanted->resolution->notice);
}

void wanted_ask(struct run *run, struct wanted *wanted)
{
	if (!must_ask(wanted))
		return;
	if (run->options.offline) {
		if (!plan_by_pins(run, wanted))
			tell_offline(run, wanted);
		return;
	}
	forget_resolution(wanted);
	ask_places(run, wanted);
	/* Under its own name it may be pinned. */
	if (respell(run, wanted) && wanted_lock_entry(run, wanted)) {
		forget_resolution(wanted);
		ask_places(run, wanted);
	}
	if (wanted->resolution) {
		ncm_error_clear(&wanted->error);
		tell_notice(run, wanted);
		kind_find(run, wanted);
	}
	if (!wanted->resolution && wanted->error.code == NCM_OK)
		ncm_error_set(&wanted->error, NCM_E_INTERRUPTED, "%s: interrupted", model_id(run, wanted));
}

void wanted_tell(struct run *run, const struct wanted *wanted)
{
	size_t done;

	pthread_mutex_lock(&run->mutex);
	done = ++run->resolved;
	pthread_mutex_unlock(&run->mutex);
	ncm_emit(&run->sink, &(struct ncm_event){.type = NCM_EVENT_RESOLVED,
						 .model = model_id(run, wanted),
						 .done = done,
						 .total = run->to_resolve});
}

static void resolve_by_network(void *context, size_t index)
{
	struct run *run = context;
	struct wanted *wanted = &run->wanted[index];
	const bool asks = must_ask(wanted);

	wanted_ask(run, wanted);
	if (!asks || run->options.offline)
		return;
	lost_go_on(run, wanted);
	wanted_tell(run, wanted);
}

/* Spelled out twice, in two ways, it is one model. */
static void share_id(struct run *run, const char *uri, const char *id)
{
	NCM_AUTO_FREE char *key = ncm_source_key(uri);

	for (size_t i = 0; i < run->model_count; i++) {
		struct chosen_model *chosen = &run->models[i];
		struct ncm_model *model = (struct ncm_model *)chosen->model; /* made for this run alone */
		NCM_AUTO_FREE char *own = NULL;

		if (!registry_is_spelled_out(model) || chosen->file_count != 1)
			continue;
		own = ncm_source_key(chosen->files[0].from.items[0]);
		if (!ncm_same_text(own, key))
			continue;
		free(model->id);
		model->id = ncm_strdup(id);
		run_identify(run, chosen);
	}
}

/* What its source calls otherwise than the user is known by that name. */
static void take_true_names(struct run *run)
{
	for (size_t i = 0; i < run->wanted_count; i++) {
		const struct wanted *wanted = &run->wanted[i];
		NCM_AUTO_FREE char *id = NULL;
		NCM_AUTO_FREE char *display = NULL;

		if (!wanted->respelled)
			continue;
		ncm_source_names(wanted->spec->from.items[0], &id, &display);
		share_id(run, wanted->spec->from.items[0], id);
	}
}

void wanted_resolve_by_network(struct run *run)
{
	run->resolved = run->to_resolve = 0;
	for (size_t i = 0; i < run->wanted_count; i++) {
		if (must_ask(&run->wanted[i]))
			run->to_resolve++;
	}
	run->asked_network = run->to_resolve > 0 && !run->options.offline;
	if (run->to_resolve > 0)
		ncm_parallel(RESOLVE_THREADS, run->wanted_count, resolve_by_network, run);
	take_true_names(run);
}
