/* SPDX-License-Identifier: MIT */
/*
 * Files that other tools put beside a model, and what they tell of it:
 *
 *   FILE.sha256, STEM.sha256   a digest, alone or as sha256sum writes it
 *   STEM.civitai.info          Civitai Helper: a version of Civitai's API
 *   STEM.metadata.json         LoRA Manager: "sha256", and such a version as "civitai"
 *   STEM.cm-info.json          StabilityMatrix: "ModelId", "VersionId", "Hashes": {"SHA256"}
 *   cache.json                 Automatic1111: hashes with the mtime that a file had, at the root of the web UI
 *
 * STEM is the model's name without its ending. None of them is changed or taken for more than somebody's word.
 */
#include "survey/work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

enum { SUM_BYTES = 64 << 10, INFO_BYTES = 16 << 20, CACHE_BYTES = 64 << 20 };

struct sidecars {
	struct work *work;
	struct ncm_strings names; /* below the store */
};

/* Model files as the applications name them. */
static const char *const endings[] = {"",     ".safetensors", ".ckpt", ".pt",   ".pth",
				      ".bin", ".gguf",        ".sft",  ".onnx", ".pkl"};

struct told {
	bool has_sha256;
	struct ncm_sha256 sha256;
	uint64_t model, version, file; /* Civitai's; 0: not told */
	const char *name, *kind;       /* borrowed; or NULL */
};

static char *read_text(const struct work *work, const char *relative, size_t limit, size_t *size)
{
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(work->dirfd, relative, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	return fd < 0 ? NULL : ncm_read_fd(fd, limit, size);
}

/* One line of sha256sum: the digest, and the name that it is said of ("" if there is none). */
static bool read_line(char *line, struct ncm_sha256 *sha256, const char **name)
{
	const size_t size = strspn(line, "0123456789abcdefABCDEF");
	char *rest = line + size + strspn(line + size, " \t*");

	rest[strcspn(rest, "\r")] = '\0';
	*name = ncm_path_base(rest);
	line[size] = '\0';
	return size == NCM_SHA256_HEX && ncm_sha256_parse_any_case(line, sha256) == 0;
}

/* The line of the file's name; of a text with one line, that. */
static void read_sum(char *text, const char *file, struct told *told)
{
	struct ncm_sha256 sha256;
	const char *name;
	size_t lines = 0;

	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		bool is_first;

		if (*line == '\0')
			continue;
		is_first = ++lines == 1;
		if (!read_line(line, &sha256, &name))
			continue;
		if (is_first || strcmp(name, file) == 0) {
			told->has_sha256 = true;
			told->sha256 = sha256;
		}
		if (strcmp(name, file) == 0)
			return;
	}
	if (lines > 1)
		told->has_sha256 = false;
}

static void take_digest(struct told *told, const char *hex)
{
	if (hex && ncm_sha256_parse_any_case(hex, &told->sha256) == 0)
		told->has_sha256 = true;
}

/* Of a version's files the one of this name, else the primary one, else the only one. */
static const json_t *file_of(const json_t *version, const char *name)
{
	const json_t *files = json_object_get(version, "files");
	const json_t *file, *primary = json_array_size(files) == 1 ? json_array_get(files, 0) : NULL;
	size_t i;

	json_array_foreach(files, i, file)
	{
		const char *its = ncm_json_string(file, "name");

		if (its && strcmp(its, name) == 0)
			return file;
		if (ncm_json_bool(file, "primary") && !primary)
			primary = file;
	}
	return primary;
}

/* A version as Civitai's API gives it. */
static void read_version(const json_t *version, const char *name, struct told *told)
{
	const json_t *file = file_of(version, name);
	const json_t *model = json_object_get(version, "model");

	(void)ncm_json_u64(version, "id", &told->version);
	(void)ncm_json_u64(version, "modelId", &told->model);
	(void)ncm_json_u64(file, "id", &told->file);
	told->name = ncm_json_string(model, "name");
	told->kind = ncm_json_string(model, "type");
	take_digest(told, ncm_json_string(json_object_get(file, "hashes"), "SHA256"));
}

static void read_lora_manager(const json_t *info, const char *name, struct told *told)
{
	read_version(json_object_get(info, "civitai"), name, told);
	take_digest(told, ncm_json_string(info, "sha256"));
}

static void read_stability_matrix(const json_t *info, const char *name, struct told *told)
{
	(void)name;
	(void)ncm_json_u64(info, "ModelId", &told->model);
	(void)ncm_json_u64(info, "VersionId", &told->version);
	told->name = ncm_json_string(info, "ModelName");
	told->kind = ncm_json_string(info, "ModelType");
	take_digest(told, ncm_json_string(json_object_get(info, "Hashes"), "SHA256"));
}

static const struct kind {
	const char *ending;
	void (*read)(const json_t *info, const char *name, struct told *told); /* NULL: a text of sha256sum */
} kinds[] = {
    {".sha256", NULL},
    {".civitai.info", read_version},
    {".metadata.json", read_lora_manager},
    {".cm-info.json", read_stability_matrix},
};

static const struct kind *kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (ncm_path_has_suffix(name, kinds[i].ending) && strlen(name) > strlen(kinds[i].ending))
			return &kinds[i];
	}
	return NULL;
}

/* As ncmodel's manifests call what Civitai calls so. */
static const char *kind_word(const char *type)
{
	static const struct {
		const char *type, *word;
	} words[] = {{"Checkpoint", "checkpoint"},
		     {"LORA", "lora"},
		     {"LoCon", "lora"},
		     {"DoRA", "lora"},
		     {"VAE", "vae"},
		     {"TextualInversion", "textual-inversion"},
		     {"Controlnet", "controlnet"},
		     {"Upscaler", "upscaler"},
		     {"MotionModule", "motion-module"}};

	for (size_t i = 0; type && i < sizeof words / sizeof *words; i++) {
		if (strcasecmp(type, words[i].type) == 0)
			return words[i].word;
	}
	return NULL;
}

static void take_source(struct ncm_survey_model *model, const struct told *told)
{
	NCM_AUTO_FREE char *uri = NULL;
	NCM_AUTO_FREE char *of = told->model ? ncm_asprintf("%llu@", (unsigned long long)told->model) : ncm_strdup("");
	NCM_AUTO_FREE char *file =
	    told->file ? ncm_asprintf("?fileId=%llu", (unsigned long long)told->file) : ncm_strdup("");
	struct ncm_reg_model *entry = &model->entry;

	if (!told->version || entry->source)
		return;
	uri = ncm_asprintf("civitai:%s%llu%s", of, (unsigned long long)told->version, file);
	if (ncm_source_check(uri, false, &entry->source, NULL) < 0)
		return;
	entry->revision = ncm_asprintf("%llu", (unsigned long long)told->version);
	model->known_by = "civitai";
}

static void take_word(struct work *work, size_t file, const struct told *told)
{
	struct ncm_survey_model *model = &work->survey->models[work->clues[file].model];

	if (told->has_sha256)
		survey_tell_sha256(work, file, &told->sha256, "sidecar");
	if (model->file_count != 1) /* of a set of shards it speaks of one alone */
		return;
	take_source(model, told);
	survey_say(&model->entry.kind, kind_word(told->kind));
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

static void match(struct work *work, const char *relative)
{
	const struct kind *kind = kind_of(relative);
	NCM_AUTO_FREE char *stem = ncm_strndup(relative, strlen(relative) - strlen(kind->ending));
	size_t size = 0, file;
	NCM_AUTO_FREE char *text = read_text(work, relative, kind->read ? INFO_BYTES : SUM_BYTES, &size);
	NCM_AUTO_JSON json_t *info =
	    text && kind->read ? ncm_json_parse(text, size, relative, NCM_E_OTHER, NULL) : NULL;
	struct told told = {.has_sha256 = false};

	if (!find_model(work, stem, &file)) {
		survey_settle(work, survey_add(work, relative, "sidecar"), NCM_SURVEY_ORPHANED,
			      ncm_strdup("the model that it is about is not there"));
		return;
	}
	if (info)
		kind->read(info, ncm_path_base(work->survey->files[file].path), &told);
	else if (text && !kind->read)
		read_sum(text, ncm_path_base(work->survey->files[file].path), &told);
	take_word(work, file, &told);
}

/* Automatic1111's titles begin with the kind and go on with the path below that kind's folder. */
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

/* A hash is of the file that had this mtime; what was written to later is another. */
static void take_cached(struct work *work, const char *title, const json_t *cached)
{
	const double newer = 0.001;
	const char *path, *hex = ncm_json_string(cached, "sha256");
	const struct ncm_store_folder *folder = folder_of_title(work->store, title, &path);
	NCM_AUTO_FREE char *relative = folder ? ncm_path_join(folder->path, path) : NULL;
	struct ncm_sha256 sha256;
	double mtime;
	size_t file;

	if (relative && hex && ncm_sha256_parse_any_case(hex, &sha256) == 0 &&
	    ncm_json_number(cached, "mtime", &mtime) && find_model(work, relative, &file) &&
	    (double)work->survey->files[file].mtime_ns / 1e9 <= mtime + newer)
		survey_tell_sha256(work, file, &sha256, "cache.json");
}

static void read_cache(struct work *work)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = read_text(work, "cache.json", CACHE_BYTES, &size);
	NCM_AUTO_JSON json_t *cache = text ? ncm_json_parse(text, size, "cache.json", NCM_E_OTHER, NULL) : NULL;
	const char *title;
	json_t *cached;

	json_object_foreach(json_object_get(cache, "hashes"), title, cached) take_cached(work, title, cached);
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
	if (kind_of(relative))
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
}
