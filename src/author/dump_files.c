/* SPDX-License-Identifier: MIT */
/* The registered files of a model as file specs: one for each content, with a target for each place. */
#include "author/author.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/lock.h"
#include "registry/model.h"
#include "source/source.h"

#include <ncmodel/registry.h>
#include <string.h>

/* The store that the file was registered for if it lies there, else the innermost around it. */
static const struct ncm_store *store_around(const struct ncm_layout *layout, const struct ncm_reg_file *file)
{
	const struct ncm_store *found = NULL;

	for (size_t i = 0; i < layout->count; i++) {
		const struct ncm_store *store = &layout->stores[i];

		if (!ncm_path_below(file->abs, store->path))
			continue;
		if (file->store && strcmp(file->store, store->id) == 0)
			return store;
		if (!found || strlen(store->path) > strlen(found->path))
			found = store;
	}
	return found;
}

static void add_target(const struct ncm_store *store, const struct ncm_reg_file *file, struct ncm_file_spec *spec)
{
	struct ncm_target *target = NCM_PUSH(spec->to, spec->to_count);
	const char *relative = ncm_path_below(file->abs, store->path);
	const struct ncm_store_folder *folder = ncm_store_folder_around(store, relative);

	target->store = ncm_strdup(store->part_of ? store->part_of : store->id);
	if (store->kind->takes_tags || store->kind->keeps_repositories)
		return;
	target->folder = ncm_strdup_null(folder ? folder->name : store->part);
	target->name = ncm_strdup(folder ? ncm_path_below(relative, folder->path) : relative);
}

static struct ncm_file_spec *new_spec(struct ncm_model *model, const char *role)
{
	struct ncm_file_spec *spec = NCM_PUSH(model->files, model->file_count);

	spec->role = ncm_strdup(role ? role : "weights");
	return spec;
}

static int add_plain(const struct provenance *provenance, const struct ncm_store *store,
		     const struct ncm_reg_model *entry, const struct ncm_reg_file *file, struct ncm_model *model,
		     char **why)
{
	struct ncm_strings from = {0};
	struct ncm_file_spec *spec;

	for (size_t i = 0; i < model->file_count; i++) {
		if (model->files[i].has_sha256 && ncm_sha256_equal(&model->files[i].sha256, &file->sha256)) {
			add_target(store, file, &model->files[i]);
			return 0;
		}
	}
	dump_sources(provenance, entry, file, &from);
	if (from.count == 0) {
		*why = ncm_asprintf("nothing tells where %s can be had again", file->abs);
		return -1;
	}
	spec = new_spec(model, file->role);
	spec->from = from;
	spec->has_sha256 = spec->has_size = true;
	spec->sha256 = file->sha256;
	spec->size = file->size;
	for (size_t i = 0; i < from.count; i++)
		spec->insecure_http = spec->insecure_http || ncm_source_is_in_clear(from.items[i]);
	add_target(store, file, spec);
	return 0;
}

/* Where the files of a repository lie as they are, its source says which these are: one spec a source. */
static int add_as_it_is(const struct ncm_store *store, const struct ncm_reg_model *entry,
			const struct ncm_reg_file *file, struct ncm_model *model, char **why)
{
	const char *source = file->source ? file->source : entry->source;
	NCM_AUTO_FREE char *home = source ? ncm_source_home(source) : NULL;
	struct ncm_file_spec *spec;

	if (!home) {
		*why = ncm_asprintf("nothing tells of which repository %s is", file->abs);
		return -1;
	}
	for (size_t i = 0; i < model->file_count; i++) {
		spec = &model->files[i];
		if (strcmp(spec->from.items[0], source) != 0 || strcmp(spec->to[0].store, store->id) != 0)
			continue;
		spec->has_sha256 = spec->has_size = false; /* it is more than one file */
		return 0;
	}
	spec = new_spec(model, file->role);
	ncm_strings_add(&spec->from, source);
	spec->has_sha256 = spec->has_size = true;
	spec->sha256 = file->sha256;
	spec->size = file->size;
	add_target(store, file, spec);
	return 0;
}

static int add_ollama(const struct provenance *provenance, const struct ncm_store *store,
		      const struct ncm_reg_file *file, struct ncm_model *model, char **why)
{
	const char *relative = ncm_path_below(file->abs, store->path);
	NCM_AUTO_FREE char *uri = dump_ollama_source(provenance, relative, &file->sha256);
	struct ncm_file_spec *spec;

	if (!uri) {
		*why = ncm_asprintf("%s is not where Ollama keeps a manifest", file->abs);
		return -1;
	}
	for (size_t i = 0; i < model->file_count; i++) {
		if (model->files[i].has_digest && ncm_sha256_equal(&model->files[i].digest, &file->sha256) &&
		    strcmp(model->files[i].from.items[0], uri) == 0) {
			add_target(store, file, &model->files[i]);
			return 0;
		}
	}
	spec = new_spec(model, "weights");
	ncm_strings_add(&spec->from, uri);
	spec->has_digest = true;
	spec->digest = file->sha256;
	add_target(store, file, spec);
	return 0;
}

static const struct ncm_lock_file *locked_file(const struct ncm_lock *lock, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < lock->count; i++) {
		for (size_t k = 0; k < lock->entries[i].file_count; k++) {
			const struct ncm_lock_file *file = &lock->entries[i].files[k];

			if (file->has_sha256 && ncm_sha256_equal(&file->sha256, sha256))
				return file;
		}
	}
	return NULL;
}

/* The spec of the archive that the model was unpacked from. Which of several, the lock's digests tell. */
static const struct ncm_file_spec *archive_spec(const struct provenance *provenance, const struct ncm_reg_model *entry,
						const struct ncm_sha256 *archive)
{
	const struct ncm_variant *variant = NULL;
	const struct ncm_model *known = dump_known_model(provenance->catalog, entry, &variant);
	const struct ncm_file_spec *specs = variant ? variant->files : known ? known->files : NULL;
	const size_t count = variant ? variant->file_count : known ? known->file_count : 0;
	const struct ncm_file_spec *found = NULL;
	size_t archives = 0;

	for (size_t i = 0; i < count; i++) {
		const struct ncm_lock_entry *locked = ncm_lock_find(provenance->lock, specs[i].from.items[0]);

		if (!specs[i].extract)
			continue;
		if ((specs[i].has_sha256 && ncm_sha256_equal(&specs[i].sha256, archive)) ||
		    (locked && locked->file_count == 1 && locked->files[0].has_sha256 &&
		     ncm_sha256_equal(&locked->files[0].sha256, archive)))
			return &specs[i];
		found = &specs[i];
		archives++;
	}
	return archives == 1 ? found : NULL;
}

/* Its unpacked files come back with the archive. */
static int add_archive(const struct provenance *provenance, const struct ncm_reg_model *entry,
		       const struct ncm_reg_file *file, struct ncm_model *model, char **why)
{
	const struct ncm_lock_file *locked = locked_file(provenance->lock, &file->archive);
	const struct ncm_file_spec *known = archive_spec(provenance, entry, &file->archive);
	struct ncm_file_spec *spec;

	for (size_t i = 0; i < model->file_count; i++) {
		if (model->files[i].extract && ncm_sha256_equal(&model->files[i].sha256, &file->archive))
			return 0;
	}
	if (!known) {
		*why =
		    ncm_asprintf("%s was unpacked from an archive, and no manifest of the profile says how", file->abs);
		return -1;
	}
	spec = new_spec(model, known->role);
	ncm_strings_add_all(&spec->from, &known->from);
	spec->extract = true;
	spec->strip = known->strip;
	spec->insecure_http = known->insecure_http;
	spec->has_sha256 = true;
	spec->sha256 = file->archive;
	spec->has_size = locked && locked->size > 0;
	spec->size = spec->has_size ? locked->size : 0;
	spec->expected_size = known->expected_size;
	spec->expected_size_source = ncm_strdup_null(known->expected_size_source);
	for (size_t i = 0; i < known->to_count; i++) {
		struct ncm_target *target = NCM_PUSH(spec->to, spec->to_count);

		target->store = ncm_strdup(known->to[i].store);
		target->folder = ncm_strdup_null(known->to[i].folder);
		target->name = ncm_strdup_null(known->to[i].name);
	}
	return 0;
}

static bool has_layer(const struct ncm_file_spec *spec, const struct ncm_sha256 *digest)
{
	for (size_t i = 0; i < spec->layer_count; i++) {
		if (ncm_sha256_equal(&spec->layers[i].digest, digest))
			return true;
	}
	return false;
}

/* What the lock has of the Ollama model with this manifest, or NULL. */
static const struct ncm_lock_entry *locked_model(const struct ncm_lock *lock, const struct ncm_sha256 *digest)
{
	struct ncm_sha256 revision;

	for (size_t i = 0; i < lock->count; i++) {
		const struct ncm_lock_entry *entry = &lock->entries[i];

		if (entry->ollama_name && entry->revision && ncm_sha256_parse(entry->revision, &revision) == 0 &&
		    ncm_sha256_equal(&revision, digest))
			return entry;
	}
	return NULL;
}

/* Layers of an older manifest stay registered until they are removed. */
static bool is_older(const struct ncm_lock_entry *locked, const struct ncm_sha256 *digest)
{
	for (size_t i = 0; locked && i < locked->file_count; i++) {
		if (locked->files[i].has_sha256 && ncm_sha256_equal(&locked->files[i].sha256, digest))
			return false;
	}
	return locked != NULL;
}

/* Of two Ollama models in one, models.json does not tell whose a blob is: their digests pin them well enough. */
static void add_layers(const struct ncm_lock *lock, const struct ncm_layout *layout, const struct ncm_reg_model *entry,
		       struct ncm_model *model)
{
	const struct ncm_lock_entry *locked;
	struct ncm_file_spec *only = NULL;

	for (size_t i = 0; i < model->file_count; i++) {
		if (model->files[i].has_digest && only)
			return;
		if (model->files[i].has_digest)
			only = &model->files[i];
	}
	locked = only ? locked_model(lock, &only->digest) : NULL;
	for (size_t i = 0; only && i < entry->file_count; i++) {
		const struct ncm_reg_file *file = &entry->files[i];
		const struct ncm_store *store = store_around(layout, file);
		struct ncm_layer_pin *pin;

		if (!store || !store->kind->takes_tags || !file->role || strcmp(file->role, "manifest") == 0 ||
		    has_layer(only, &file->sha256) || is_older(locked, &file->sha256))
			continue;
		pin = NCM_PUSH(only->layers, only->layer_count);
		pin->digest = file->sha256;
		pin->size = file->size;
		pin->type = ncm_strdup(file->role);
	}
}

static int add_file(const struct provenance *provenance, const struct ncm_layout *layout,
		    const struct ncm_reg_model *entry, const struct ncm_reg_file *file, struct ncm_model *model,
		    char **why)
{
	const struct ncm_store *store = store_around(layout, file);
	const char *lacking = NULL;

	if (!store)
		lacking = "lies in no store of the layout";
	else if (ncm_sha256_is_zero(&file->sha256))
		lacking = "has no digest in models.json";
	if (lacking) {
		*why = ncm_asprintf("%s %s", file->abs, lacking);
		return -1;
	}
	if (!ncm_sha256_is_zero(&file->archive))
		return add_archive(provenance, entry, file, model, why);
	if (store->kind->keeps_repositories)
		return add_as_it_is(store, entry, file, model, why);
	if (!store->kind->takes_tags)
		return add_plain(provenance, store, entry, file, model, why);
	return file->role && strcmp(file->role, "manifest") == 0 ? add_ollama(provenance, store, file, model, why) : 0;
}

/* Written here, of what is told of the model: a pull with --sidecars writes it again. */
static bool is_written_here(const struct ncm_reg_file *file)
{
	return registry_is_sidecar(file) && !file->source;
}

int dump_files(const struct provenance *provenance, const struct ncm_layout *layout, const struct ncm_reg_model *entry,
	       struct ncm_model *model, char **why)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		if (!is_written_here(&entry->files[i]) &&
		    add_file(provenance, layout, entry, &entry->files[i], model, why) < 0)
			return -1;
	}
	if (model->file_count == 0) {
		*why = ncm_strdup("models.json names no file of it that a source could bring");
		return -1;
	}
	add_layers(provenance->lock, layout, entry, model);
	return 0;
}
