/* SPDX-License-Identifier: MIT */
/* The content to have and where it goes: names are checked here, before anything is fetched. */
#include "provision/run.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

static void item_clear(struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		free(item->dests[i].relative);
		free(item->dests[i].path);
	}
	free(item->dests);
	free(item->name);
	free(item->local);
	free(item->partial);
	free(item->server_name);
	mend_forget_ranges(item);
	free(item->range_partial);
	ncm_checkpoints_clear(&item->checkpoints);
	ncm_unpacked_free(item->unpacked, item->unpacked_count);
	ncm_resolution_free(item->own);
	for (size_t i = 0; i < item->mirror_count; i++)
		ncm_resolution_free(item->mirrors[i]);
	free(item->mirrors);
	free(item->places);
	ncm_error_clear(&item->error);
}

void items_free(struct run *run)
{
	for (size_t i = 0; i < run->item_count; i++)
		item_clear(&run->items[i]);
	free(run->items);
	run->items = NULL;
	run->item_count = 0;
}

/* A name that is stable over runs and can come from no one's input: the digest, else a digest of the URL. */
static char *partial_name(const struct item *item)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	if (item->has_sha256)
		return ncm_asprintf("%s.part", ncm_sha256_hex(&item->sha256, hex));
	ncm_sha256_of(item->artifact->url, strlen(item->artifact->url), &digest);
	return ncm_asprintf("url-%.32s.part", ncm_sha256_hex(&digest, hex));
}

static struct item *find_twin(const struct run *run, const struct item *item)
{
	const bool extract = run->wanted[item->wanted].spec->extract;

	for (size_t i = 0; i < run->item_count; i++) {
		struct item *other = &run->items[i];

		if (other->is_manifest || item->is_manifest || extract || run->wanted[other->wanted].spec->extract)
			continue;
		if (item->has_sha256 && other->has_sha256 && ncm_sha256_equal(&item->sha256, &other->sha256))
			return other;
		if (!item->has_sha256 && !other->has_sha256 && item->artifact->url && other->artifact->url &&
		    strcmp(item->artifact->url, other->artifact->url) == 0)
			return other;
	}
	return NULL;
}

static void fill_from_artifact(struct item *item, const struct ncm_file_spec *spec, bool only_one)
{
	const struct ncm_artifact *artifact = item->artifact;
	const bool sure = artifact->has_size && !artifact->size_is_rough;

	item->has_sha256 = artifact->has_sha256;
	item->sha256 = artifact->sha256;
	item->has_size = sure;
	item->size = artifact->has_size ? artifact->size : 0;
	if (only_one && spec->has_sha256) {
		item->has_sha256 = true;
		item->sha256 = spec->sha256;
	}
	if (only_one && spec->has_size) {
		item->has_size = true;
		item->size = spec->size;
	}
	item->first_use = !item->has_sha256 && !artifact->has_git_sha1;
}

static int check_published(const struct run *run, const struct wanted *wanted, const struct ncm_artifact *artifact,
			   struct ncm_error *err)
{
	const struct ncm_file_spec *spec = wanted->spec;
	char pinned[NCM_SHA256_HEX + 1], served[NCM_SHA256_HEX + 1];

	if (spec->has_sha256 && artifact->has_sha256 && !ncm_sha256_equal(&spec->sha256, &artifact->sha256)) {
		ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s: the manifest pins sha256 %s, the source publishes %s",
			      model_id(run, wanted), wanted->uri, ncm_sha256_hex(&spec->sha256, pinned),
			      ncm_sha256_hex(&artifact->sha256, served));
		return ncm_error_hint(err, "the file was replaced at its source, or the manifest is wrong");
	}
	if (spec->has_size && artifact->has_size && !artifact->size_is_rough && spec->size != artifact->size) {
		ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s: the manifest says %llu bytes, the source has %llu",
			      model_id(run, wanted), wanted->uri, (unsigned long long)spec->size,
			      (unsigned long long)artifact->size);
		return ncm_error_hint(err, "the file was replaced at its source, or the manifest is wrong");
	}
	return 0;
}

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

/* The name below its target's folder. The caller frees it. */
static char *target_name(const struct ncm_file_spec *spec, const struct ncm_target *target,
			 const struct ncm_resolution *resolution, const struct ncm_artifact *artifact)
{
	NCM_AUTO_FREE char *own = NULL;

	if (resolution->count > 1)
		return target->name ? ncm_path_join(target->name, artifact->name) : ncm_strdup(artifact->name);
	if (target->name)
		return ncm_strdup(target->name);
	own = ncm_path_safe_name(artifact->name ? artifact->name : "download");
	if (spec->extract) { /* the archive's stem names the folder */
		static const char *const endings[] = {".zip", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar"};

		for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
			if (ncm_path_has_suffix(own, endings[i])) {
				own[strlen(own) - strlen(endings[i])] = '\0';
				break;
			}
		}
	}
	return ncm_strdup(own);
}

static struct dest *add_dest(struct item *item, struct ncm_store *store, char *relative, size_t wanted,
			     const char *role)
{
	struct dest *dest = NCM_PUSH(item->dests, item->dest_count);

	dest->store = store;
	dest->relative = relative;
	dest->path = ncm_path_join(store->path, relative);
	dest->wanted = wanted;
	dest->role = role;
	return dest;
}

/* Adds the destinations that the spec names. */
static int add_targets(struct run *run, size_t index, struct item *item, struct ncm_error *err)
{
	const struct wanted *wanted = &run->wanted[index];
	const struct ncm_file_spec *spec = wanted->spec;
	const char *role = item->artifact->role ? item->artifact->role : spec->role;
	char blob[80];

	for (size_t i = 0; i < spec->to_count; i++) {
		struct ncm_store *store = ncm_layout_find(run->layout, spec->to[i].store);
		NCM_AUTO_FREE char *name = NULL;
		char *relative;

		if (!store)
			return ncm_error_set(err, NCM_E_USAGE, "%s: the layout \"%s\" has no store \"%s\"",
					     model_id(run, wanted), run->layout->name, spec->to[i].store);
		if (item->artifact->kind == NCM_ARTIFACT_BLOB) {
			if (store->kind != NCM_STORE_OLLAMA)
				return ncm_error_set(err, NCM_E_USAGE, "%s: store \"%s\" is not an Ollama store",
						     model_id(run, wanted), store->id);
			ncm_ollama_blob_path(&item->sha256, blob);
			add_dest(item, store, ncm_strdup(blob), index, role);
			continue;
		}
		name = target_name(spec, &spec->to[i], wanted->resolution, item->artifact);
		if ((!spec->extract && ncm_store_check_extension(name, err) < 0) ||
		    !(relative = ncm_store_path(store, spec->to[i].folder, name, err)))
			return ncm_error_wrap(err, "%s", model_id(run, wanted));
		add_dest(item, store, relative, index, role);
		if (check_pickle(run, wanted, name, err) < 0)
			return -1;
	}
	return 0;
}

/* Another last component for a path below the store. */
static int rename_dest(struct dest *dest, const char *name, struct ncm_error *err)
{
	size_t folder = (size_t)(ncm_path_base(dest->relative) - dest->relative);
	NCM_AUTO_FREE char *relative = ncm_asprintf("%.*s%s", (int)folder, dest->relative, name);

	if (!ncm_path_check(relative, err))
		return -1;
	free(dest->relative);
	free(dest->path);
	dest->relative = ncm_strdup(relative);
	dest->path = ncm_path_join(dest->store->path, relative);
	return 0;
}

int item_take_server_name(struct run *run, struct item *item)
{
	struct wanted *wanted = &run->wanted[item->wanted];
	const struct ncm_file_spec *spec = wanted->spec;
	NCM_AUTO_FREE char *name = NULL;

	if (item->artifact->name || !item->server_name || spec->extract || item->resolution != wanted->resolution ||
	    run->verified)
		return 0;
	name = ncm_path_safe_name(item->server_name);
	if (ncm_store_check_extension(name, &item->error) < 0 || check_pickle(run, wanted, name, &item->error) < 0)
		return -1;
	for (size_t i = 0; i < item->dest_count && i < spec->to_count; i++) {
		if (!spec->to[i].name && rename_dest(&item->dests[i], name, &item->error) < 0)
			return -1;
	}
	/* The lock is to know it: a later run looks there. */
	for (size_t i = 0; i < wanted->resolution->count; i++) {
		if (&wanted->resolution->artifacts[i] == item->artifact)
			wanted->resolution->artifacts[i].name = ncm_strdup(name);
	}
	return 0;
}

static bool same_place(const struct item *item, const struct dest *dest)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (strcmp(item->dests[i].path, dest->path) == 0 && item->dests[i].wanted == dest->wanted)
			return true;
	}
	return false;
}

/* Gives an item's destinations to the item that has the same content already. */
static void merge_into(struct item *twin, struct item *item)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		if (!same_place(twin, &item->dests[i])) {
			*NCM_PUSH(twin->dests, twin->dest_count) = item->dests[i];
			item->dests[i].relative = item->dests[i].path = NULL;
		}
	}
	if (!twin->has_size && item->has_size) {
		twin->has_size = true;
		twin->size = item->size;
	}
	item_clear(item);
}

static int add_dests(struct run *run, size_t index, struct item *item, struct ncm_error *err)
{
	if (run->verified && mend_by_digest(run, index, item))
		return 0;
	if (add_targets(run, index, item, err) < 0)
		return -1;
	if (run->verified)
		mend_by_place(run, index, item);
	return 0;
}

static int add_artifact(struct run *run, size_t index, const struct ncm_artifact *artifact, struct ncm_error *err)
{
	struct wanted *wanted = &run->wanted[index];
	struct item item = {.wanted = index, .artifact = artifact, .resolution = wanted->resolution};
	const bool only_one = wanted->resolution->count == 1 && artifact->kind == NCM_ARTIFACT_FILE;
	struct item *twin;

	if (only_one && check_published(run, wanted, artifact, err) < 0)
		return -1;
	while (item.alternate + 1 < wanted->spec->from.count &&
	       strcmp(wanted->spec->from.items[item.alternate], wanted->uri) != 0)
		item.alternate++;
	fill_from_artifact(&item, wanted->spec, only_one);
	item.name = ncm_strdup(artifact->name ? artifact->name : wanted->uri);
	if (add_dests(run, index, &item, err) < 0) {
		item_clear(&item);
		return -1;
	}
	if (run->verified && item.dest_count == 0) {
		item_clear(&item);
		return 0;
	}
	twin = find_twin(run, &item);
	if (twin) {
		merge_into(twin, &item);
		return 0;
	}
	item.partial = artifact->url || item.has_sha256 ? partial_name(&item) : NULL;
	*NCM_PUSH(run->items, run->item_count) = item;
	return 0;
}

/* The Ollama manifest comes last: what it names must be there first. */
static int add_ollama_manifest(struct run *run, size_t index, struct ncm_error *err)
{
	struct wanted *wanted = &run->wanted[index];
	struct item item = {.wanted = index, .resolution = wanted->resolution, .is_manifest = true};

	item.name = ncm_strdup(wanted->resolution->ollama_name);
	item.has_sha256 = true;
	item.sha256 = wanted->resolution->manifest_digest;
	item.has_size = wanted->resolution->manifest != NULL;
	item.size = wanted->resolution->manifest_size;
	if (run->verified)
		(void)mend_by_digest(run, index, &item);
	for (size_t i = 0; !run->verified && i < wanted->spec->to_count; i++) {
		struct ncm_store *store = ncm_layout_find(run->layout, wanted->spec->to[i].store);
		char *path = ncm_ollama_manifest_path(wanted->resolution->ollama_name, err);

		if (!path) {
			item_clear(&item);
			return -1;
		}
		add_dest(&item, store, path, index, "manifest");
	}
	if (item.dest_count == 0) {
		item_clear(&item);
		return 0;
	}
	*NCM_PUSH(run->items, run->item_count) = item;
	return 0;
}

static const char *trust_of(const struct run *run, const struct wanted *wanted)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);

	if (wanted->spec->has_sha256 || wanted->spec->has_digest || wanted->spec->layer_count > 0)
		return "manifest";
	if (entry)
		return entry->trust && strcmp(entry->trust, "manifest") == 0   ? "manifest"
		       : entry->trust && strcmp(entry->trust, "upstream") == 0 ? "upstream"
									       : "first-use";
	for (size_t i = 0; i < wanted->resolution->count; i++) {
		if (!wanted->resolution->artifacts[i].has_sha256 && !wanted->resolution->artifacts[i].has_git_sha1)
			return "first-use";
	}
	return "upstream";
}

/* A model that cannot be planned whole is not begun: what it alone wanted is dropped. */
static void drop_failed(struct run *run)
{
	size_t kept = 0;

	for (size_t i = 0; i < run->wanted_count; i++) {
		struct chosen_model *model = &run->models[run->wanted[i].model];

		/* A source that nothing damaged comes from need not answer. */
		if (run->wanted[i].error.code != NCM_OK && model->error.code == NCM_OK && !run->verified)
			ncm_error_move(&model->error, &run->wanted[i].error);
	}
	for (size_t i = 0; i < run->item_count; i++) {
		struct item *item = &run->items[i];
		size_t dests = 0;

		for (size_t k = 0; k < item->dest_count; k++) {
			struct dest *dest = &item->dests[k];

			if (run->models[run->wanted[dest->wanted].model].error.code == NCM_OK) {
				item->dests[dests++] = *dest;
			} else {
				free(dest->relative);
				free(dest->path);
			}
		}
		item->dest_count = dests;
		if (dests > 0)
			run->items[kept++] = *item;
		else
			item_clear(item);
	}
	run->item_count = kept;
}

int items_add(struct run *run, size_t index)
{
	struct wanted *wanted = &run->wanted[index];

	wanted->trust = trust_of(run, wanted);
	for (size_t i = 0; i < wanted->resolution->count; i++) {
		if (add_artifact(run, index, &wanted->resolution->artifacts[i], &wanted->error) < 0)
			return -1;
	}
	return wanted->resolution->ollama_name ? add_ollama_manifest(run, index, &wanted->error) : 0;
}

void items_build(struct run *run)
{
	items_free(run);
	for (size_t i = 0; i < run->wanted_count; i++) {
		if (run->wanted[i].error.code == NCM_OK && run->wanted[i].resolution)
			(void)items_add(run, i);
	}
	drop_failed(run);
}
