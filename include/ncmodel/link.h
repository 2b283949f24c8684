/* SPDX-License-Identifier: MIT */
/*
 * One copy for all applications: files of equal content on one file system share their blocks (reflink) or are one file
 * under several names (hard link).
 */
#ifndef NCMODEL_LINK_H
#define NCMODEL_LINK_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/event.h>
#include <ncmodel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_link_state {
	NCM_LINK_KEPT,     /* "kept": the copy that others are linked to; of a group that cannot be one, several,
			      and `detail` says why */
	NCM_LINK_LINKED,   /* "linked": shares its bytes with the kept one already */
	NCM_LINK_TO_LINK,  /* "to-link": a copy of its own; with dry_run it stays one */
	NCM_LINK_REFLINK,  /* "reflink": made so in this run */
	NCM_LINK_HARDLINK, /* "hardlink": made so in this run */
	NCM_LINK_COPIED,   /* "copied": given bytes of its own in this run (unlink) */
	NCM_LINK_SKIPPED,  /* "skipped": `detail` says why: another file system, in use, changed meanwhile */
	NCM_LINK_FAILED,   /* "failed": `detail` says why; it is as it was */
};
const char *ncm_link_state_name(enum ncm_link_state state);

struct ncm_link_file {
	char *path;  /* absolute */
	char *store; /* store id, or NULL */
	enum ncm_link_state state;
	char *detail; /* why it is not linked with the first of its group; or NULL */
};

/* Files of one content. */
struct ncm_link_group {
	struct ncm_sha256 sha256;
	uint64_t size;
	struct ncm_link_file *files;
	size_t file_count;
	uint64_t gain; /* bytes given back (with dry_run: that would be); with unlink: bytes that it takes */
};

struct ncm_link_report {
	struct ncm_link_group *groups; /* greatest gain first */
	size_t count;
	uint64_t gain;
	struct ncm_unread *unread;
	size_t unread_count;
	size_t linked, failed;
	uint64_t hashed; /* bytes read for whole digests */
	double seconds;
};

struct ncm_link_options {
	const char *const *stores; /* ids; none: every store whose folder is there */
	size_t store_count;
	const char *const *paths; /* folders and files besides */
	size_t path_count;
	uint64_t least; /* bytes: smaller files are passed by; 0: 1 MiB */
	bool unlink;    /* the other way: files that share one inode get bytes of their own again */
	bool dry_run;
	bool no_wait;
};

/*
 * Finds equal content (size, then samples, then the whole SHA-256) and replaces copies, one atomic rename each: a crash
 * leaves a file as it was or linked, never lost. models.json is told of changed mtimes. Files that share one inode are
 * made read-only where their applications allow it. One file's failure is in the report, and what could not be read.
 * Classes USAGE, IO, NO_SPACE (unlink), BUSY, INTERRUPTED. Free with ncm_link_free.
 */
struct ncm_link_report *ncm_link(const struct ncm_config *config, const struct ncm_link_options *options,
				 const struct ncm_sink *sink, struct ncm_error *err);
void ncm_link_free(struct ncm_link_report *report);
/*
 * The bytes of a registered model that are there once, however many names they have: links, and copies that share their
 * blocks, count once. Looks at the files of equal content alone; what cannot be seen counts as recorded.
 */
uint64_t ncm_link_disk_size(const struct ncm_reg_model *model);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
