/* SPDX-License-Identifier: MIT */
/*
 * What a link run works on. A `place` is a folder that is locked as one: a store of the layout, or a folder that the
 * user named. A `file` is an inode that was found in them; a `name` is one path of it. Files of one content are a
 * `group`.
 */
#ifndef NCM_LINK_WORK_H
#define NCM_LINK_WORK_H

#include "os/os.h"
#include "registry/write.h"
#include "store/store.h"

#include <ncmodel/link.h>

struct place {
	struct ncm_store *store; /* its dirfd is open */
	struct ncm_store own;    /* of a folder that the user named: `store` points here */
	char *real;              /* the store's folder with all links resolved */
	bool needed;             /* something in it is to be replaced */
	int lock;                /* -1: not held */
	char *refusal;           /* why nothing can be replaced in it; or NULL */
};

/* Where to look: a folder, or one file that the user named. */
struct source {
	size_t place;
	char *relative; /* below the place; "" is the place itself */
	bool is_file;
};

struct name {
	size_t place;
	char *path;           /* absolute */
	const char *relative; /* the part of it below the place's folder */
	size_t file;
	enum ncm_link_state state;
	char *detail; /* or NULL */
};

struct file {
	struct os_stat status; /* as it was last seen; what happened to it since is somebody else's doing */
	struct name *names;    /* in the order of their paths */
	size_t name_count;
	bool has_claim; /* models.json, with unchanged size and mtime, or the name of a blob says its digest */
	struct ncm_sha256 claim;
	struct ncm_sha256 samples; /* digest of a few blocks of it */
	bool has_extents;
	bool extents_are_exact;    /* equal extents are equal bytes */
	struct ncm_sha256 extents; /* digest of where its blocks lie on the disk */
	size_t twin;               /* the first file with the same blocks, or its own index */
	bool left_out;             /* it cannot be read, or changes */
	bool to_hash;
	bool has_sha256;
	struct ncm_sha256 sha256;
};

struct group {
	struct file **files; /* the best to keep first */
	size_t count;
	uint64_t gain;
};

struct work {
	const struct ncm_config *config;
	const struct ncm_link_options *options;
	const struct ncm_sink *sink;
	struct ncm_layout *layout;
	struct ncm_registry *registry;
	struct place *places;
	size_t place_count;
	struct source *sources;
	size_t source_count;
	struct name *names;
	size_t name_count;
	struct file *files;
	size_t file_count;
	struct group *groups;
	size_t group_count;
	struct ncm_reg_touch *touches; /* of what was replaced; the strings are borrowed */
	size_t touch_count;
	struct ncm_unread *unread;
	size_t unread_count;
	uint64_t hashed; /* bytes */
};

/* places.c: the folders to look in. Classes USAGE, IO. */
int places_find(struct work *work, struct ncm_error *err);
/* Removes what earlier runs left when they were stopped, where nobody works now. */
void places_clear(const struct work *work);
/*
 * Where a file lies that was found at `path` below a source: returns its place, and *absolute (the caller frees it) as
 * that store spells it, *relative_at characters of which come before the part below the place.
 */
size_t places_locate(const struct work *work, const struct source *source, const char *path, char **absolute,
		     size_t *relative_at);
/* Takes the locks of the needed places, in the order of their paths. Classes BUSY, INTERRUPTED; a place that cannot be
 * worked in has its refusal. */
int places_lock(struct work *work, struct ncm_error *err);
void places_free(struct work *work);

/* find.c: what lies in them. */
void files_find(struct work *work);
void files_free(struct work *work);
/* Takes note of what cannot be read. */
void files_tell_unread(struct work *work, const char *path, int errnum);
/* Opens a file by one of its names, for reading. -1 with errno: ESTALE if it is not the one that was seen. */
int file_open(const struct work *work, const struct file *file, const struct name *name);
/* Takes note of what this run itself did to the open file: its links, its mode. Bytes that changed are not accepted. */
void file_refresh(struct file *file, int fd);
/* Whether the blocks of two equal files lie in the same places. */
bool files_share_blocks(const struct file *a, const struct file *b);
/* The state of all names of a file; `detail` may be NULL. */
void file_tell(struct file *file, enum ncm_link_state state, const char *detail);
/* Bytes that it takes on the disk. */
uint64_t file_room(const struct file *file);

/* claims.c: what is said of the files' digests, and what models.json is to say afterwards. */
void claims_take(struct work *work);
/* The name has another inode now, with the same bytes. */
void claims_note_mtime(struct work *work, const struct name *name, const struct ncm_sha256 *sha256, int64_t mtime_ns);
int claims_save(struct work *work, struct ncm_error *err);

/* equal.c: which files have the same bytes. Makes the groups. */
void groups_of_equals(struct work *work);
/* Files with more than one name are a group each. */
void groups_of_names(struct work *work);
void groups_free(struct work *work);

/* blocks.c */
/* Where the blocks of an open file lie. False if the file system does not tell. */
bool extents_read(int fd, struct ncm_sha256 *extents, bool *exact);

/* Whether the file system could let two open files share their blocks. */
bool dedupe_is_possible(int from, int to);
/*
 * Lets `to` have the blocks of `from`; the kernel compares them first (FIDEDUPERANGE), and neither bytes nor times of
 * `to` change. Returns 0, or -1 with errno: ESTALE if they differ, EINTR when the user interrupted.
 */
int dedupe(int from, int to, uint64_t size);

/* join.c: makes the files of a group share their bytes; with dry_run says what would be done. */
void group_join(struct work *work, struct group *group);
/* apart.c: gives each name of a group's file bytes of its own. Class NO_SPACE before the first is written. */
int groups_part(struct work *work, struct ncm_error *err);

#endif
