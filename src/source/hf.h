/* SPDX-License-Identifier: MIT */
/*
 * Inside of the Hugging Face source: names, what the hub says, listings, and which files of a repository are meant.
 * Facts: huggingface_hub (names, resolve headers, error headers, split files) and the hub's API documentation.
 */
#ifndef NCM_SOURCE_HF_H
#define NCM_SOURCE_HF_H

#include "source/shared.h"

/*
 * "hf:REPO[/PATH][@REVISION][#sha256=<hex>]". REPO is "org/name", or a name alone: the first models of the hub. A PATH
 * of these has its revision before it, "hf:gpt2@main/config.json": without it "gpt2/config.json" is a repository, and
 * looked up as one first. PATH may be a glob ('*' matches '/' too); a PATH that ends in '/' is all below it. A REVISION
 * with a slash is written with %2F, but for "refs/pr/N" and "refs/convert/NAME", and where it cannot be a path: behind
 * the name of a file, or a repository if no file ends so. A PATH that holds an '@' needs its revision spelled out
 * unless it ends as files do. Pages of huggingface.co and hf.co, with the routes blob, resolve, raw, blame and tree,
 * and "hf://…" with the revision behind the repository, are spelled so. "hf:REPO:TAG[@REVISION]" is the one GGUF file
 * (or split set) of that quantization. "hf:REPO[@REVISION]?include=GLOB&exclude=GLOB" is a repository of which a part
 * is wanted; each may come several times.
 */
struct hf_name {
	char *repo;
	char *path;                          /* or NULL: the whole repository */
	char *tag;                           /* a quantization, or NULL */
	char *revision;                      /* decoded; default "main" */
	struct ncm_strings include, exclude; /* sorted */
	bool has_sha256;
	struct ncm_sha256 sha256;
};
int hf_name_parse(const char *uri, struct hf_name *name, struct ncm_error *err);
void hf_name_clear(struct hf_name *name);
/* The canonical spelling, at another revision if `revision` is not NULL. The caller frees it. */
char *hf_name_spell(const struct hf_name *name, const char *revision);
/* As ncm_source_key (takes from the name what a key leaves out; the caller frees it) and ncm_source_stem. */
char *hf_name_key(struct hf_name *name);
const char *hf_stem(const char *canonical, size_t *size);
/* As ncm_source_choose and ncm_source_recall. */
int hf_choose(const char *canonical, const struct ncm_strings *include, const struct ncm_strings *exclude, char **uri,
	      struct ncm_error *err);
bool hf_recall(const char *canonical, const char *known, char **uri);
/* Whether an URI is a page of a model repository, or an URI of ours. */
bool hf_claims(const char *uri);
bool hf_is_glob(const char *path);
/* Whether a name is that of one file, and whether the bytes of it are pinned. */
bool hf_is_one_file(const struct hf_name *name);
bool hf_is_pinned_file(const struct hf_name *name, const struct ncm_file_spec *spec);

extern const struct ncm_service hf_service;

struct hf_file {
	char *path;
	uint64_t size;
	bool has_sha256; /* large files: as published for Git LFS or Xet */
	struct ncm_sha256 sha256;
	bool has_git_sha1; /* small files: git's own name for the content */
	struct ncm_sha1 git_sha1;
};

/* What is known of one repository at one commit. */
struct hf_tree {
	const struct ncm_sources *sources;
	char *endpoint;
	const char *repo;
	const char *what; /* for messages: "model org/name" */
	char *commit;     /* 40 hex digits, or NULL: not known yet */
	char *id;         /* the repository as the hub calls it, or NULL: not told */
	bool as_it_is;    /* all of a repository is all of it */
	enum ncm_gate gate;
	struct hf_file *files;
	size_t count;
	struct ncm_strings folders;
	char *license, *architecture;
	json_t *listing; /* path → what huggingface_hub notes of a file; NULL: it is not wanted, or not whole */
};
void hf_tree_clear(struct hf_tree *tree);
/* What to do where the endpoint knows a part of the hub's API alone. Always returns -1. */
int hf_hint_at_mirror(const struct hf_tree *tree, struct ncm_error *err);
/* Asks the hub which commit `revision` is, and how it spells the repository: `repo` is that from then on. */
int hf_tree_find_commit(struct hf_tree *tree, const char *revision, struct ncm_error *err);
/* hf_listing.c: adds what a page of the hub's says of a file to the listing; without what huggingface_hub would not
 * note there is none. */
void hf_listing_add(struct hf_tree *tree, const char *path, const json_t *entry);
/* The listing as huggingface_hub writes it. NULL: there is none. The caller frees it. */
char *hf_listing_text(const struct hf_tree *tree);
/* Adds the entries of a folder (NULL: the root), with all below it if `recursive`. The commit has to be known. */
int hf_tree_list(struct hf_tree *tree, const char *folder, bool recursive, struct ncm_error *err);
/*
 * Adds one file by asking for itself, for mirrors that have no API: size and digest stand in the headers of the
 * hub's own answer. Finds the commit too, if `revision` is all that is known.
 */
int hf_tree_probe(struct hf_tree *tree, const char *revision, const char *path, struct ncm_error *err);
const struct hf_file *hf_tree_find(const struct hf_tree *tree, const char *path);
/* The URL of a file at a revision. The caller frees it. */
char *hf_tree_url(const struct hf_tree *tree, const char *revision, const char *path);

/*
 * "x-00001-of-00003.gguf" (or another ending of weights) and "x.gguf.part1of2" are parts of a set: its names (in order)
 * are added to *names. False if `path` is none.
 */
bool hf_shards(const char *path, struct ncm_strings *names);
/* What all numbered shards of a set are alike in; NULL if `path` is none. Without their names, which can be very many.
 * The caller frees it. */
char *hf_shard_set(const char *path);
/* Whether a path names the index of a model that is split into several files. */
bool hf_is_index(const char *path);
/* Reads the index (it is in the tree) and adds the paths of its shards to *names. */
int hf_index_shards(const struct hf_tree *tree, const char *path, struct ncm_strings *names, struct ncm_error *err);

/* Whether the choice in a name lets a path in. */
bool hf_is_chosen(const struct hf_name *name, const char *path);
/* Whether a path is that of a GGUF file (not of a projector) with that quantization in its name, in any case. */
bool hf_is_quantization(const char *path, const char *tag);
/*
 * Which files of the listed tree the name and the spec mean, as paths in *chosen: the path itself, what a glob or a tag
 * matches, or everything but git's own files; then what include lets in and exclude keeps out; then the missing shards
 * of each set of which one is chosen (not where the spec pins one file's bytes: such a manifest names each shard
 * itself). NOT_FOUND if nothing matches, or a set is not complete in the repository; USAGE with a list if several sets
 * have a tag.
 */
int hf_select(const struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec,
	      struct ncm_strings *chosen, struct ncm_error *err);

/*
 * Adds to the chosen the shards that a chosen index names: of an index that is itself what is meant all of them, else
 * if one of them is chosen. `probed`: the tree was not listed, so they are asked for. NOT_FOUND if one is missing.
 */
int hf_complete(struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec, bool probed,
		struct ncm_strings *chosen, struct ncm_error *err);

#endif
