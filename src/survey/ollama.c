/* SPDX-License-Identifier: MIT */
/*
 * An Ollama store: manifests/HOST/NAMESPACE/MODEL/TAG name the blobs of a model; a blob's name is its digest. Its own
 * unfinished downloads are "sha256-<hex>-partial" and, one for each part, "…-partial-N" (ollama/ollama
 * server/download.go).
 */
#include "survey/work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "source/source.h"
#include "store/walk.h"

#include <fcntl.h>
#include <string.h>

enum { MANIFEST_BYTES = 4 << 20, CONFIG_BYTES = 1 << 20 };

/* A manifest that was read: what it says of its blobs, in its own order, the configuration last. */
struct manifest {
	char *text;
	size_t size;
	struct ncm_sha256 *blobs;
	uint64_t *sizes;
	char **types;
	size_t count;
};

static void manifest_clear(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++)
		free(manifest->types[i]);
	free(manifest->types);
	free(manifest->sizes);
	free(manifest->blobs);
	free(manifest->text);
}

/* "registry.ollama.ai/library/llama3.2/3b" is "ollama:llama3.2:3b". NULL for what a source cannot be. The caller frees
 * it. */
static char *source_of(const char *name)
{
	const char *tag = strrchr(name, '/');
	NCM_AUTO_FREE char *uri = ncm_asprintf("ollama:%.*s:%s", (int)(tag - name), name, tag + 1);
	char *canonical = NULL;

	(void)ncm_source_check(uri, true, &canonical, NULL);
	return canonical;
}

/* What the runtime hands to its engine. */
static bool is_weights(const char *type)
{
	return strcmp(type, "model") == 0 || strcmp(type, "projector") == 0 || strcmp(type, "adapter") == 0;
}

static void read_config(struct work *work, const char *relative, struct ncm_reg_model *entry)
{
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(work->dirfd, relative, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	size_t size = 0;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, CONFIG_BYTES, &size);
	NCM_AUTO_JSON json_t *config = text ? ncm_json_parse(text, size, "config", NCM_E_PROTOCOL, NULL) : NULL;

	survey_say(&entry->architecture, ncm_json_string(config, "model_family"));
	survey_say(&entry->parameters, ncm_json_string(config, "model_type"));
	survey_say(&entry->quantization, ncm_json_string(config, "file_type"));
	survey_say(&entry->format, ncm_json_string(config, "model_format"));
}

static void add_blob(struct work *work, size_t model, const struct manifest *manifest, size_t blob)
{
	const char *type = manifest->types[blob];
	char relative[80];
	size_t file;

	ncm_ollama_blob_path(&manifest->blobs[blob], relative);
	file = survey_add(work, relative, *type ? type : "blob");
	survey_tell_sha256(work, file, &manifest->blobs[blob], "name");
	survey_tell_size(work, file, manifest->sizes[blob]);
	work->clues[file].is_model = work->clues[file].is_model || is_weights(type);
	survey_join(work, model, file);
	if (strcmp(type, "config") == 0 && work->depth >= NCM_SURVEY_HEADERS)
		read_config(work, relative, &work->survey->models[model].entry);
}

static void take_manifest(struct work *work, size_t model, size_t file, const struct manifest *manifest)
{
	struct ncm_survey_file *out = &work->survey->files[file];
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(manifest->text, manifest->size, &out->sha256);
	out->has_sha256 = true;
	work->clues[file].judged = true;
	work->survey->models[model].entry.revision = ncm_asprintf("sha256:%s", ncm_sha256_hex(&out->sha256, hex));
	for (size_t i = 0; i < manifest->count; i++)
		add_blob(work, model, manifest, i);
}

static void read_manifest(struct work *work, size_t model, size_t file, const char *relative)
{
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(work->dirfd, relative, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct ncm_error why = NCM_ERROR_INIT;
	struct manifest manifest = {0};

	manifest.text = fd < 0 ? NULL : ncm_read_fd(fd, MANIFEST_BYTES, &manifest.size);
	if (!manifest.text)
		survey_settle(work, file, NCM_SURVEY_UNREADABLE, ncm_strdup("is a manifest that cannot be read"));
	else if (ncm_ollama_manifest_blobs(manifest.text, manifest.size, &manifest.blobs, &manifest.sizes,
					   &manifest.types, &manifest.count, &why) < 0)
		survey_settle(work, file, NCM_SURVEY_DAMAGED, ncm_strdup(why.message));
	else
		take_manifest(work, model, file, &manifest);
	ncm_error_clear(&why);
	manifest_clear(&manifest);
}

static void find_manifest(void *context, const struct ncm_walk_entry *entry)
{
	struct work *work = context;
	NCM_AUTO_FREE char *relative = ncm_path_join("manifests", entry->path);
	NCM_AUTO_FREE char *name = ncm_ollama_manifest_path(entry->path, NULL);
	NCM_AUTO_FREE char *source = name ? source_of(entry->path) : NULL;
	const size_t file = survey_add(work, relative, "manifest");
	size_t model;

	if (!name) {
		survey_settle(work, file, NCM_SURVEY_ORPHANED, ncm_strdup("is no name that Ollama gives a manifest"));
		return;
	}
	model = survey_add_model(work, source, entry->path, "ollama");
	if (!work->clues[file].settled)
		read_manifest(work, model, file, relative);
	survey_join(work, model, file);
}

struct blobs {
	struct work *work;
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
	settle_unnamed(blobs, relative,
		       has_prefix && strlen(hex) == NCM_SHA256_HEX && ncm_sha256_parse(hex, &digest) == 0);
}

static bool all_manifests_are_read(const struct work *work)
{
	for (size_t i = 0; i < work->survey->file_count; i++) {
		const struct ncm_survey_file *file = &work->survey->files[i];

		if (work->clues[i].store == work->store_index && strcmp(file->role, "manifest") == 0 &&
		    !work->clues[i].judged)
			return false;
	}
	return true;
}

void survey_ollama(struct work *work)
{
	struct blobs blobs = {.work = work};

	if (faccessat(work->dirfd, "manifests", F_OK, 0) < 0 && faccessat(work->dirfd, "blobs", F_OK, 0) < 0)
		ncm_emit_text(work->sink, NCM_EVENT_WARNING,
			      "%s has neither manifests/ nor blobs/: an Ollama store is the folder \"models\" that has "
			      "both",
			      work->store->path);
	ncm_walk_all(work->dirfd, "manifests", find_manifest, work);
	blobs.complete = all_manifests_are_read(work);
	ncm_walk(work->dirfd, "blobs", find_blob, &blobs);
}
