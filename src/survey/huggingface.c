/* SPDX-License-Identifier: MIT */
/*
 * The cache of huggingface_hub (hub-docs, docs/hub/local-cache.md): a folder a repository, "models--ORG--NAME", with
 *
 *   blobs/<etag>                what was fetched. 64 hex digits: the sha256 of a large file (Git LFS, Xet); 40: git's
 *                               sha1 of a small one. What lies in Xet storage may be a link to ../../blobs/<xx>/<hash>,
 *                               beside the repositories, which all of them share
 *   snapshots/<commit>/<path>   links to ../../blobs/<etag>; where there are no links, the files themselves
 *   refs/<name>                 the commit of a branch or tag, 40 bytes
 *   trees/<commit>.json         what the commit consists of (newer versions)
 *   .no_exist/                  what was asked for in vain
 */
#include "survey/work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "source/shared.h"
#include "store/share.h"
#include "store/walk.h"

#include <string.h>

enum { REF_BYTES = 4096, TREE_BYTES = 16 << 20 };

/* One repository under way. */
struct repository {
	struct work *work;
	const char *folder; /* "models--org--name" */
	char *name;         /* "org/name" */
	json_t *models;     /* commit → index of the model */
	json_t *trees;      /* commit → "files" of its listing; null: there is none */
	json_t *linked;     /* names of the blobs that a snapshot links */
	json_t *shared;     /* paths of the shared blobs that a repository links: of all repositories so far */
};

/* "models--org--name" is "org/name". NULL for what is no model's repository. The caller frees it. */
static char *repository_name(const char *folder)
{
	static const char prefix[] = "models--";
	const char *from = folder + strlen(prefix);
	const char *between;

	if (strncmp(folder, prefix, strlen(prefix)) != 0 || !*from)
		return NULL;
	between = strstr(from, "--");
	return between ? ncm_asprintf("%.*s/%s", (int)(between - from), from, between + 2) : ncm_strdup(from);
}

static json_t *read_tree(const struct repository *repository, const char *commit)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/trees/%s.json", repository->folder, commit);
	NCM_AUTO_CLOSE int fd = os_open_beneath(repository->work->dirfd, path, OS_READ);
	size_t size = 0;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, TREE_BYTES, &size);
	NCM_AUTO_JSON json_t *tree = text ? ncm_json_parse(text, size, path, NCM_E_PROTOCOL, NULL) : NULL;
	json_t *files = json_object_get(tree, "files");

	return files ? json_incref(files) : json_null();
}

/* What the listing of a commit tells of a file. */
static void tell_from_tree(struct repository *repository, const char *commit, const char *path, size_t file)
{
	const json_t *entry = json_object_get(json_object_get(repository->trees, commit), path);
	const char *sha256 = ncm_json_string(entry, "lfs_sha256");
	const char *git_sha1 = ncm_json_string(entry, "blob_id");
	struct ncm_sha256 digest;
	struct ncm_sha1 git;
	uint64_t size = 0;

	if (ncm_json_u64(entry, "lfs_size", &size) || ncm_json_u64(entry, "size", &size))
		survey_tell_size(repository->work, file, size);
	if (sha256 && ncm_sha256_parse(sha256, &digest) == 0)
		survey_tell_sha256(repository->work, file, &digest, "listing");
	else if (!sha256 && git_sha1 && ncm_sha1_parse(git_sha1, &git) == 0)
		survey_tell_git_sha1(repository->work, file, &git, "listing");
}

/* Whether a blob's name is that of its content. */
static bool tell_from_name(struct work *work, const char *name, size_t file)
{
	struct ncm_sha256 sha256;
	struct ncm_sha1 git;

	if (strlen(name) == NCM_SHA256_HEX && ncm_sha256_parse(name, &sha256) == 0)
		survey_tell_sha256(work, file, &sha256, "name");
	else if (strlen(name) == 40 && ncm_sha1_parse(name, &git) == 0)
		survey_tell_git_sha1(work, file, &git, "name");
	else
		return false;
	return true;
}

static const char *role_of(const char *name)
{
	if (ncm_format_is_model_name(name))
		return "weights";
	if (ncm_path_has_suffix(name, ".index.json"))
		return "index";
	if (strncmp(name, "tokenizer", 9) == 0 || strncmp(name, "vocab", 5) == 0 || strcmp(name, "merges.txt") == 0)
		return "tokenizer";
	if (ncm_path_has_suffix(name, ".json") || ncm_path_has_suffix(name, ".yaml"))
		return "config";
	return strncmp(name, "LICENSE", 7) == 0 ? "license" : "other";
}

/* Where a link leads, as a path below the store. NULL: it is none, or leads out of the store. The caller frees it. */
static char *behind_link(const struct work *work, int dirfd, const char *name, const char *relative)
{
	const char *store = work->store->path, *below;
	NCM_AUTO_FREE char *folder =
	    ncm_asprintf("%s/%.*s", store, (int)(ncm_path_base(relative) - relative), relative);
	NCM_AUTO_FREE char *joined = NULL, *target = NULL;
	char link[4096];
	ssize_t size = os_readlink(dirfd, name, link, sizeof link);

	if (size <= 0)
		return NULL;
	joined = ncm_path_join(folder, link);
	target = ncm_path_absolute(joined);
	below = ncm_path_below(target, store);
	return ncm_strdup_null(below);
}

/* The blob that a link in a snapshot leads to. NULL if it leads elsewhere. The caller frees it. */
static char *blob_behind(const struct repository *repository, const struct ncm_walk_entry *entry, const char *relative)
{
	NCM_AUTO_FREE char *blobs = ncm_path_join(repository->folder, "blobs");
	char *target = behind_link(repository->work, entry->dirfd, entry->name, relative);
	const char *name = target ? ncm_path_below(target, blobs) : NULL;

	if (name && *name && !strchr(name, '/'))
		return target;
	free(target);
	return NULL;
}

/* Where the bytes of a repository's blob are: it may be a link itself, to one that all share. The caller frees it. */
static char *bytes_of(const struct work *work, const char *blob)
{
	char *shared = behind_link(work, work->dirfd, blob, blob);

	if (shared && store_is_shared_blob(shared))
		return shared;
	free(shared);
	return ncm_strdup(blob);
}

static size_t add_link(struct repository *repository, const struct ncm_walk_entry *entry, const char *relative)
{
	struct work *work = repository->work;
	NCM_AUTO_FREE char *blob = blob_behind(repository, entry, relative);
	NCM_AUTO_FREE char *bytes = blob ? bytes_of(work, blob) : NULL;
	const char *role = role_of(entry->name);
	size_t file;

	if (!blob) {
		file = survey_add(work, relative, role);
		survey_settle(work, file, NCM_SURVEY_UNREADABLE, ncm_strdup("is a link that leads to no blob"));
		return file;
	}
	json_object_set_new_nocheck(repository->linked, ncm_path_base(blob), json_true());
	file = survey_add_link(work, relative, bytes, role);
	(void)tell_from_name(work, ncm_path_base(blob), file);
	if (work->survey->files[file].state == NCM_SURVEY_MISSING)
		survey_settle(work, file, NCM_SURVEY_MISSING, ncm_strdup("the blob that it is a link to is not there"));
	return file;
}

static size_t model_of(struct repository *repository, const char *commit)
{
	const json_t *known = json_object_get(repository->models, commit);
	NCM_AUTO_FREE char *uri = ncm_asprintf("%s%s@%s", ncm_source_huggingface.begins, repository->name, commit);
	NCM_AUTO_FREE char *source = NULL;
	size_t model;

	if (known)
		return (size_t)json_integer_value(known);
	if (ncm_source_is_commit(commit))
		(void)ncm_source_check(uri, false, &source, NULL);
	model = survey_add_model(repository->work, source, repository->name, ncm_source_huggingface.scheme);
	repository->work->survey->models[model].form = NCM_SURVEY_SNAPSHOT;
	survey_say(&repository->work->survey->models[model].entry.revision, commit);
	json_object_set_new_nocheck(repository->models, commit, json_integer((json_int_t)model));
	json_object_set_new_nocheck(repository->trees, commit, read_tree(repository, commit));
	return model;
}

static void find_in_snapshot(void *context, const struct ncm_walk_entry *entry)
{
	struct repository *repository = context;
	struct work *work = repository->work;
	const char *slash = strchr(entry->path, '/');
	NCM_AUTO_FREE char *commit = slash ? ncm_strndup(entry->path, (size_t)(slash - entry->path)) : NULL;
	NCM_AUTO_FREE char *relative = ncm_asprintf("%s/snapshots/%s", repository->folder, entry->path);
	size_t model, file;

	if (!slash)
		return;
	model = model_of(repository, commit);
	file = entry->status->kind == OS_IS_LINK ? add_link(repository, entry, relative)
						 : survey_add(work, relative, role_of(entry->name));
	tell_from_tree(repository, commit, slash + 1, file);
	work->clues[file].is_model = ncm_format_is_model_name(entry->name);
	survey_join(work, model, file);
}

static void find_ref(void *context, const struct ncm_walk_entry *entry)
{
	const struct repository *repository = context;
	NCM_AUTO_FREE char *relative = ncm_asprintf("%s/refs/%s", repository->folder, entry->path);
	NCM_AUTO_CLOSE int fd = os_open_beneath(entry->dirfd, entry->name, OS_READ);
	NCM_AUTO_FREE char *commit = fd < 0 ? NULL : ncm_read_fd(fd, REF_BYTES, NULL);
	char *why;

	if (commit && json_object_get(repository->models, commit))
		return;
	if (!commit || !ncm_source_is_commit(commit))
		why = ncm_strdup("does not hold 40 hex digits and nothing else: huggingface_hub cannot use it");
	else
		why = ncm_asprintf("names the commit %s, of which there is no file", commit);
	survey_settle(repository->work, survey_add(repository->work, relative, "ref"), NCM_SURVEY_ORPHANED, why);
}

static void find_blob(void *context, const struct ncm_walk_entry *entry)
{
	const struct repository *repository = context;
	struct work *work = repository->work;
	NCM_AUTO_FREE char *relative = ncm_asprintf("%s/blobs/%s", repository->folder, entry->path);
	const bool partial = ncm_path_has_suffix(entry->name, ".incomplete");

	if (json_object_get(repository->linked, entry->path))
		return;
	if (partial)
		survey_settle(work, survey_add(work, relative, "partial"), NCM_SURVEY_PARTIAL,
			      ncm_strdup("a download of huggingface_hub's"));
	else
		survey_settle(work, survey_add(work, relative, "blob"), NCM_SURVEY_UNREFERENCED,
			      ncm_strdup("no snapshot links it"));
}

/* Of datasets and spaces, too, of which nothing else is looked at. */
static void note_shared(void *context, const struct ncm_walk_entry *entry)
{
	const struct repository *repository = context;
	NCM_AUTO_FREE char *relative = ncm_asprintf("%s/blobs/%s", repository->folder, entry->path);
	NCM_AUTO_FREE char *bytes = bytes_of(repository->work, relative);

	json_object_set_new_nocheck(repository->shared, bytes, json_true());
}

static void look_through(struct work *work, const char *folder, json_t *shared)
{
	struct repository repository = {
	    .work = work, .folder = folder, .name = repository_name(folder), .shared = shared};
	NCM_AUTO_FREE char *snapshots = ncm_path_join(folder, "snapshots");
	NCM_AUTO_FREE char *refs = ncm_path_join(folder, "refs");
	NCM_AUTO_FREE char *blobs = ncm_path_join(folder, "blobs");

	if (strstr(folder, "--"))
		survey_walk(work, blobs, &(struct ncm_walk_how){.all = false}, note_shared, &repository);
	if (!repository.name)
		return;
	repository.models = json_object();
	repository.trees = json_object();
	repository.linked = json_object();
	survey_walk(work, snapshots, &(struct ncm_walk_how){.all = true}, find_in_snapshot, &repository);
	survey_walk(work, refs, &(struct ncm_walk_how){.all = false}, find_ref, &repository);
	survey_walk(work, blobs, &(struct ncm_walk_how){.all = false}, find_blob, &repository);
	json_decref(repository.models);
	json_decref(repository.trees);
	json_decref(repository.linked);
	free(repository.name);
}

static void find_shared(void *context, const struct ncm_walk_entry *entry)
{
	const struct repository *cache = context;
	NCM_AUTO_FREE char *relative = ncm_path_join(cache->folder, entry->path);

	if (store_is_shared_blob(relative) && !json_object_get(cache->shared, relative))
		survey_settle(cache->work, survey_add(cache->work, relative, "blob"), NCM_SURVEY_UNREFERENCED,
			      ncm_strdup("no repository of this cache links it"));
}

void survey_huggingface(struct work *work)
{
	struct repository cache = {.work = work, .folder = "blobs", .shared = json_object()};
	struct os_list *dir = os_list(ncm_dir_beneath(work->dirfd, NULL));
	const char *entry;

	if (os_access(work->dirfd, "hub", 0) == 0)
		ncm_emit_text(work->sink, NCM_EVENT_WARNING, "%s has a folder hub/, and that is the cache",
			      work->store->path);
	while (dir && !ncm_interrupted() && (entry = os_list_next(dir)))
		look_through(work, entry, cache.shared);
	os_list_end(dir);
	survey_walk(work, cache.folder, &(struct ncm_walk_how){.all = true}, find_shared, &cache);
	json_decref(cache.shared);
}
