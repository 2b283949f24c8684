/* SPDX-License-Identifier: MIT */
/*
 * A store is one application's folder; a layout says where the stores lie. Everything that we add to a store but its
 * models lies in `.ncmodel/` at its root: staging (partials), checkpoints, locks. In a Hugging Face cache it lies in
 * `.locks/`, because huggingface_hub takes every other folder there for a repository, and warns of ours.
 */
#ifndef NCM_STORE_STORE_H
#define NCM_STORE_STORE_H

#include "digest/tally.h"
#include "store/kind.h"

#include "os/os.h"

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <ncmodel/stores.h>
#include <stdbool.h>
#include <stdint.h>

struct ncm_store_folder {
	char *name;
	char *path; /* below the store */
};

struct ncm_store {
	char *id;
	const struct ncm_store_kind *kind; /* never NULL */
	char *path;                        /* absolute */
	enum ncm_store_why why;
	char *told_by;  /* who says so, as in struct ncm_store_info */
	bool is_moving; /* it is a note of a move that says so: see registry/moving.h */
	char *env;      /* the application's own variable; or NULL */
	char *part_of,
	    *part; /* of a folder that lies elsewhere: the id of its store, and its name there (parts.h); else NULL */
	bool is_first; /* of such a folder: what is placed in it goes here */
	struct ncm_store_folder *folders;
	size_t folder_count;
	char *unread; /* why the application's own settings were not read (extra_paths.h); or NULL */
	int dirfd;    /* -1 until ncm_store_open */
	int staging;  /* .ncmodel/staging, -1 until ncm_store_open */
};

struct ncm_layout {
	char *name;
	char *registry; /* absolute path of models.json */
	struct ncm_store *stores;
	size_t count;
};

/*
 * Reads the layout that the configuration names, applies its root and overrides (and OLLAMA_MODELS through the layout's
 * "env"). Free with ncm_layout_free. Classes MANIFEST, USAGE (an override of an unknown store).
 */
struct ncm_layout *ncm_layout_load(const struct ncm_config *config, struct ncm_error *err);
void ncm_layout_free(struct ncm_layout *layout);
struct ncm_store *ncm_layout_find(const struct ncm_layout *layout, const char *store); /* or NULL */
/* USAGE: there is no such store; the nearest, and all that there are. Returns -1. */
int ncm_layout_lacks(const struct ncm_layout *layout, const char *store, struct ncm_error *err);
/*
 * The number of the store that an absolute path lies in: that of the id (may be NULL) if it does, else the innermost;
 * of stores of one folder the first. NCM_NO_STORE: outside all of them.
 */
size_t ncm_layout_store_of(const struct ncm_layout *layout, const char *path, const char *id);
#define NCM_NO_STORE SIZE_MAX
/* The store of the id, if the path (absolute) does not lie in it: it has another folder than when that was recorded.
 * Else NULL, as for an id that is NULL or that the layout does not have. */
const struct ncm_store *ncm_layout_moved(const struct ncm_layout *layout, const char *path, const char *id);
/* Whether a store is that of the id, or a part of it. */
bool ncm_store_is_of(const struct ncm_store *store, const char *id);
/* Whether the store has that folder ("loras", or a sub-folder: "loras/flux"), wherever it lies. */
bool ncm_layout_has_folder(const struct ncm_layout *layout, const struct ncm_store *store, const char *folder);
/*
 * As ncm_store_place, of all places that the folder has: *store becomes the part of it that has the file already (or
 * the folder of its name, if that has several files), else the one that is written to.
 */
char *ncm_layout_place(const struct ncm_layout *layout, struct ncm_store **store, const struct ncm_store_offer *offer,
		       struct ncm_error *err);
/* The same of a file of that name in that folder. */
char *ncm_layout_path(const struct ncm_layout *layout, struct ncm_store **store, const char *folder, const char *name,
		      struct ncm_error *err);
/* Absolute paths of models.json and of the lock, as configuration and layout say. The caller frees them. */
char *ncm_layout_registry(const struct ncm_layout *layout, const struct ncm_config *config);
char *ncm_layout_lock(const struct ncm_layout *layout, const struct ncm_config *config);

/* Makes and opens the store's folder and its staging folder. Class IO or NO_SPACE. */
int ncm_store_open(struct ncm_store *store, struct ncm_error *err);
/*
 * access.c: why this user could not write below a folder (or make it), by what is there now; NULL if he could. The
 * caller frees it.
 */
char *ncm_barrier_of(const char *path);
/* The same of a store, with what ncm_store_open needs of it. */
char *ncm_store_barrier(const struct ncm_store *store);
/*
 * Root alone: the link at or above a store's folder by which somebody else leads where he may not write himself, or
 * NULL. Such a store is not opened. The caller frees it.
 */
char *ncm_store_stray_link(const char *path);
/* Whether a folder cannot be read (errnum) because it is another user's staging: what he fetches is his alone, and that
 * is as it should be. */
bool ncm_store_is_closed(const char *path, int errnum);
/*
 * The folder that anybody may put other files into: the store's, one of the layout's in it, or one above (without the
 * sticky bit); NULL if there is none. The caller frees it.
 */
char *ncm_store_exposure(const struct ncm_store *store);
/* Whether the file system of the nearest folder above a path that is there is mounted read-only. */
bool ncm_is_read_only(const char *path);
/* Class IO, with what helps. Returns -1. */
int ncm_store_refuse(const struct ncm_store *store, const char *barrier, struct ncm_error *err);
/* Whether two stores have one folder, by whatever names: a link, a mount. */
bool ncm_stores_share(const struct ncm_store *a, const struct ncm_store *b);
/* Puts stores in the order in which everybody takes their locks; of those that share a folder one stays. */
void ncm_stores_order(struct ncm_store **stores, size_t *count);
/*
 * Opens the store and takes its lock, so that no other ncmodel works in it. Waits for one that does, and says so, or
 * fails with BUSY when no_wait. Returns an fd for ncm_lock_release (base/lock.h), or -1. Whoever takes several takes
 * them in the order of their paths, each path once.
 */
int ncm_store_lock(struct ncm_store *store, bool no_wait, const struct ncm_sink *sink, struct ncm_error *err);
/* lacks.c: what the file system of the open store lacks, as a note, once a run and store. ncm_store_lock does it. */
void ncm_store_tell_lacks(const struct ncm_store *store, const struct ncm_sink *sink);
/* checkpoints.c: those that a store of the layout keeps of a file, as ncm_checkpoints_read. */
int ncm_layout_checkpoints(const struct ncm_layout *layout, const struct ncm_sha256 *sha256, uint64_t size,
			   struct ncm_checkpoints *checkpoints);
/* Opens the store's folder without making anything. -1 with errno ENOENT if it is not there. */
int ncm_store_peek(const struct ncm_store *store);
/* Whether its folder is there, whoever made it. */
bool ncm_store_is_there(const struct ncm_store *store);
/* The folder of the layout's that a path below the store lies in: the longest; NULL: none. */
const struct ncm_store_folder *ncm_store_folder_around(const struct ncm_store *store, const char *relative);
/* The path below the store of the number'th folder that is part of it, whoever says so: layout or kind. NULL: there are
 * no more. Borrowed. */
const char *ncm_store_folder_at(const struct ncm_store *store, size_t number);
/* What we add to the store, as a path below its folder: ".ncmodel", or what its kind says. Static. */
const char *ncm_store_own(const struct ncm_store *store);
/* The folder that holds `.ncmodel`, for checkpoints: opened below the store's, dirfd. -1 if it cannot be. */
int ncm_store_home(const struct ncm_store *store, int dirfd);
/*
 * The path below the store of a file: its folder ("loras", "loras/flux") and name, checked (class POLICY; USAGE for a
 * folder that the layout lacks). The caller frees it.
 */
char *ncm_store_path(const struct ncm_store *store, const char *folder, const char *name, struct ncm_error *err);
/* The same of a content with all that is known of it: where the store's kind puts it, if that admits it. */
char *ncm_store_place(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err);
/* Refuses names whose extension is code (".py", ".so", ".exe" …); archives are unpacked elsewhere. Class POLICY. */
int ncm_store_check_extension(const char *name, struct ncm_error *err);
/* Whether a file of this name is pickle-based (.ckpt .pt .pth .bin .pkl). ggml-*.bin of whisper.cpp is decided by
 * content elsewhere. */
bool ncm_store_is_pickle_name(const char *name);

/* What becomes of a file or folder that has the name already. */
enum ncm_replacing {
	NCM_KEEP_OUT,  /* it stays: a POLICY failure */
	NCM_REPLACE,   /* it goes: its bytes can be had again */
	NCM_SET_ASIDE, /* it is kept in the store's own folder until `gc --replaced` (aside.c) */
};

/*
 * Gives the staged file its final name: synced, rename, folder synced. The final file's status goes to
 * *status (may be NULL), where the old one is kept (freed by the caller) to *kept (may be NULL). `over` (may be NULL):
 * the file that is to be replaced; another one, and one that was written to, is a DAMAGED failure.
 */
int ncm_store_commit(struct ncm_store *store, const char *staged, const char *relative, enum ncm_replacing replace,
		     const struct os_stat *over, struct os_stat *status, char **kept, struct ncm_error *err);
/* As ncm_store_commit for a folder that was unpacked in staging. With NCM_REPLACE the old one is moved into staging and
 * removed after. */
int ncm_store_commit_dir(struct ncm_store *store, const char *staged, const char *relative, enum ncm_replacing replace,
			 char **kept, struct ncm_error *err);
/*
 * Makes `relative` of `store` the same bytes as the open file fd: reflink, else hard link (of a file that is only read,
 * see share.h; it is read-only then), else a copy that is hashed and compared with *digest (class CHECKSUM). Staged,
 * then committed. `proven`: that fd has *digest was found by reading it; what was not is hashed in any case.
 * *how (may be NULL) receives "reflink", "hard link" or "copy". `source_path` is fd's absolute path (for the hard
 * link). `over` as above.
 */
int ncm_store_duplicate(struct ncm_store *store, const char *relative, int fd, const char *source_path,
			const struct ncm_sha256 *digest, bool proven, enum ncm_replacing replace,
			const struct os_stat *over, const char **how, struct os_stat *status, char **kept,
			struct ncm_error *err);

/* The Ollama store's own rules (source: ollama/ollama manifest and blob paths). */
void ncm_ollama_blob_path(const struct ncm_sha256 *digest, char path[80]); /* "blobs/sha256-<hex>" */
/* Checks "host/namespace/model/tag" and returns "manifests/…". The caller frees it. */
char *ncm_ollama_manifest_path(const char *name, struct ncm_error *err);
/*
 * Gives the manifest (exact bytes) its tag's name in both folders of manifests, as far as the store has them, staged
 * outside of them; see ollama_commit.c. `aside`: what had the name is no model's that a source could bring back, and is
 * kept in `.ncmodel/replaced`. Every blob is looked at before and after (a running Ollama prunes what no manifest
 * names): one that is gone is an IO failure with retryable advice. Class PROTOCOL for what is no manifest.
 */
int ncm_ollama_commit(struct ncm_store *store, const char *name, const void *manifest, size_t size, bool aside,
		      struct ncm_error *err);

/* Disk space of the file system that holds (or will hold) `path`: the nearest existing parent is asked. */
struct ncm_space {
	uint64_t device;
	bool known;    /* some file systems do not tell: then `free` is all there can be, and `total` 0 */
	uint64_t free; /* for this user */
	uint64_t total;
};
int ncm_space_of(const char *path, struct ncm_space *space, struct ncm_error *err);

#endif
