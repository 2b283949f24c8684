/* SPDX-License-Identifier: MIT */
/* Ollama's store: blobs/, and manifests/ and manifests-v2/ that name them (store/ollama.h). */
#include "store/kind.h"
#include "store/ollama.h"
#include "store/store.h"

#include "base/mem.h"
#include "base/path.h"
#include "ollama/name.h"
#include "os/os.h"

#include <ncmodel/limits.h>
#include <stdio.h>
#include <string.h>

static const char blobs[] = "blobs/sha256-";
enum { BEFORE_DIGEST = sizeof blobs - 1 };

static char *place(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err)
{
	char blob[80];

	if (offer->tag && offer->is_manifest)
		return ncm_ollama_manifest_path(offer->tag, err);
	if (offer->tag) {
		ncm_ollama_blob_path(offer->sha256, blob);
		return ncm_strdup(blob);
	}
	ncm_error_set(err, NCM_E_POLICY, "refused to place %s in the Ollama store \"%s\"", offer->name, store->id);
	ncm_error_hint(err, "Ollama removes files that it does not know; only ollama: sources go there");
	return NULL;
}

static const char *blob_key(const char *relative)
{
	struct ncm_sha256 digest;

	if (strncmp(relative, blobs, BEFORE_DIGEST) != 0 || strlen(relative) != BEFORE_DIGEST + NCM_SHA256_HEX)
		return NULL;
	return ncm_sha256_parse(relative + BEFORE_DIGEST, &digest) == 0 ? relative + BEFORE_DIGEST : NULL;
}

static char *blob_path(const char *key)
{
	return ncm_asprintf("%s%s", blobs, key);
}

static int check(const struct ncm_store *store, const char *relative, struct ncm_error *err)
{
	if (blob_key(relative))
		return 0;
	return ncm_error_set(err, NCM_E_POLICY, "refused: %s is not a blob of the Ollama store \"%s\"", relative,
			     store->id);
}

static int give_name(struct ncm_store *store, const struct ncm_store_naming *naming, struct ncm_error *err)
{
	return ncm_ollama_commit(store, naming->tag, naming->manifest, naming->size, naming->aside, err);
}

static bool has_folder(int dirfd, const char *name)
{
	struct os_stat status;

	return os_stat(dirfd, name, &status) == 0 && status.kind == OS_IS_FOLDER;
}

static bool is_here(int dirfd)
{
	return (has_folder(dirfd, "manifests") || has_folder(dirfd, "manifests-v2")) && has_folder(dirfd, "blobs");
}

static char *setting(const struct ncm_store *store, const char *path)
{
	if (store->why == NCM_PLACED_BY_SERVICE)
		return ncm_asprintf("Ollama's service: `systemctl edit ollama`, [Service], "
				    "Environment=\"OLLAMA_MODELS=%s\"",
				    path);
	return ncm_asprintf("Ollama: OLLAMA_MODELS=%s", path);
}

/* "sha256-<hex>-partial", and "-partial-<n>" for its parts (ollama/ollama server/download.go). */
static bool is_partial(const char *relative)
{
	static const char ending[] = "-partial";
	const size_t digest = BEFORE_DIGEST + NCM_SHA256_HEX;

	return strncmp(relative, blobs, BEFORE_DIGEST) == 0 && strlen(relative) > digest &&
	       strncmp(relative + digest, ending, strlen(ending)) == 0;
}

static const struct ncm_store_server server = {
    .program = "ollama",
    .argument = "serve",
    .variable = "OLLAMA_MODELS",
    .below_home = ".ollama/models",
    .unseen = "an Ollama of another user runs, and which store it has cannot be told: if it is this one, stop it first",
};

static const char *const folders[] = {"blobs", "manifests", "manifests-v2", NULL};

const struct ncm_store_kind ncm_kind_ollama = {
    .name = "ollama",
    .folders = folders,
    .takes_only = "an ollama: source",
    .takes_tags = true,
    .place = place,
    .check = check,
    .give_name = give_name,
    .is_here = is_here,
    .setting = setting,
    .server = &server,
    .by_digest = true,
    .blobs = "blobs",
    .unread = "a manifest of this store cannot be read, and may name it",
    .blob_key = blob_key,
    .blob_path = blob_path,
    .blob_of = ncm_ollama_blob_path,
    .is_partial = is_partial,
    .is_tag = ollama_is_manifest_path,
    .named = ncm_ollama_named,
};

/* ollama/ollama manifest/paths.go, BlobsPath and PathForName. */
void ncm_ollama_blob_path(const struct ncm_sha256 *digest, char path[80])
{
	char hex[NCM_SHA256_HEX + 1];

	snprintf(path, 80, "blobs/sha256-%s", ncm_sha256_hex(digest, hex));
}

char *ncm_ollama_manifest_path(const char *name, struct ncm_error *err)
{
	const char *bad = ollama_bad_part(name);

	/* Ollama takes hosts of up to 350 bytes; no file system takes them as a folder's name. */
	if (!bad && strcspn(name, "/") > NCM_LIMIT_NAME_BYTES)
		bad = "host";
	if (!bad)
		return ncm_path_join(OLLAMA_MANIFESTS, name);
	ncm_error_set(err, NCM_E_POLICY, "refused the Ollama name \"%s\": its %s is not one that Ollama takes", name,
		      bad);
	return NULL;
}
