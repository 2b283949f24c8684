/* SPDX-License-Identifier: MIT */
/*
 * Files that other tools put beside a model, and what they tell of it:
 *
 *   FILE.sha256, STEM.sha256   a digest, alone or as sha256sum writes it
 *   STEM.civitai.info          Civitai Helper: a version of Civitai's API
 *   STEM.metadata.json         LoRA Manager: "sha256", and such a version as "civitai"
 *   STEM.cm-info.json          StabilityMatrix: "ModelId", "VersionId", "Hashes": {"SHA256"}
 *   STEM.json                  Automatic1111's card: "activation text", "preferred weight"; browsers of Civitai add
 *                              "modelId", "sha256"
 *   STEM.api_info.json         CivitAI Browser+: a model of Civitai's API with its versions
 *   cache.json                 Automatic1111: hashes with the mtime that a file had, at the root of the web UI
 *   cache/hashes/cache.db      the same since its version 1.7
 *   .cache/huggingface/download/FILE.metadata   `hf download --local-dir`: a commit, the file's digest, when that was
 *
 * STEM is the model's name without its ending. None of them is changed or taken for more than somebody's word.
 */
#include "survey/sidecar.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "source/source.h"
#include "survey/diskcache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SUM_BYTES = 64 << 10, INFO_BYTES = 16 << 20, CACHE_BYTES = 64 << 20 };

struct sidecars {
	struct work *work;
	struct ncm_strings names; /* below the store */
};

/* Model files as the applications name them. */
static const char *const endings[] = {"",     ".safetensors", ".ckpt", ".pt",   ".pth",
				      ".bin", ".gguf",        ".sft",  ".onnx", ".pkl"};

/* A sidecar that is there and cannot be read is told of: without it nothing is known of its model. */
static char *read_text(struct work *work, const char *relative, size_t limit, size_t *size)
{
	NCM_AUTO_CLOSE int fd = store_open_by(work->store, work->dirfd, relative, STORE_LINKS_READ, OS_READ);
	char *text = fd < 0 ? NULL : ncm_read_fd(fd, limit, size);

	if (!text && errno != ENOENT && errno != ENOTDIR)
		survey_tell_unreadable(work, relative, "sidecar", errno);
	return text;
}

static void take_source(struct ncm_survey_model *model, const struct told *told)
{
	struct ncm_reg_model *entry = &model->entry;
	char *source = entry->source ? NULL : told_source(told, told->file);

	if (!source)
		return;
	entry->source = source;
	entry->revision = ncm_asprintf("%llu", (unsigned long long)told->version);
	model->source_is_hearsay = true;
	model->known_by = ncm_source_civitai.scheme;
}

static void take_word(struct work *work, size_t file, struct told *told)
{
	struct ncm_survey_model *model = &work->survey->models[work->clues[file].model];

	for (size_t i = 0; i < told->claim_count; i++) {
		survey_claim(work, file, &told->claims[i]);
		told->claims[i] = (struct ncm_survey_claim){0};
	}
	if (model->file_count != 1) /* of a set of shards it speaks of one alone */
		return;
	take_source(model, told);
	card_fill(&model->entry.card, &told->card);
	survey_say(&model->entry.kind, ncm_civitai_kind(told->kind));
	if (told->name && *told->name) {
		free(model->entry.display_name);
		model->entry.display_name = ncm_strdup(told->name);
	}
}

/* The model that a sidecar of this stem is about. */
static bool find_model(const struct work *work, const char *stem, size_t *file)
{
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		NCM_AUTO_FREE char *relative = ncm_asprintf("%s%s", stem, endings[i]);

		if (survey_has(work, relative, file) && work->clues[*file].is_model)
			return true;
	}
	return false;
}

static void read_word(struct work *work, const char *relative, size_t file)
{
	const struct sidecar_kind *kind = sidecar_kind_of(relative);
	const char *name = ncm_path_base(work->survey->files[file].path);
	size_t size = 0;
	NCM_AUTO_FREE char *text = read_text(work, relative, kind->read ? INFO_BYTES : SUM_BYTES, &size);
	NCM_AUTO_JSON json_t *info =
	    text && kind->read ? ncm_json_parse(text, size, relative, NCM_E_OTHER, NULL) : NULL;
	struct told told = {.claim_count = 0};

	if (info)
		kind->read(info, name, &told);
	else if (text && !kind->read)
		sidecar_read_sum(text, name, &told);
	take_word(work, file, &told);
	told_clear(&told);
}

static void match(struct work *work, const char *relative)
{
	const struct sidecar_kind *kind = sidecar_kind_of(relative);
	NCM_AUTO_FREE char *stem = ncm_strndup(relative, strlen(relative) - strlen(kind->ending));
	size_t file;

	if (find_model(work, stem, &file))
		read_word(work, relative, file);
	else if (!kind->is_common)
		survey_settle(work, survey_add(work, relative, "sidecar"), NCM_SURVEY_ORPHANED,
			      ncm_strdup("the model that it is about is not there"));
}

/* Automatic1111's titles begin with the kind and go on with the path below that kind's folder, as its system writes
 * paths. */
static const struct ncm_store_folder *folder_of_title(const struct ncm_store *store, const char *title,
						      const char **path)
{
	static const struct {
		const char *prefix, *folder;
	} prefixes[] = {{"checkpoint/", "checkpoints"}, {"lora/", "loras"}, {"vae/", "vae"}};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		if (strncmp(title, prefixes[i].prefix, strlen(prefixes[i].prefix)) != 0)
			continue;
		*path = title + strlen(prefixes[i].prefix);
		for (size_t k = 0; k < store->folder_count; k++) {
			if (strcmp(store->folders[k].name, prefixes[i].folder) == 0)
				return &store->folders[k];
		}
	}
	return NULL;
}

/* A LoRA is titled by its name alone, whatever sub-folder it lies in: the only one of that name. */
static bool find_below(const struct work *work, const struct ncm_store_folder *folder, const char *name, size_t *file)
{
	NCM_AUTO_FREE char *top = ncm_path_join(work->store->path, folder->path);
	const size_t size = strlen(name);
	size_t found = 0;

	for (size_t i = 0; !strchr(name, '/') && i < work->survey->file_count; i++) {
		const char *path = work->survey->files[i].path, *base = ncm_path_base(path);

		if (!work->clues[i].is_model || strncmp(base, name, size) != 0 || !ncm_path_below(path, top) ||
		    (base[size] != '\0' && (base[size] != '.' || strchr(base + size + 1, '.'))))
			continue;
		*file = i;
		found++;
	}
	return found == 1;
}

/* A hash is of the file that had this mtime; what was written to later is another. */
static void take_cached(void *context, const char *title, const char *hex, double mtime)
{
	const double newer = 0.001;
	struct work *work = context;
	NCM_AUTO_FREE char *spelled = ncm_strdup(title);
	const struct ncm_store_folder *folder;
	NCM_AUTO_FREE char *relative = NULL;
	struct ncm_sha256 sha256;
	const char *path;
	size_t file;

	for (char *at = spelled; *at; at++)
		*at = *at == '\\' ? '/' : *at;
	folder = folder_of_title(work->store, spelled, &path);
	relative = folder ? ncm_path_join(folder->path, path) : NULL;
	if (relative && ncm_sha256_parse_any_case(hex, &sha256) == 0 &&
	    (find_model(work, relative, &file) || find_below(work, folder, path, &file)) &&
	    (double)work->survey->files[file].mtime_ns / 1e9 <= mtime + newer)
		survey_claim(work, file, &(struct ncm_survey_claim){.sha256 = sha256, .told_by = "cache.json"});
}

static void read_cache(struct work *work)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = read_text(work, "cache.json", CACHE_BYTES, &size);
	NCM_AUTO_JSON json_t *cache = text ? ncm_json_parse(text, size, "cache.json", NCM_E_OTHER, NULL) : NULL;
	NCM_AUTO_FREE char *database = read_text(work, "cache/hashes/cache.db", CACHE_BYTES, &size);
	const char *title;
	json_t *cached;
	double mtime;

	json_object_foreach(json_object_get(cache, "hashes"), title, cached)
	{
		const char *hex = ncm_json_string(cached, "sha256");

		if (hex && ncm_json_number(cached, "mtime", &mtime))
			take_cached(work, title, hex, mtime);
	}
	if (database)
		diskcache_read(database, size, take_cached, work);
}

/* A commit, the digest of the file, and when it was right, a line each. An older file than that is that one. */
static void take_download(struct work *work, size_t file, char *text)
{
	const char *commit = strsep(&text, "\n"), *etag = strsep(&text, "\n");
	const double then = text ? strtod(text, NULL) : 0;
	struct ncm_sha256 sha256;
	struct ncm_sha1 sha1;

	if (!commit || !etag || (double)work->survey->files[file].mtime_ns / 1e9 - 1 > then)
		return;
	if (ncm_sha256_parse(etag, &sha256) == 0)
		survey_claim(work, file, &(struct ncm_survey_claim){.sha256 = sha256, .told_by = "sidecar"});
	else if (ncm_sha1_parse(etag, &sha1) == 0)
		survey_tell_git_sha1(work, file, &sha1, "sidecar");
}

/* The folder that was given to `hf download` is the model's own or one above. */
static void read_download(struct work *work, size_t file)
{
	const char *relative = ncm_path_below(work->survey->files[file].path, work->store->path);
	size_t size = 0;

	for (const char *at = relative; at && *at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
		NCM_AUTO_FREE char *note =
		    ncm_asprintf("%.*s.cache/huggingface/download/%s.metadata", (int)(at - relative), relative, at);
		NCM_AUTO_FREE char *text = read_text(work, note, SUM_BYTES, &size);

		if (text)
			take_download(work, file, text);
	}
}

struct sidecars *sidecars_new(struct work *work)
{
	struct sidecars *sidecars = ncm_calloc(1, sizeof *sidecars);

	sidecars->work = work;
	return sidecars;
}

void sidecars_free(struct sidecars *sidecars)
{
	ncm_strings_free(&sidecars->names);
	free(sidecars);
}

void sidecars_offer(struct sidecars *sidecars, const char *relative)
{
	if (sidecar_kind_of(relative))
		ncm_strings_add(&sidecars->names, relative);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void sidecars_match(struct sidecars *sidecars)
{
	const struct ncm_strings *names = &sidecars->names;

	if (names->count > 0)
		qsort(names->items, names->count, sizeof *names->items, by_name);
	for (size_t i = 0; i < names->count; i++) {
		if (i == 0 || strcmp(names->items[i], names->items[i - 1]) != 0)
			match(sidecars->work, names->items[i]);
	}
	read_cache(sidecars->work);
	for (size_t i = 0; i < sidecars->work->survey->file_count; i++) {
		if (sidecars->work->clues[i].is_model && sidecars->work->clues[i].store == sidecars->work->store_index)
			read_download(sidecars->work, i);
	}
}
