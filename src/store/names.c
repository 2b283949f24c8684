/* SPDX-License-Identifier: MIT */
#include "store/names.h"

void store_find_bytes(const struct ncm_store *store, const char *relative, const struct ncm_sha256 *sha256,
		      const struct ncm_sha1 *git_sha1, char **blob, char **bytes)
{
	*blob = *bytes = NULL;
	if (store->kind->names)
		store->kind->names->find_bytes(store, relative, sha256, git_sha1, blob, bytes);
}

bool store_is_named(const struct ncm_store *store, int dirfd, const char *relative, const char *blob,
		    const char *reference)
{
	return !store->kind->names || store->kind->names->is_named(store, dirfd, relative, blob, reference);
}

int store_give_name(struct ncm_store *store, const char *relative, const char *blob, struct ncm_error *err)
{
	return store->kind->names && blob ? store->kind->names->give(store, relative, blob, err) : 0;
}

int store_refer(struct ncm_store *store, const char *relative, const char *reference, struct ncm_error *err)
{
	return store->kind->names ? store->kind->names->refer(store, relative, reference, err) : 0;
}

int store_guard(const struct ncm_store *store, const char *blob)
{
	return store->kind->names && blob ? store->kind->names->guard(store, blob) : -1;
}
