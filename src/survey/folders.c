/* SPDX-License-Identifier: MIT */
/*
 * Stores of plain files: Automatic1111, ComfyUI, llama.cpp and others. A model is one file, or the shards of one set
 * ("x-00001-of-00003.gguf").
 */
#include "survey/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/purpose.h"

#include <errno.h>
#include <string.h>

enum { SHARD_DIGITS = 5, MOST_SHARDS = 1000 };

struct finding {
	struct work *work;
	struct sidecars *sidecars;
	struct pipelines *pipelines;
	const struct ncm_store_folder *folder; /* NULL: the store as a whole */
	const char *below;                     /* what is walked, as a path below the store */
	json_t *sets;                          /* sets of shards that are put down */
	struct ncm_walk_seen seen;
};

/* Browsers, aria2, huggingface_hub and the tools of the applications call unfinished files so. */
static bool is_partial_name(const char *name)
{
	static const char *const endings[] = {".part", ".partial", ".crdownload", ".aria2", ".incomplete", ".download"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(name, endings[i]))
			return true;
	}
	return false;
}

/* aria2 writes into the file itself, and keeps a note beside it until it is done. */
static bool is_being_fetched(const struct ncm_walk_entry *entry)
{
	NCM_AUTO_FREE char *note = ncm_asprintf("%s.aria2", entry->name);

	return os_has(entry->dirfd, note);
}

static bool five_digits(const char *text, unsigned *value)
{
	*value = 0;
	for (size_t i = 0; i < SHARD_DIGITS; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (unsigned)(text[i] - '0');
	}
	return true;
}

/* Of "a/x-00002-of-00003.gguf" the length of "a/x", and 3; 0 for a file that is whole. */
static size_t shard_prefix(const char *relative, unsigned *count)
{
	const char *dot = strrchr(relative, '.');
	const size_t tail = strlen("-NNNNN-of-NNNNN");
	const char *mark = dot && (size_t)(dot - relative) > tail ? dot - tail : NULL;
	unsigned number;

	if (!mark || mark[0] != '-' || !five_digits(mark + 1, &number) || strncmp(mark + 6, "-of-", 4) != 0 ||
	    !five_digits(mark + 10, count) || number < 1 || number > *count || *count > MOST_SHARDS)
		return 0;
	return (size_t)(mark - relative);
}

/* "model.fp16" is "model" in another precision: how long that is. */
static size_t without_variant(const char *name)
{
	static const char *const variants[] = {".fp16", ".bf16", ".fp32", ".fp8", ".non_ema", ".ema"};
	size_t size = strlen(name);

	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		const size_t length = strlen(variants[i]);

		if (size > length && strncmp(name + size - length, variants[i], length) == 0)
			size -= length;
	}
	return size;
}

/* "model.bin" says less than the folder that it lies in. The caller frees the result. */
static char *name_of(const char *relative, size_t length)
{
	static const char *const general[] = {"model", "pytorch_model", "diffusion_pytorch_model", "adapter_model",
					      "consolidated"};
	NCM_AUTO_FREE char *path = ncm_strndup(relative, length);
	char *slash = strrchr(path, '/');

	for (size_t i = 0; slash && i < sizeof general / sizeof *general; i++) {
		if (strlen(general[i]) == without_variant(slash + 1) &&
		    strncmp(slash + 1, general[i], strlen(general[i])) == 0) {
			*slash = '\0';
			break;
		}
	}
	return ncm_strdup(ncm_path_base(path));
}

static void add_weights(const struct finding *finding, size_t model, const char *relative)
{
	struct work *work = finding->work;
	const size_t file = survey_add(work, relative, "weights");

	work->clues[file].is_model = true;
	/* A part of a store is one of its folders. */
	work->clues[file].folder_kind = purpose_of_folder(work->store->part ? work->store->part
							  : finding->folder ? finding->folder->name
									    : NULL);
	survey_join(work, model, file);
}

/* All shards of the set that one file is of, those that are not there too. */
static void add_shards(const struct finding *finding, size_t model, const char *relative, size_t prefix, unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		NCM_AUTO_FREE char *shard =
		    ncm_asprintf("%.*s-%05u-of-%05u%s", (int)prefix, relative, i, count, strrchr(relative, '.'));

		add_weights(finding, model, shard);
	}
}

static void add_set(struct finding *finding, const char *relative, size_t prefix, unsigned count)
{
	NCM_AUTO_FREE char *key = ncm_asprintf("%.*s/%u%s", (int)prefix, relative, count, strrchr(relative, '.'));
	NCM_AUTO_FREE char *name = name_of(relative, prefix);

	if (json_object_get(finding->sets, key))
		return;
	json_object_set_new_nocheck(finding->sets, key, json_true());
	add_shards(finding, survey_add_model(finding->work, NULL, name, "name"), relative, prefix, count);
}

/* Of a pipeline: with all shards of its set. */
static void add_part(const struct finding *finding, size_t model, const char *relative)
{
	unsigned count;
	const size_t prefix = shard_prefix(relative, &count);

	if (prefix > 0)
		add_shards(finding, model, relative, prefix, count);
	else
		add_weights(finding, model, relative);
}

/* Shards by names of their own: with the first that is met come all that the index beside it names. False: it is none
 * of them. */
static bool add_indexed(const struct finding *finding, const char *relative)
{
	struct ncm_strings files = {0};
	bool is_shard;

	pipelines_indexed(finding->pipelines, relative, &files);
	is_shard = files.count > 1;
	if (is_shard) {
		NCM_AUTO_FREE char *folder = ncm_path_folder(relative);
		NCM_AUTO_FREE char *name = ncm_strndup(folder, strlen(folder) - (*folder ? 1 : 0));
		const size_t model =
		    survey_add_model(finding->work, NULL, ncm_path_base(*name ? name : relative), "name");

		for (size_t i = 0; i < files.count; i++)
			add_weights(finding, model, files.items[i]);
	}
	ncm_strings_free(&files);
	return is_shard;
}

static void add_model(struct finding *finding, const char *relative)
{
	unsigned count;
	const size_t prefix = shard_prefix(relative, &count);
	NCM_AUTO_FREE char *name = name_of(relative, (size_t)(strrchr(relative, '.') - relative));
	size_t file;

	if (survey_has(finding->work, relative, &file))
		return;
	if (prefix > 0)
		add_set(finding, relative, prefix, count);
	else if (!add_indexed(finding, relative))
		add_weights(finding, survey_add_model(finding->work, NULL, name, "name"), relative);
}

/* Of the links to folders only those are told that are not followed. */
static bool is_link_to_folder(const struct ncm_walk_entry *entry)
{
	struct os_stat status;

	return entry->status->kind == OS_IS_LINK && os_stat(entry->dirfd, entry->name, &status) == 0 &&
	       status.kind == OS_IS_FOLDER;
}

static void add_pipeline_file(const struct finding *finding, size_t model, const char *relative)
{
	if (ncm_format_is_model_name(ncm_path_base(relative)))
		add_part(finding, model, relative);
}

static void find(void *context, const struct ncm_walk_entry *entry)
{
	struct finding *finding = context;
	struct work *work = finding->work;
	NCM_AUTO_FREE char *relative = ncm_path_join(finding->below, entry->path);
	size_t pipeline;

	if (is_link_to_folder(entry))
		survey_tell_unreadable(work, relative, "folder", ELOOP);
	else if (is_partial_name(entry->name) || (ncm_format_is_model_name(entry->name) && is_being_fetched(entry)))
		survey_settle(work, survey_add(work, relative, "partial"), NCM_SURVEY_PARTIAL,
			      ncm_strdup("an unfinished download of another tool"));
	else if ((pipeline = pipelines_take(finding->pipelines, finding->below, relative)) != NO_MODEL)
		add_pipeline_file(finding, pipeline, relative);
	else if (entry->name[0] != '.' && ncm_format_is_model_name(entry->name))
		add_model(finding, relative);
	else
		sidecars_offer(finding->sidecars, relative);
}

static void walk(struct finding *finding, const char *below, bool behind_link)
{
	const struct ncm_walk_how how = {.links = STORE_LINKS_READ, .seen = &finding->seen, .behind_link = behind_link};

	finding->below = below;
	survey_walk(finding->work, below, &how, find, finding);
}

/* One that is a link, or lies behind one, waits until what lies here without was seen. */
static bool look_in_folder(struct finding *finding, const struct ncm_store_folder *folder)
{
	struct work *work = finding->work;
	const char *path = folder ? folder->path : "";
	NCM_AUTO_CLOSE int fd = ncm_dir_beneath(work->dirfd, path);

	finding->folder = folder;
	if (fd >= 0)
		walk(finding, path, false);
	else if (errno == ELOOP || errno == EXDEV)
		ncm_strings_add_new(&finding->seen.links, path);
	else if (errno != ENOENT && errno != ENOTDIR)
		survey_tell_unreadable(work, path, "folder", errno);
	else
		return false;
	return true;
}

/* The layout's folder that a path is or lies in: the longest. */
static const struct ncm_store_folder *folder_of(const struct ncm_store *store, const char *path)
{
	const struct ncm_store_folder *found = NULL;

	for (size_t i = 0; i < store->folder_count; i++) {
		const struct ncm_store_folder *folder = &store->folders[i];

		if ((strcmp(path, folder->path) == 0 || ncm_path_below(path, folder->path)) &&
		    (!found || strlen(folder->path) > strlen(found->path)))
			found = folder;
	}
	return found;
}

static void look_behind_links(struct finding *finding)
{
	for (size_t i = 0; i < finding->seen.links.count && !ncm_interrupted(); i++) {
		NCM_AUTO_FREE char *link = ncm_strdup(finding->seen.links.items[i]);

		finding->folder = folder_of(finding->work->store, link);
		walk(finding, link, true);
	}
}

void survey_folders(struct work *work)
{
	struct finding finding = {
	    .work = work, .sidecars = sidecars_new(work), .pipelines = pipelines_new(work), .sets = json_object()};
	bool any = false;

	for (size_t i = 0; i < work->store->folder_count && !ncm_interrupted(); i++)
		any = look_in_folder(&finding, &work->store->folders[i]) || any;
	/* Without folders of its own, or of another shape than the layout knows: everything. */
	if (!any)
		(void)look_in_folder(&finding, NULL);
	look_behind_links(&finding);
	pipelines_check(finding.pipelines);
	pipelines_free(finding.pipelines);
	sidecars_match(finding.sidecars);
	sidecars_free(finding.sidecars);
	json_decref(finding.sets);
	ncm_walk_seen_clear(&finding.seen);
}
