/* SPDX-License-Identifier: MIT */
/*
 * Reading an Ollama store: manifests in two folders (ollama/name.h), blobs. In `manifests-v2/` a manifest is a blob
 * like any other, and what has the model's name is a relative link to it; where links fail a hard link or a copy.
 * Ollama 0.40 and newer looks there first, and in `manifests/` for what is not there or is a link to nothing; older
 * ones know `manifests/` alone.
 */
#ifndef NCM_STORE_OLLAMA_H
#define NCM_STORE_OLLAMA_H

#include "base/json.h"
#include "ollama/manifest.h"
#include "ollama/name.h"

/* Something in one of the two folders. */
struct ollama_entry {
	char *path; /* below the store */
	char *name; /* canonical; NULL: nothing that Ollama reads is called so */
	bool is_v2;
	bool is_shadow; /* see ollama_name_is_shadow */
};

struct ollama_entries {
	struct ollama_entry *items; /* in the order in which Ollama lists them, by path in each folder */
	size_t count;
	bool complete;      /* nothing there was out of sight */
	const char *unseen; /* one of the two folders that could not be seen whole; or NULL */
};

void ollama_entries_read(int dirfd, struct ollama_entries *entries);
void ollama_entries_clear(struct ollama_entries *entries);

/* What reading a manifest came to. */
enum ollama_found {
	OLLAMA_READ,
	OLLAMA_ABSENT,     /* nothing is there, or a link to a blob that is not */
	OLLAMA_BROKEN,     /* no manifest, or a link to anything but a blob of this store with the digest of its name */
	OLLAMA_UNREADABLE, /* nobody knows: errno says why */
};

struct ollama_held {
	char *text;
	size_t size;
	struct ncm_sha256 digest;
	bool is_link;           /* the entry is a link to a blob; it may be absent */
	struct ncm_sha256 link; /* the digest of that blob's name */
	struct ollama_manifest manifest;
	char *why; /* what is wrong with a broken one; or NULL */
};

/* Reads the manifest at a path below the store. Clear *held in any case. */
enum ollama_found ollama_read_at(int dirfd, const char *path, struct ollama_held *held);
/* Reads a manifest that is a blob. */
enum ollama_found ollama_read_blob(int dirfd, const struct ncm_sha256 *digest, struct ollama_held *held);
void ollama_held_clear(struct ollama_held *held);
#define OLLAMA_AUTO_HELD __attribute__((cleanup(ollama_held_clear)))

/*
 * Calls `found` for every blob that a manifest which was read reaches: its layers, its configuration, a list's children
 * that are there, the manifests that are blobs. *layer is NULL for these. Returns 0, or -1 if a blob of a manifest is
 * there and cannot be read, so that it may reach more.
 */
int ollama_reach(int dirfd, const struct ollama_held *held,
		 void (*found)(void *context, const struct ncm_sha256 *digest, const struct ollama_layer *layer),
		 void *context);

/* What is known of a manifest that was recorded once, and whose bytes the store may not have any more. */
struct ollama_known {
	struct ncm_sha256 digest;
	struct ncm_sha256 *blobs; /* its configuration and layers, all of them; or NULL */
	size_t blob_count;
};

/*
 * The plain manifest of what was read: itself, or of a list the child that is a form of the `known` manifest, or (the
 * list itself is known, or NULL) the child that Ollama runs on this machine. *child is what it was read into; clear
 * it in any case. NULL: the list has none that is there. A list may name children that were never pulled.
 */
const struct ollama_manifest *ollama_plain_of(int dirfd, const struct ollama_held *held,
					      const struct ollama_known *known, struct ollama_held *child);
/*
 * The digest and size of the manifest that an anchor was made of: of the blob that it names, if that is there, else of
 * what Ollama would write. Of any other manifest, its own.
 */
void ollama_anchored(int dirfd, const struct ollama_held *held, struct ncm_sha256 *digest, uint64_t *size);

/* What a tag holds, compared with one manifest. */
enum ollama_holds {
	OLLAMA_HOLDS_NOTHING,
	OLLAMA_HOLDS_IT,      /* that manifest, in one of its forms: itself, an anchor of it, a list that has it */
	OLLAMA_HOLDS_ANOTHER, /* or what is none */
	OLLAMA_HOLDS_UNKNOWN, /* it cannot be read */
};

struct ollama_tag {
	enum ollama_holds v2;     /* what Ollama 0.40 and newer finds in manifests-v2/ */
	enum ollama_holds legacy; /* what older ones find, and newer ones where there is nothing in manifests-v2/ */
	uint64_t size;            /* of the manifest itself; 0: not known */
};

/*
 * Whether a tag (canonical name) holds the known manifest. Forms of it are recognised by what they say: a plain
 * manifest without the layers that are manifests, a list's child without runner and format.
 */
void ollama_tag_look(int dirfd, const char *name, const struct ollama_known *known, struct ollama_tag *tag);
/* Whether what was read is a form of the known manifest. *size (may be NULL) as in struct ollama_tag. */
enum ollama_holds ollama_held_compare(int dirfd, const struct ollama_held *held, const struct ollama_known *known,
				      uint64_t *size);

/*
 * Which blobs of an Ollama store are named. The result maps a digest in hex to an array of what names it: a path below
 * `manifests/` ("registry.ollama.ai/library/llama3.2/3b"), or below the store ("manifests-v2/…", and what was moved to
 * `.ncmodel/replaced`). *complete is false if one (or a folder of them) could not be read: then a blob that is not in
 * the map may be named all the same. New reference.
 */
json_t *ncm_ollama_named(int dirfd, bool *complete);

#endif
