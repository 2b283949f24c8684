/* SPDX-License-Identifier: MIT */
#include "store/names.h"

#include "store/hub.h"

#include "base/ability.h"
#include "base/mem.h"

bool store_names_last(const struct ncm_store *store)
{
	return store->kind == NCM_STORE_HUGGINGFACE;
}

char *store_name_path(const struct ncm_store *store, const struct store_origin *origin, struct ncm_error *err)
{
	(void)store;
	return hub_snapshot_path(origin->repository, origin->revision, origin->path, err);
}

void store_find_bytes(const struct ncm_store *store, const char *relative, const struct ncm_sha256 *sha256,
		      const struct ncm_sha1 *git_sha1, char **blob, char **bytes)
{
	NCM_AUTO_CLOSE int dirfd = store_names_last(store) ? ncm_store_peek(store) : -1;

	*blob = *bytes = NULL;
	if (!store_names_last(store) || !hub_is_snapshot_path(relative) ||
	    hub_is_plain(store, dirfd, relative) || ncm_lacks_at(store->path) & NCM_LACKS_SYMLINKS)
		return;
	*blob = hub_blob_of(store, relative, sha256, git_sha1);
	*bytes = *blob ? hub_bytes_of(store, *blob) : NULL;
}

bool store_is_named(const struct ncm_store *store, int dirfd, const char *relative, const char *blob,
		    const char *reference)
{
	return !store_names_last(store) || hub_is_named(store, dirfd, relative, blob, reference);
}

int store_give_name(struct ncm_store *store, const char *relative, const char *blob, struct ncm_error *err)
{
	return store_names_last(store) && blob ? hub_link(store, relative, blob, err) : 0;
}

int store_refer(struct ncm_store *store, const char *relative, const char *reference, struct ncm_error *err)
{
	return store_names_last(store) && hub_is_snapshot_path(relative)
		   ? hub_refer(store, relative, reference, err)
		   : 0;
}

int store_guard(const struct ncm_store *store, const char *blob)
{
	return store_names_last(store) && blob ? hub_guard(store, blob) : -1;
}
