/* SPDX-License-Identifier: MIT */
/*
 * The cache of huggingface_hub (hub-docs, docs/hub/local-cache.md): a folder a repository, "models--ORG--NAME", with
 * blobs/, snapshots/ and refs/; see survey/huggingface.c.
 */
#include "store/kind_huggingface.h"
#include "store/hub.h"
#include "store/location.h"
#include "store/share.h"
#include "store/store.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char repositories[] = "models--";
enum { COMMIT = 40 };

const char *store_hub_rest_of(const char *relative, const char *folder)
{
	const size_t size = strcspn(relative, "/");

	if (!memmem(relative, size, "--", 2) || relative[size] == '\0')
		return NULL;
	return ncm_path_below(relative + size + 1, folder);
}

bool store_hub_is_blob(const char *relative)
{
	const char *rest = store_hub_rest_of(relative, "blobs");

	return rest && !strchr(rest, '/');
}

static bool is_of_models(const char *relative)
{
	return strncmp(relative, repositories, strlen(repositories)) == 0;
}

/* "models--ORG--NAME/blobs/<sha256 or git's sha1>" */
static bool is_good_blob(const char *relative)
{
	const char *name = is_of_models(relative) && store_hub_is_blob(relative) ? ncm_path_base(relative) : "";
	const size_t size = strspn(name, hex_digits);

	return (size == COMMIT || size == NCM_SHA256_HEX) && name[size] == '\0';
}

/* "models--ORG--NAME/snapshots/<commit>/PATH": a file where the cache had no links to make. */
static bool is_in_snapshot(const char *relative)
{
	const char *commit = is_of_models(relative) ? store_hub_rest_of(relative, "snapshots") : NULL;

	return commit && strspn(commit, hex_digits) == COMMIT && commit[COMMIT] == '/';
}

static int admits(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err)
{
	if (!offer->repository || !offer->revision || !offer->path) {
		ncm_error_set(
		    err, NCM_E_POLICY,
		    "the Hugging Face cache \"%s\" takes files of repositories of Hugging Face alone, each as it is",
		    store->id);
		return ncm_error_hint(err, "an hf: source can go there; for others choose another store with --to");
	}
	if (!offer->sha256 && !offer->git_sha1) {
		ncm_error_set(err, NCM_E_PROTOCOL,
			      "%s: its source tells no digest, and the Hugging Face cache \"%s\" names bytes by it",
			      offer->path, store->id);
		return ncm_error_hint(err,
				      "set HF_ENDPOINT to a mirror that has all of Hugging Face's API, or unset it");
	}
	if (!offer->folder && !offer->is_spelled)
		return 0;
	ncm_error_set(err, NCM_E_USAGE,
		      "in the Hugging Face cache \"%s\" a file has the folder and name that its repository gives it",
		      store->id);
	return ncm_error_hint(err, "leave folder and name out, as in --to %s", store->id);
}

static char *place(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err)
{
	(void)store;
	return hub_snapshot_path(offer->repository, offer->revision, offer->path, err);
}

static int check(const struct ncm_store *store, const char *relative, struct ncm_error *err)
{
	if (is_good_blob(relative) || is_in_snapshot(relative) ||
	    (strncmp(relative, "blobs/", 6) == 0 && store_is_shared_blob(relative)))
		return ncm_path_check(relative, err) ? 0 : -1;
	return ncm_error_set(err, NCM_E_POLICY, "refused: %s is no file of the Hugging Face cache \"%s\"", relative,
			     store->id);
}

/* Where huggingface_hub (constants.py) keeps its cache when the environment says so. */
static char *location(char **told_by)
{
	static const struct {
		const char *variable, *below;
	} places[] = {{"HF_HUB_CACHE", ""},
		      {"HUGGINGFACE_HUB_CACHE", ""},
		      {"HF_HOME", "/hub"},
		      {"XDG_CACHE_HOME", "/huggingface/hub"}};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const char *value = store_variable(places[i].variable);
		NCM_AUTO_FREE char *path = value ? store_expand_home(value) : NULL;

		if (!path)
			continue;
		*told_by = ncm_strdup(places[i].variable);
		return ncm_asprintf("%s%s", path, places[i].below);
	}
	return NULL;
}

static struct os_list *open_folder(int dirfd, const char *relative)
{
	return os_list(ncm_dir_beneath(dirfd, relative));
}

static bool is_here(int dirfd)
{
	struct os_list *dir = open_folder(dirfd, "");
	const char *entry;
	bool found = false;

	while (dir && !found && (entry = os_list_next(dir)))
		found = is_of_models(entry);
	os_list_end(dir);
	return found;
}

static char *setting(const struct ncm_store *store, const char *path)
{
	(void)store;
	return ncm_asprintf("the tools of Hugging Face: HF_HUB_CACHE=%s", path);
}

static const char *blob_key(const char *relative)
{
	return store_hub_is_blob(relative) || store_is_shared_blob(relative) ? relative : NULL;
}

static void list_blobs_of(int dirfd, const char *repository, void (*found)(void *context, const char *relative),
			  void *context)
{
	NCM_AUTO_FREE char *folder = ncm_asprintf("%s/blobs", repository);
	struct os_list *blobs = open_folder(dirfd, folder);
	const char *blob;

	while (blobs && (blob = os_list_next(blobs))) {
		NCM_AUTO_FREE char *relative = ncm_path_join(folder, blob);

		if (strspn(blob, hex_digits) == NCM_SHA256_HEX && blob[NCM_SHA256_HEX] == '\0')
			found(context, relative);
	}
	os_list_end(blobs);
}

/* Each repository of the cache has blobs of its own. */
static void list_blobs(int dirfd, void (*found)(void *context, const char *relative), void *context)
{
	struct os_list *dir = open_folder(dirfd, "");
	const char *repository;

	while (dir && (repository = os_list_next(dir))) {
		if (strstr(repository, "--"))
			list_blobs_of(dirfd, repository, found, context);
	}
	os_list_end(dir);
}

/* The blob that all repositories share, if this one of a repository is a link to it. */
static char *blob_behind(int dirfd, const char *relative)
{
	char target[256];
	const ssize_t size = os_readlink(dirfd, relative, target, sizeof target - 1);
	const char *at;

	target[size > 0 ? size : 0] = '\0';
	at = strstr(target, "blobs/");
	return at && store_is_shared_blob(at) ? ncm_strdup(at) : NULL;
}

static bool is_partial(const char *relative)
{
	return store_hub_is_blob(relative) && ncm_path_has_suffix(relative, ".incomplete");
}

const struct ncm_store_kind ncm_kind_huggingface = {
    .name = "huggingface",
    .own = ".locks/.ncmodel",
    .keeps_repositories = true,
    .names = &hub_names,
    .admits = admits,
    .place = place,
    .check = check,
    .location = location,
    .is_here = is_here,
    .variable = "HF_HUB_CACHE",
    .setting = setting,
    .by_digest = true,
    .blobs = "",
    .shared_mark = "blobs/.huggingface-shared-blobs",
    .blobs_are_links = true,
    .unread = "not all snapshots of this cache can be read, and one may need it",
    .blob_key = blob_key,
    .list_blobs = list_blobs,
    .blob_behind = blob_behind,
    .is_partial = is_partial,
};
