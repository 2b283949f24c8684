/* SPDX-License-Identifier: MIT */
/* The places that a manifest names for a content: where, under which name, and whether that may be. */
#include "resolve/content.h"

#include "base/ability.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/name.h"
#include "store/names.h"

#include <string.h>

/* Pickle-based files run code when they are loaded. */
static int check_pickle(const struct run *run, const struct wanted *wanted, const char *name, struct ncm_error *err)
{
	if (!ncm_store_is_pickle_name(name))
		return 0;
	/* A digest that the source publishes says what it serves, not that anybody looked at it. */
	if (!wanted->spec->has_sha256 && !wanted_lock_entry(run, wanted) && !wanted->spec->allow_pickle &&
	    !run->options.allow_pickle) {
		ncm_error_set(err, NCM_E_POLICY,
			      "%s: %s is pickle-based, which can run code when loaded, and neither manifest nor lock "
			      "pins its digest",
			      model_id(run, wanted), name);
		return ncm_error_hint(err, "prefer a .safetensors file, pin its sha256, or say --allow-pickle");
	}
	ncm_emit_text(&run->sink, NCM_EVENT_DEBUG, "%s: %s is pickle-based: loading it can run code",
		      model_id(run, wanted), name);
	return 0;
}

/* What was no UTF-8 stands in JSON as U+FFFD: by that name nobody has it. */
static bool is_lost(const char *name)
{
	return strstr(name, "\xef\xbf\xbd") != NULL;
}

bool name_is_botched(const char *name)
{
	NCM_AUTO_FREE char *portable = ncm_path_portable(name, false);

	return is_lost(name) || (portable && strcmp(portable, name) != 0 && ncm_store_is_pickle_name(name));
}

char *target_name(const struct ncm_file_spec *spec, const struct ncm_target *target,
		  const struct ncm_resolution *resolution, const struct ncm_artifact *artifact)
{
	NCM_AUTO_FREE char *own = NULL;

	if (resolution->count > 1) {
		/* What leads elsewhere is refused as it stands. */
		own = ncm_path_portable(artifact->name, artifact->has_twin);
		return ncm_path_join(target->name, own ? own : artifact->name);
	}
	if (target->name)
		return ncm_strdup(target->name);
	own = ncm_path_safe_name(artifact->name ? artifact->name : "download");
	if (spec->extract) /* the archive's stem names the folder */
		own[strlen(own) - ncm_path_archive_ending(own)] = '\0';
	return ncm_strdup(own);
}

struct place *content_add_place(struct content *content, struct ncm_store *store, char *relative, size_t wanted,
				const char *role)
{
	struct place *place = NCM_PUSH(content->places, content->place_count);

	*place = (struct place){
	    .store = store,
	    .relative = relative,
	    .path = ncm_path_join(store->path, relative),
	    .wanted = wanted,
	    .role = role,
	};
	store_find_bytes(store, relative, content->has_sha256 ? &content->sha256 : NULL,
			 content->has_git_sha1 ? &content->git_sha1 : NULL, &place->blob, &place->bytes);
	place->bytes_path = place->bytes ? ncm_path_join(store->path, place->bytes) : NULL;
	return place;
}

static bool is_named(const struct ncm_artifact *artifact)
{
	return artifact->name && !artifact->name_is_rough;
}

static bool is_allowed(const struct run *run, const struct wanted *wanted, const char *name)
{
	return ncm_store_check_extension(name, NULL) == 0 &&
	       (!ncm_store_is_pickle_name(name) || wanted->spec->allow_pickle || run->options.allow_pickle);
}

/*
 * One odd name does not keep a model's other files from being had: it is noted what it is called here. What policy
 * would refuse besides ("*.pt", which no loader finds) is left out. False if so.
 */
static bool note_odd_name(const struct run *run, struct wanted *wanted, const char *name, const char *called,
			  bool one_of_many)
{
	const char *tail = one_of_many ? called : ncm_path_last_component(called);
	const size_t size = strlen(name), own = strlen(tail);
	bool placed;

	if (one_of_many && is_lost(called)) {
		wanted_note_odd(wanted, called, NULL);
		return false;
	}
	if (size >= own && strcmp(name + size - own, tail) == 0 && (size == own || name[size - own - 1] == '/'))
		return true;
	placed = !one_of_many || is_allowed(run, wanted, name);
	wanted_note_odd(wanted, called, placed ? name : NULL);
	return placed;
}

/* Of a repository spelled out the rest may be had. Returns -1. */
static int offer_exclude(const struct run *run, const struct wanted *wanted, const char *name, struct ncm_error *err)
{
	const struct ncm_model *model = run->models[wanted->model].model;
	NCM_AUTO_FREE char *repository = ncm_source_repository(wanted->resolution->uri);
	NCM_AUTO_FREE char *hint = err && err->hint ? ncm_strdup(err->hint) : NULL;
	const char *ending = strrchr(ncm_path_base(name), '.');

	if (repository && ending && registry_is_spelled_out(model))
		ncm_error_hint(err, "%s%sleave such files out with --exclude '*%s'", hint ? hint : "",
			       hint ? "; or " : "", ending);
	return -1;
}

static int refuse_store(const struct run *run, const struct wanted *wanted, const struct ncm_store *store,
			struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%s: store \"%s\" is not an Ollama store", model_id(run, wanted), store->id);
	for (size_t i = 0; i < run->layout->count; i++) {
		if (run->layout->stores[i].kind->takes_tags)
			return ncm_error_hint(err, "choose one with --to, for example --to %s",
					      run->layout->stores[i].id);
	}
	return -1;
}

/* All that is known of a content, for the store's kind to judge. The digests are the content's own. */
static struct ncm_store_offer offer_of(const struct wanted *wanted, const struct ncm_target *target,
				       const struct content *content)
{
	return (struct ncm_store_offer){
	    .folder = target->folder,
	    .tag = wanted->resolution->ollama_name,
	    .is_manifest = content->kind == CONTENT_MANIFEST,
	    .sha256 = content->has_sha256 ? &content->sha256 : NULL,
	    .git_sha1 = content->has_git_sha1 ? &content->git_sha1 : NULL,
	    .has_size = content->has_size,
	    .size = content->size,
	    .revision = wanted->resolution->revision,
	    .path = content->artifact ? content->artifact->name : NULL,
	    .is_spelled = target->name != NULL,
	};
}

/* A store that keeps repositories as they are: nothing has another name there. */
static int add_as_it_is(struct run *run, size_t index, struct ncm_store *store, struct ncm_store_offer *offer,
			const char *role, struct content *content, struct ncm_error *err)
{
	const struct wanted *wanted = &run->wanted[index];
	NCM_AUTO_FREE char *repository = ncm_source_home(wanted->resolution->uri);
	char *relative;

	offer->repository = content->kind == CONTENT_FILE ? repository : NULL;
	if (offer->path && ncm_store_check_extension(offer->path, err) < 0) {
		ncm_error_wrap(err, "%s", model_id(run, wanted));
		return offer_exclude(run, wanted, offer->path, err);
	}
	if (offer->path && content->artifact->has_twin && ncm_lacks_at(store->path) & NCM_LACKS_CASE) {
		ncm_error_set(err, NCM_E_POLICY,
			      "%s: the file system of %s takes %s and another file of the repository for one name",
			      model_id(run, wanted), store->path, offer->path);
		return ncm_error_hint(err, "leave one of them out with --exclude, or choose a store on another disk");
	}
	relative = ncm_store_place(store, offer, err);
	if (!relative)
		return ncm_error_wrap(err, "%s", model_id(run, wanted));
	content_add_place(content, store, relative, index, role);
	return check_pickle(run, wanted, offer->path, err) < 0 ? offer_exclude(run, wanted, offer->path, err) : 0;
}

static int add_target(struct run *run, size_t index, const struct ncm_target *target, struct content *content,
		      struct ncm_error *err)
{
	const struct wanted *wanted = &run->wanted[index];
	const struct ncm_file_spec *spec = wanted->spec;
	const char *role = content->artifact && content->artifact->role ? content->artifact->role : spec->role;
	struct ncm_store *store = ncm_layout_find(run->layout, target->store);
	NCM_AUTO_FREE char *name = NULL;
	bool one_of_many;
	struct ncm_store_offer offer = offer_of(wanted, target, content);
	NCM_AUTO_FREE char *repository = NULL;
	char *relative;

	if (!store) {
		ncm_layout_lacks(run->layout, target->store, err);
		return ncm_error_wrap(err, "%s", model_id(run, wanted));
	}
	if (content->kind == CONTENT_BLOB || content->kind == CONTENT_MANIFEST) {
		if (!store->kind->takes_tags)
			return refuse_store(run, wanted, store, err);
		relative = ncm_store_place(store, &offer, err);
		if (content->kind == CONTENT_MANIFEST)
			role = "manifest";
		return relative && content_add_place(content, store, relative, index, role) ? 0 : -1;
	}
	if (store->kind->keeps_repositories)
		return add_as_it_is(run, index, store, &offer, role, content, err);
	name = repository_name(run, &run->wanted[index], (size_t)(target - spec->to), store, content->artifact);
	one_of_many = name || wanted->resolution->count > 1;
	if (!name)
		name = target_name(spec, target, wanted->resolution, content->artifact);
	if (is_named(content->artifact) && !spec->extract && (one_of_many || !target->name) &&
	    !note_odd_name(run, &run->wanted[index], name, content->artifact->name, one_of_many))
		return 0;
	if (!spec->extract && ncm_store_check_extension(name, err) < 0) {
		ncm_error_wrap(err, "%s", model_id(run, wanted));
		return offer_exclude(run, wanted, name, err);
	}
	offer.name = name;
	offer.is_part = one_of_many;
	if (store->kind->place)
		offer.repository = repository = ncm_source_folder(wanted->resolution->uri);
	if (!(relative = ncm_layout_place(run->layout, &store, &offer, err))) {
		ncm_error_wrap(err, "%s", model_id(run, wanted));
		return one_of_many && store->kind->admits ? offer_exclude(run, wanted, name, err) : -1;
	}
	content_add_place(content, store, relative, index, role)->unnamed =
	    !target->name && content->kind == CONTENT_FILE && !is_named(content->artifact);
	return check_pickle(run, wanted, name, err) < 0 ? offer_exclude(run, wanted, name, err) : 0;
}

int content_targets(struct run *run, size_t wanted, struct content *content, void *context, struct ncm_error *err)
{
	const struct ncm_file_spec *spec = run->wanted[wanted].spec;

	(void)context;
	for (size_t i = 0; i < spec->to_count; i++) {
		if (add_target(run, wanted, &spec->to[i], content, err) < 0)
			return -1;
	}
	return 0;
}

/* Another last component for a path below the store. */
static int rename_place(struct place *place, const char *name, struct ncm_error *err)
{
	size_t folder = (size_t)(ncm_path_base(place->relative) - place->relative);
	NCM_AUTO_FREE char *relative = ncm_asprintf("%.*s%s", (int)folder, place->relative, name);

	if (!ncm_path_check(relative, err))
		return -1;
	place_clear(place);
	place->relative = ncm_strdup(relative);
	place->path = ncm_path_join(place->store->path, relative);
	return 0;
}

/* The lock is to know the name: a later run looks there. */
static void keep_name(struct wanted *wanted, const char *name)
{
	for (size_t i = 0; i < wanted->resolution->count; i++) {
		struct ncm_artifact *artifact = &wanted->resolution->artifacts[i];

		if (is_named(artifact))
			continue;
		free(artifact->name);
		artifact->name = ncm_strdup(name);
		artifact->name_is_rough = false;
	}
}

int content_take_server_name(struct run *run, struct content *content, const char *server_name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = server_name ? ncm_path_safe_name(server_name) : NULL;
	int changed = 0;

	/* What another place calls its copy says nothing of this one. */
	if (content->resolution != run->wanted[content->wanted].resolution)
		return 0;
	for (size_t i = 0; i < content->place_count && name; i++) {
		struct place *place = &content->places[i];
		struct wanted *wanted = &run->wanted[place->wanted];

		if (!place->unnamed)
			continue;
		if (ncm_store_check_extension(name, err) < 0 || check_pickle(run, wanted, name, err) < 0 ||
		    rename_place(place, name, err) < 0)
			return -1;
		place->unnamed = false;
		keep_name(wanted, name);
		changed = 1;
	}
	return changed;
}
