/* SPDX-License-Identifier: MIT */
/*
 * What all of a repository is at a commit, as huggingface_hub notes it beside a snapshot: trees/<commit>.json, by which
 * it tells offline whether a snapshot is whole. Source: huggingface_hub 2.4.0, _tree_cache.py.
 */
#include "source/hf.h"

#include "base/mem.h"

#include <string.h>

enum { FORMAT = 1, XET_HASH = 64 /* hex digits */ };

/* huggingface_hub writes no listing in which one is not right. */
static bool is_xet_hash(const char *text)
{
	return strlen(text) == XET_HASH && strspn(text, "0123456789abcdefABCDEF") == XET_HASH;
}

/* What is noted of a file, or NULL if it cannot be. New reference. */
static json_t *note_of(const json_t *entry)
{
	const json_t *lfs = json_object_get(entry, "lfs");
	const char *oid = ncm_json_string(entry, "oid"), *sha256 = ncm_json_string(lfs, "oid");
	const char *xet = ncm_json_string(entry, "xetHash");
	uint64_t size, lfs_size = 0;
	json_t *note;

	if (!oid || !ncm_json_u64(entry, "size", &size) || (xet && !is_xet_hash(xet)) ||
	    (json_is_object(lfs) && (!sha256 || !ncm_json_u64(lfs, "size", &lfs_size))))
		return NULL;
	note = json_object();
	ncm_json_set_u64(note, "size", size);
	ncm_json_set_string(note, "blob_id", oid);
	if (sha256) {
		ncm_json_set_string(note, "lfs_sha256", sha256);
		ncm_json_set_u64(note, "lfs_size", lfs_size);
	}
	if (xet)
		ncm_json_set_string(note, "xet_hash", xet);
	return note;
}

void hf_listing_add(struct hf_tree *tree, const char *path, const json_t *entry)
{
	json_t *note = tree->listing ? note_of(entry) : NULL;

	if (note) {
		json_object_set_new(tree->listing, path, note);
		return;
	}
	json_decref(tree->listing);
	tree->listing = NULL;
}

char *hf_listing_text(const struct hf_tree *tree)
{
	NCM_AUTO_JSON json_t *whole = tree->listing ? json_object() : NULL;
	json_t *files = whole ? json_object() : NULL;

	if (!whole)
		return NULL;
	ncm_json_set_u64(whole, "format_version", FORMAT);
	json_object_set_new(whole, "files", files);
	/* The tree's are sorted; what was put in first is written first. */
	for (size_t i = 0; i < tree->count; i++)
		json_object_set(files, tree->files[i].path, json_object_get(tree->listing, tree->files[i].path));
	return json_dumps(whole, JSON_INDENT(1) | JSON_ENSURE_ASCII);
}
