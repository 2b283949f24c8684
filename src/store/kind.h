/* SPDX-License-Identifier: MIT */
/*
 * Kinds of stores: what an application's folder looks like, as a table for each. A store's `kind` is asked what it can
 * do or how something is done there, never which one it is. Where a kind says nothing (NULL, false) it is as a store of
 * folders: files under their names.
 *
 * A further kind is a file kind_<name>.c, a word in the list below, and a line in meson.build. What rooms above do with
 * the insides of a kind (survey, upkeep, move) they hang on a table of theirs.
 */
#ifndef NCM_STORE_KIND_H
#define NCM_STORE_KIND_H

#include "base/json.h"

#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <stdbool.h>
#include <stdint.h>

struct ncm_store;
struct store_names;

/* One content that a model wants to have in a store. All borrowed; NULL is not known, or not said. */
struct ncm_store_offer {
	const char *folder, *name; /* as the target spells it: a folder of the layout's, the path below that */
	const char *tag;           /* a registry's, "host/namespace/model/tag": this is of it */
	bool is_manifest;          /* … and is what it names; else one of its blobs */
	const struct ncm_sha256 *sha256;
	const struct ncm_sha1 *git_sha1;
	bool has_size;
	uint64_t size;
	const char *repository; /* its source's, "org/name" */
	const char *revision;   /* the commit there */
	const char *path;       /* and its path there */
	bool is_part;           /* of the files of a whole repository */
	bool is_spelled;        /* the user chose the name: it is no default */
};

/* What gives a model its name in a store, when all of its content is there. Borrowed. */
struct ncm_store_naming {
	const char *tag;
	const void *manifest; /* its exact bytes */
	size_t size;
	bool aside; /* what has the name already is no model's that a source could bring back, and is kept */
};

struct ncm_store_server {
	const char *program, *argument; /* "ollama serve" */
	const char *variable;           /* of its environment, that names the store */
	const char *below_home;         /* where the store is without that */
	const char *unseen;             /* what to say of one whose environment cannot be seen */
};

struct ncm_store_kind {
	const char *name; /* as layouts spell it */
	const char *own;  /* what we add to such a store, as a path below it; NULL: ".ncmodel" */
	/* Paths of the folders that every such store has, beside those of the layout; ends with NULL. May be NULL. */
	const char *const *folders;

	/* What it takes. */
	const char *takes_only;  /* it takes no files: who or what alone puts models there ("an ollama: source") */
	bool takes_tags;         /* tags of a registry: manifests, and the blobs that these name */
	bool keeps_repositories; /* files of repositories alone, under the names that they have there */
	/* Whether such a content may be there at all: 0, or -1 with what to do instead. NULL: any may. */
	int (*admits)(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err);
	/* Where it goes, as a checked path below the store that the caller frees; NULL with *err. NULL: where the
	 * target says. */
	char *(*place)(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err);
	/* What a path of a model's file says of who made it ("publisher/model"): a guess, which the caller frees; or
	 * NULL. */
	char *(*guess)(const char *relative);
	/* Checks a path once more before bytes get it: 0, or -1 (class POLICY). NULL: any portable path is good. */
	int (*check)(const struct ncm_store *store, const char *relative, struct ncm_error *err);
	const struct store_names *names; /* names come last here: see store/names.h. NULL: a file's name is the file */
	/* Names a model whose content is all there. NULL: its files' names are all there is. */
	int (*give_name)(struct ncm_store *store, const struct ncm_store_naming *naming, struct ncm_error *err);

	/* Where it lies: what the application's environment says besides the layout's "env", as an absolute path that
	 * the caller frees, and the variable (freed too) in *told_by; or NULL. */
	char *(*location)(char **told_by);
	/* Whether an open folder looks like such a store. NULL: nothing tells. */
	bool (*is_here)(int dirfd);
	const char *variable; /* of the application's environment that names the store, where the layout has none */
	/* The application's own setting for the store's folder, as one line of text that the caller frees. */
	char *(*setting)(const struct ncm_store *store, const char *path);
	const struct ncm_store_server *server; /* the program that has such a store in use while it runs; or NULL */

	/* Bytes and what names them, of a kind whose bytes lie under names of their digests (blobs). */
	bool by_digest;
	const char *blobs;       /* the folder that all blobs lie below; "": the store */
	const char *shared_mark; /* the file that says that blobs/ holds blobs which several models link; or NULL */
	bool blobs_are_links;    /* a blob may be a link to a shared one */
	const char *unread;      /* why a blob stays while not all that may name it can be read */
	/* The blob at a path below the store, as what names it has it: its digest in hex, or its path. NULL: it is
	 * none. */
	const char *(*blob_key)(const char *relative);
	/* The path below the store of the blob of a key. The caller frees it. NULL: the key is the path. */
	char *(*blob_path)(const char *key);
	/* Where the blob of this content is, if its digest alone tells. */
	void (*blob_of)(const struct ncm_sha256 *digest, char path[80]);
	/* Else calls `found` with the path of every blob that a SHA-256 names. */
	void (*list_blobs)(int dirfd, void (*found)(void *context, const char *relative), void *context);
	/* The blob that one which is a link leads to, as a path that the caller frees; NULL: it is itself. */
	char *(*blob_behind)(int dirfd, const char *relative);
	/* Whether it is a download that the application left unfinished. */
	bool (*is_partial)(const char *relative);
	/* Whether a tag of a model lies there: the application writes to it, and it names blobs. NULL: no path is one.
	 */
	bool (*is_tag)(const char *relative);
	/* What names each blob: key → array of texts; *complete as ncm_ollama_named has it. New reference. NULL: it
	 * takes more to tell (upkeep), or there are none. */
	json_t *(*named)(int dirfd, bool *complete);
};

/* All kinds, in the order in which layouts may name them. The first is the default. */
#define NCM_EACH_STORE_KIND(KIND) KIND(folders) KIND(ollama) KIND(huggingface) KIND(lmstudio)

#define NCM_DECLARE_KIND(name) extern const struct ncm_store_kind ncm_kind_##name;
NCM_EACH_STORE_KIND(NCM_DECLARE_KIND)
#undef NCM_DECLARE_KIND

/* The kind that layouts call so, or NULL. */
const struct ncm_store_kind *ncm_store_kind_named(const char *name);
/* "folders", "ollama", … as one text: `"folders", "ollama" or "huggingface"`. The caller frees it. */
char *ncm_store_kind_names(void);
/* The kind that an open folder looks like; of folders if like none. */
const struct ncm_store_kind *ncm_store_kind_at(int dirfd);

#endif
