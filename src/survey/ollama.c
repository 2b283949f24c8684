/* SPDX-License-Identifier: MIT */
/*
 * An Ollama store: what has a tag's name in one of its two folders of manifests (store/ollama.h) names the blobs of a
 * model; a blob's name is its digest. One tag is one model, in whatever forms it is there; what Ollama runs on this
 * machine is what has to be right. Its own unfinished downloads are "sha256-<hex>-partial" and, one for each part,
 * "…-partial-N" (ollama/ollama server/download.go).
 */
#include "survey/work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "registry/ollama.h"
#include "source/source.h"
#include "store/walk.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

enum { CONFIG_BYTES = 1 << 20 };

/* One entry, read. */
struct form {
	const struct ollama_entry *entry; /* NULL: there is none */
	enum ollama_found found;
	struct ollama_held held;
};

/* "registry.ollama.ai/library/llama3.2/3b" is "ollama:llama3.2:3b". NULL for what a source cannot be. The caller frees
 * it. */
static char *source_of(const char *name)
{
	const char *tag = strrchr(name, '/');
	NCM_AUTO_FREE char *uri = ncm_asprintf("%s%.*s:%s", ncm_source_ollama.begins, (int)(tag - name), name, tag + 1);
	char *canonical = NULL;

	(void)ncm_source_check(uri, true, &canonical, NULL);
	return canonical;
}

static void read_config(struct work *work, const char *relative, struct ncm_reg_model *entry)
{
	NCM_AUTO_CLOSE int fd = store_open_inside(work->store, work->dirfd, relative);
	size_t size = 0;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, CONFIG_BYTES, &size);
	NCM_AUTO_JSON json_t *config = text ? ncm_json_parse(text, size, "config", NCM_E_PROTOCOL, NULL) : NULL;

	survey_say(&entry->architecture, ncm_json_string(config, "model_family"));
	survey_say(&entry->parameters, ncm_json_string(config, "model_type"));
	survey_say(&entry->quantization, ncm_json_string(config, "file_type"));
	survey_say(&entry->format, ncm_json_string(config, "model_format"));
}

/* A blob that a manifest names, as part of a model or of none (NO_MODEL). */
static void add_blob(struct work *work, size_t model, const struct ollama_layer *layer, const char *role)
{
	char relative[80];
	size_t file;

	ncm_ollama_blob_path(&layer->digest, relative);
	file = survey_add(work, relative, role);
	survey_tell_sha256(work, file, &layer->digest, "name");
	survey_tell_size(work, file, layer->size);
	work->clues[file].is_model = work->clues[file].is_model || ollama_role_is_weights(role);
	if (model == NO_MODEL)
		return;
	work->survey->files[file].is_beside = false;
	survey_join(work, model, file);
	if (strcmp(role, "config") == 0 && work->depth >= NCM_SURVEY_HEADERS)
		read_config(work, relative, &work->survey->models[model].entry);
}

static void add_layers(struct work *work, size_t model, const struct ollama_manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		NCM_AUTO_FREE char *role = ollama_layer_role(&manifest->layers[i]);

		if (!ollama_layer_is_manifest(&manifest->layers[i]))
			add_blob(work, model, &manifest->layers[i], role);
	}
	if (manifest->has_config)
		add_blob(work, model, &manifest->config, "config");
}

struct reaching {
	struct work *work;
	size_t model;
};

/* What else is named need not be there: children of a list that were never pulled, and what they name. */
static void add_reached(void *context, const struct ncm_sha256 *digest, const struct ollama_layer *layer)
{
	const struct reaching *reaching = context;
	struct work *work = reaching->work;
	NCM_AUTO_FREE char *role = layer ? ollama_layer_role(layer) : ncm_strdup("manifest-blob");
	char relative[80];
	size_t file;

	ncm_ollama_blob_path(digest, relative);
	if (survey_has(work, relative, &file) || faccessat(work->dirfd, relative, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	file = survey_add(work, relative, role);
	survey_tell_sha256(work, file, digest, "name");
	if (layer)
		survey_tell_size(work, file, layer->size);
	if (reaching->model == NO_MODEL)
		return;
	work->survey->files[file].is_beside = true;
	survey_join(work, reaching->model, file);
}

static void add_all_reached(struct work *work, size_t model, const struct ollama_held *held)
{
	(void)ollama_reach(work->dirfd, held, add_reached, &(struct reaching){work, model});
}

/* The file that has the name; what is wrong with it is its state. Returns its index. */
static size_t add_form(struct work *work, const struct form *form)
{
	const size_t file = survey_add(work, form->entry->path, "manifest");
	struct ncm_survey_file *out = &work->survey->files[file];

	if (work->clues[file].settled)
		return file;
	if (form->found == OLLAMA_READ) {
		out->sha256 = form->held.digest;
		out->has_sha256 = work->clues[file].judged = true;
	} else if (form->found == OLLAMA_BROKEN) {
		survey_settle(work, file, NCM_SURVEY_DAMAGED, ncm_strdup_null(form->held.why));
	} else {
		survey_settle(work, file, NCM_SURVEY_UNREADABLE, ncm_strdup("is a manifest that cannot be read"));
	}
	return file;
}

/* A manifest that is no model of its own: what it names is beside a model's, or (NO_MODEL) of none. */
static void add_quietly(struct work *work, size_t model, const struct form *form)
{
	if (!form->entry)
		return;
	add_form(work, form);
	if (form->found == OLLAMA_READ)
		add_all_reached(work, model, &form->held);
}

/* The manifest that a file in the old folder is a form of: of an anchor what Ollama was given. */
static void digest_of(const struct work *work, const struct form *legacy, const struct form *v2,
		      struct ncm_sha256 *digest, uint64_t *size)
{
	if (v2->found == OLLAMA_READ && !v2->held.manifest.is_list) {
		*digest = v2->held.digest;
		*size = v2->held.size;
	} else {
		ollama_anchored(work->dirfd, &legacy->held, digest, size);
	}
}

static bool is_form(const struct work *work, const struct ollama_held *held, const struct ncm_sha256 *digest)
{
	return ollama_held_compare(work->dirfd, held, &(struct ollama_known){.digest = *digest}, NULL) ==
	       OLLAMA_HOLDS_IT;
}

/* Whether both generations of Ollama run the same: then the file in the old folder stands for the tag, as it did before
 * there was another. */
static bool is_same_tag(const struct work *work, const struct form *v2, const struct form *legacy)
{
	struct ncm_sha256 digest;
	uint64_t size;

	if (v2->found != OLLAMA_READ || legacy->found != OLLAMA_READ || legacy->held.manifest.is_list)
		return false;
	if (is_form(work, &legacy->held, &v2->held.digest))
		return true;
	ollama_manifest_plain(&legacy->held.manifest, &digest, &size);
	return is_form(work, &v2->held, &digest) || is_form(work, &v2->held, &legacy->held.digest);
}

static void set_revision(struct work *work, size_t model, const struct ncm_sha256 *digest)
{
	struct ncm_reg_model *entry = &work->survey->models[model].entry;
	char hex[NCM_SHA256_HEX + 1];

	free(entry->revision);
	entry->revision = ncm_asprintf("sha256:%s", ncm_sha256_hex(digest, hex));
}

static size_t add_model(struct work *work, const struct form *form, const struct form *v2)
{
	OLLAMA_AUTO_HELD struct ollama_held child = {0};
	NCM_AUTO_FREE char *source = source_of(form->entry->name);
	const struct ollama_manifest *plain = NULL;
	const size_t file = add_form(work, form);
	const size_t model = survey_add_model(work, source, form->entry->name, ncm_source_ollama.scheme);
	struct ncm_survey_file *out = &work->survey->files[file];

	work->survey->models[model].form = NCM_SURVEY_TAG;
	if (work->clues[file].judged) {
		/* What is recorded of a model is its manifest, not the form that a store has it in. */
		if (!form->entry->is_v2)
			digest_of(work, form, v2, &out->sha256, &out->size);
		set_revision(work, model, &out->sha256);
		plain = ollama_plain_of(work->dirfd, &form->held, NULL, &child);
		if (plain)
			add_layers(work, model, plain);
		else
			survey_settle(work, file, NCM_SURVEY_MISSING,
				      ncm_strdup("is a list, and none of the manifests that it lists is there"));
		add_all_reached(work, model, &form->held);
	}
	survey_join(work, model, file);
	return model;
}

static void add_tag(struct work *work, const struct form *v2, const struct form *legacy)
{
	if (v2->entry && v2->found == OLLAMA_ABSENT && legacy->entry) {
		const size_t file = survey_add(work, v2->entry->path, "manifest");

		survey_settle(work, file, NCM_SURVEY_ORPHANED,
			      ncm_asprintf("leads to nothing; Ollama takes %s", legacy->entry->path));
		add_model(work, legacy, v2);
	} else if (!v2->entry || is_same_tag(work, v2, legacy)) {
		add_quietly(work, add_model(work, legacy, v2), v2);
	} else {
		add_model(work, v2, v2);
		add_quietly(work, NO_MODEL, legacy);
	}
}

static struct form read_entry(const struct work *work, const struct ollama_entry *entry)
{
	struct form form = {.entry = entry, .found = OLLAMA_ABSENT};

	if (entry)
		form.found = ollama_read_at(work->dirfd, entry->path, &form.held);
	return form;
}

static void form_clear(struct form *form)
{
	ollama_held_clear(&form->held);
}
#define AUTO_FORM __attribute__((cleanup(form_clear)))

static void add_nameless(struct work *work, const struct ollama_entry *entry)
{
	survey_settle(work, survey_add(work, entry->path, "manifest"), NCM_SURVEY_ORPHANED,
		      ncm_strdup("is no name that Ollama gives a manifest"));
}

/* canonical name without regard to case, as Ollama compares → index of the first entry in manifests/. New reference. */
static json_t *index_legacy(const struct ollama_entries *entries)
{
	json_t *index = json_object();

	for (size_t i = 0; i < entries->count; i++) {
		const struct ollama_entry *entry = &entries->items[i];
		NCM_AUTO_FREE char *key = entry->name && !entry->is_v2 ? ncm_lower(entry->name) : NULL;

		if (key && !json_object_get(index, key))
			json_object_set_new_nocheck(index, key, json_integer((json_int_t)i));
	}
	return index;
}

/* Of several spellings of one tag Ollama lists the first. */
static void add_entry(struct work *work, const struct ollama_entries *entries, size_t index, const json_t *legacies,
		      json_t *seen)
{
	const struct ollama_entry *entry = &entries->items[index];
	NCM_AUTO_FREE char *key = ncm_lower(entry->name);
	const json_t *other = entry->is_v2 ? json_object_get(legacies, key) : NULL;
	const size_t legacy = other ? (size_t)json_integer_value(other) : index;
	AUTO_FORM struct form form = read_entry(work, entry);
	AUTO_FORM struct form old = read_entry(work, legacy == index ? NULL : &entries->items[legacy]);
	const struct form none = {.found = OLLAMA_ABSENT};

	if (entry->is_shadow || json_object_get(seen, key)) {
		size_t unused;

		if (!survey_has(work, entry->path, &unused))
			add_quietly(work, NO_MODEL, &form);
		return;
	}
	json_object_set_new_nocheck(seen, key, json_true());
	add_tag(work, entry->is_v2 ? &form : &none, entry->is_v2 ? &old : &form);
}

static void add_tags(struct work *work, bool *complete)
{
	struct ollama_entries entries;
	NCM_AUTO_JSON json_t *seen = json_object();
	NCM_AUTO_JSON json_t *legacies = NULL;

	ollama_entries_read(work->dirfd, &entries);
	legacies = index_legacy(&entries);
	for (size_t i = 0; i < entries.count; i++) {
		if (entries.items[i].name)
			add_entry(work, &entries, i, legacies, seen);
		else
			add_nameless(work, &entries.items[i]);
	}
	if (entries.unseen)
		survey_settle(work, survey_add(work, entries.unseen, "folder"), NCM_SURVEY_UNREADABLE,
			      ncm_strdup("cannot be seen whole: there may be more models"));
	*complete = entries.complete;
	ollama_entries_clear(&entries);
}

bool survey_is_form_of(const struct work *work, size_t file, const struct ncm_reg_model *model,
		       const struct ncm_reg_file *recorded)
{
	const struct ncm_survey_file *found = &work->survey->files[file];
	const struct ncm_survey_store *store = &work->survey->stores[work->clues[file].store];
	const char *relative = ncm_path_below(found->path, store->path);
	bool is_v2;
	NCM_AUTO_FREE char *name =
	    relative && strcmp(found->role, "manifest") == 0 ? ollama_name_at(relative, &is_v2) : NULL;
	NCM_AUTO_CLOSE int dirfd =
	    name && work->clues[file].judged ? open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct ollama_known known;
	struct ollama_tag tag;

	if (dirfd < 0)
		return false;
	registry_known_manifest(model, recorded, &known);
	ollama_tag_look(dirfd, name, &known, &tag);
	free(known.blobs);
	return (is_v2 ? tag.v2 : tag.legacy) == OLLAMA_HOLDS_IT;
}

struct blobs {
	struct work *work;
	json_t *named;
	bool complete;
};

static void settle_unnamed(const struct blobs *blobs, const char *relative, bool is_blob)
{
	struct work *work = blobs->work;
	const size_t file = survey_add(work, relative, "blob");

	if (!is_blob)
		survey_settle(work, file, NCM_SURVEY_UNREFERENCED,
			      ncm_strdup("is no blob; Ollama removes it when it starts"));
	else if (blobs->complete)
		survey_settle(work, file, NCM_SURVEY_UNREFERENCED, ncm_strdup("no manifest names it"));
	else
		survey_settle(work, file, NCM_SURVEY_UNPROVED,
			      ncm_strdup("no manifest that can be read names it; one that cannot may do so"));
}

/* Something names it that is no model: what was replaced, a tag in an old form. */
static void add_named(struct work *work, const char *relative, const struct ncm_sha256 *digest)
{
	survey_tell_sha256(work, survey_add(work, relative, "blob"), digest, "name");
}

static void find_blob(void *context, const struct ncm_walk_entry *entry)
{
	static const char prefix[] = "sha256-";
	const struct blobs *blobs = context;
	const char *hex = entry->name + strlen(prefix);
	const bool has_prefix = strncmp(entry->name, prefix, strlen(prefix)) == 0;
	NCM_AUTO_FREE char *relative = ncm_path_join("blobs", entry->path);
	struct ncm_sha256 digest;
	size_t file;

	if (survey_has(blobs->work, relative, &file))
		return;
	if (has_prefix && strlen(hex) > NCM_SHA256_HEX && strncmp(hex + NCM_SHA256_HEX, "-partial", 8) == 0) {
		file = survey_add(blobs->work, relative, "partial");
		survey_settle(blobs->work, file, NCM_SURVEY_PARTIAL,
			      ncm_strdup("a download of Ollama's: the same pull goes on with it"));
		return;
	}
	if (has_prefix && json_object_get(blobs->named, hex) && ncm_sha256_parse(hex, &digest) == 0)
		add_named(blobs->work, relative, &digest);
	else
		settle_unnamed(blobs, relative,
			       has_prefix && strlen(hex) == NCM_SHA256_HEX && ncm_sha256_parse(hex, &digest) == 0);
}

void survey_ollama(struct work *work)
{
	struct blobs blobs = {.work = work};
	bool all_seen;

	if (faccessat(work->dirfd, OLLAMA_MANIFESTS, F_OK, 0) < 0 &&
	    faccessat(work->dirfd, OLLAMA_MANIFESTS_V2, F_OK, 0) < 0 && faccessat(work->dirfd, "blobs", F_OK, 0) < 0)
		ncm_emit_text(work->sink, NCM_EVENT_WARNING,
			      "%s has neither manifests/ nor blobs/: an Ollama store is the folder \"models\" that has "
			      "both",
			      work->store->path);
	add_tags(work, &all_seen);
	blobs.named = ncm_ollama_named(work->dirfd, &blobs.complete);
	blobs.complete = blobs.complete && all_seen;
	survey_walk(work, "blobs", &(struct ncm_walk_how){.all = false}, find_blob, &blobs);
	json_decref(blobs.named);
}
