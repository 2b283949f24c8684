/* SPDX-License-Identifier: MIT */
/*
 * The content to have, and where it is to go. A content is fetched once however many models and stores want it
 * (deduplication by SHA-256, else by URL). Names are checked here, before anything is fetched.
 */
#ifndef NCM_RESOLVE_CONTENT_H
#define NCM_RESOLVE_CONTENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text_map.h"
#include "resolve/run.h"

enum content_kind {
	CONTENT_FILE,
	CONTENT_BLOB,     /* of an Ollama model: its name is its digest */
	CONTENT_ARCHIVE,  /* unpacked; its places are folders */
	CONTENT_MANIFEST, /* of an Ollama model: its bytes are in the resolution */
};

/* Where a content goes. */
struct place {
	struct ncm_store *store;
	char *relative; /* below the store */
	char *path;     /* the same, absolute */
	/* Where names come last (store/names.h): what the name is to lead to, and where its bytes lie. Else NULL. */
	char *blob, *bytes, *bytes_path;
	size_t wanted; /* who wants it there */
	const char *role;
	bool unnamed; /* neither its target nor its source names it: the server's answer may */
};

struct content {
	enum content_kind kind;
	char *name;                          /* as users know it */
	size_t wanted;                       /* the first that wants it: its source serves it */
	const struct ncm_artifact *artifact; /* NULL of a manifest */
	const struct ncm_resolution *resolution;
	/* Exact where known. What was not known beforehand is filled in when its bytes have been seen. */
	bool has_size, has_sha256, has_git_sha1;
	uint64_t size;    /* 0, or rough, without has_size */
	bool is_expected; /* a rough size is the one that the manifest expects: nobody measured it */
	struct ncm_sha256 sha256;
	struct ncm_sha1 git_sha1;
	bool first_use; /* no digest was known beforehand */
	/* What was found by its digest, since no source has it any more: then `resolution`; owned. Or NULL. And how
	 * many of those who might have it were asked (lost.h). */
	struct ncm_resolution *found;
	size_t places_asked;
	struct ncm_buffer asked; /* those who were asked in vain, for people; empty: nobody */
	struct place *places;
	size_t place_count; /* 0: nobody wants it any more */
};

struct contents {
	struct content *items;
	size_t count;
	/* Those that model M wants: items[of_models[first[M]]] … up to first[M + 1]. A content of several is in each.
	 */
	size_t *of_models;
	size_t *first;
	/* While they are built: */
	struct ncm_text_map by_content;
	struct ncm_arena keys;
};

/*
 * Gives the content that a wanted wants its places. Returns 0 (without places: it is not wanted), or -1 with *err.
 */
typedef int content_placer(struct run *run, size_t wanted, struct content *content, void *context,
			   struct ncm_error *err);
/* Those that the manifest (or --to) names. `context` is not used. */
content_placer content_targets;

/* All contents of what is resolved and has not failed. A model that cannot be had whole gets its error, and what it
 * alone wanted loses its places. */
void contents_build(struct run *run, content_placer *placer, void *context, struct contents *contents);
/* Adds those of one resolved wanted. Returns 0, or -1 with its error when names, pins or policy are against it. */
int contents_add(struct run *run, size_t wanted, content_placer *placer, void *context, struct contents *contents);
void contents_free(struct run *run, struct contents *contents);

/* Frees what the place owns. */
void place_clear(struct place *place);
/* Where the bytes lie that go to a place, below the store and absolute. Borrowed. */
const char *place_bytes(const struct place *place);
const char *place_bytes_path(const struct place *place);

/* clash.c */
/* Two contents in one place, or a file where another needs a folder: an error of the model that wants it later, before
 * anything is fetched. */
void contents_refuse_clashes(const struct run *run, const struct contents *contents);
/* How to have it under another name, and so both: a hint, which the caller frees. Not for Ollama's. */
char *wanted_other_name(const struct run *run, const struct wanted *wanted);

/* target.c */
/* The path below a target's folder of one of the files, as the target has it. The caller frees it. */
char *target_name(const struct ncm_file_spec *spec, const struct ncm_target *target,
		  const struct ncm_resolution *resolution, const struct ncm_artifact *artifact);
/* repository.c: the same of a file of a whole repository, below the folder that it has of its own; NULL: it has none.
 */
char *repository_name(const struct run *run, struct wanted *wanted, size_t target, struct ncm_store *store,
		      const struct ncm_artifact *artifact);
/* Whether a repository's file is one that is left out: code may run in it, and its name is a mistake ("*.pt"), or its
 * name was no UTF-8, and so is not known. */
bool name_is_botched(const char *name);
struct place *content_add_place(struct content *content, struct ncm_store *store, char *relative, size_t wanted,
				const char *role);
/*
 * Gives the places that nothing names what the server's answer calls the file (Content-Disposition): made safe, and
 * held against what names may be. Returns whether any changed, or -1 with *err (class POLICY).
 */
int content_take_server_name(struct run *run, struct content *content, const char *server_name, struct ncm_error *err);

/* pin.c: what was found, in the lock in memory. Digests come from the contents. */

/* Whether it was made from the lock, and the contents know no digest that the lock lacks: an older version wrote zeros.
 */
bool wanted_is_pinned(const struct run *run, const struct wanted *wanted, const struct contents *contents);
void wanted_pin(struct run *run, const struct wanted *wanted, const struct contents *contents);

#endif
