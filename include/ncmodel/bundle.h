/* SPDX-License-Identifier: MIT */
/*
 * Bundles: a folder with everything that some installed models need, to be carried to a machine without a network, or
 * to be served by any web server; or the same as tars of a given size, "volumes" (docs/bundles.md).
 *
 *   bundle.json                    what is in it: blobs with sizes and roles, and the digests of the other files
 *   blobs/sha256/HEX               content by its SHA-256
 *   manifests/PROFILE/phase-N-…    the models, every file pinned, as `ncmodel manifest dump` writes them
 *   ncmodel.lock                   their pins, and ncmodel.lock.checkpoints/ beside it
 *
 * The same models give the same bytes, whenever and wherever they are made.
 */
#ifndef NCMODEL_BUNDLE_H
#define NCMODEL_BUNDLE_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <ncmodel/provision.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_bundle_state {
	NCM_BUNDLE_LISTED,     /* bundle.json has it; nobody looked at it */
	NCM_BUNDLE_COPIED,     /* by this create */
	NCM_BUNDLE_OK,         /* there, and right */
	NCM_BUNDLE_MISSING,    /* not there */
	NCM_BUNDLE_DAMAGED,    /* other bytes than its digest says */
	NCM_BUNDLE_UNREADABLE, /* it cannot be told */
};
const char *ncm_bundle_state_name(enum ncm_bundle_state state); /* "ok", "damaged" …. Static */

/* Bytes of a file that the bundle does not have: an older version of the file has them, which who gets it is said to
 * have. Only volumes leave them out. */
struct ncm_bundle_base {
	struct ncm_sha256 sha256; /* of the older version */
	uint64_t size;
	struct ncm_bundle_range {
		uint64_t start, end; /* whole spans of 16 MiB, but for the end of the file */
	} * ranges;                  /* in order, apart */
	size_t count;
};

struct ncm_bundle_file {
	char *path; /* below the bundle's folder */
	char *role; /* of a blob, of the first model that has it: "weights", "manifest" …; of others "index" */
	struct ncm_sha256 sha256;
	uint64_t size;
	struct ncm_bundle_base *base; /* NULL: all of it is in the bundle */
	uint64_t reused;              /* bytes of it that are not */
	enum ncm_bundle_state state;
	char *why; /* it is not right; or NULL */
};

struct ncm_bundle_volume {
	char *path; /* absolute; "volume 3 of 4" of one that is not given */
	uint64_t size;
	enum ncm_bundle_state state; /* LISTED, COPIED, OK; MISSING: it is not given; DAMAGED: more than content is */
	char *why;                   /* it is not right; or NULL */
};

/* Content that is not in the bundle, because who gets it is said to have it. */
struct ncm_bundle_assumed {
	struct ncm_sha256 sha256;
	uint64_t size;
};

struct ncm_bundle {
	char *path;                    /* absolute: the folder; of volumes, FILE as it was given to create */
	struct ncm_bundle_file *files; /* by path */
	size_t count;
	uint64_t size;                     /* of all files, in bytes */
	uint64_t reused;                   /* bytes of them that are not in it: older versions have them */
	uint64_t copied;                   /* bytes that this create wrote into blobs */
	struct ncm_bundle_volume *volumes; /* in their order; none: it is a folder */
	size_t volume_count;
	struct ncm_strings models;   /* ids */
	struct ncm_strings left_out; /* "ID: why" of chosen models that are not in it; foreign text */
	struct ncm_bundle_assumed *assumed;
	size_t assumed_count;
	size_t bad; /* files that are not right */
	/* Of volumes that were unpacked: files of the folder that were proven, for ncm_provision_options. */
	struct ncm_proven_file *proven;
	size_t proven_count;
	char *remedy;                /* … and what brings what their files lack, as a hint; NULL: nothing lacks */
	struct bundle_volumes *impl; /* opaque */
};

struct ncm_bundle_options {
	const char *path; /* the folder; one that ends with ".tar" is one tar */
	uint64_t volume; /* several tars, PATH-001.tar …, of at most so many bytes, and UINT32_MAX at most; 0: none */
	/* Who gets it has this lock: files that it pins are left out, and of others, in volumes, the spans that an
	 * older version of them has, which its checkpoints tell ("LOCK.checkpoints", or those kept here). NULL: nothing
	 * is. */
	const char *lock;
};

/*
 * Makes a bundle of the chosen models of models.json, or goes on with one that was cut short: what is there and right
 * stays. Content is hashed while it is copied, and that of a damaged file is not taken: DAMAGED. `catalog` (may be
 * NULL) adds what only manifests know. Errors: USAGE (nothing is chosen; there is no such lock; volumes of that size
 * cannot be), REGISTRY, MANIFEST, IO, NO_SPACE, DAMAGED, POLICY (a link in the way), INTERRUPTED. Free with
 * ncm_bundle_free.
 */
struct ncm_bundle *ncm_bundle_create(const struct ncm_config *config, const struct ncm_catalog *catalog,
				     const struct ncm_selector *selector, const struct ncm_bundle_options *options,
				     const struct ncm_sink *sink, struct ncm_error *err);
/* Reads what bundle.json says. Errors: USAGE (no bundle), MANIFEST (bundle.json is none that is known). */
struct ncm_bundle *ncm_bundle_open(const char *path, struct ncm_error *err);
/*
 * Opens volumes, in any order, and reads what they say: which bundle they are of, and what lies where. Errors: USAGE
 * (they are not of one bundle), MANIFEST (no index that is known is in them), POLICY (something is in them that no
 * bundle has), IO. What of them is damaged is no error: their states tell.
 */
struct ncm_bundle *ncm_bundle_open_volumes(const struct ncm_strings *paths, struct ncm_error *err);
/* Adds the volumes that lie in a folder ("*.tar", in the order of their names), unless it is a bundle itself. */
void ncm_bundle_find_volumes(const char *folder, struct ncm_strings *paths);
/*
 * Unpacks opened volumes into a folder beside models.json, which ncm_bundle_open opens then; what an earlier run has
 * proven stays. Each span is proven as it comes: what is damaged or missing is left out, and its files say so. Returns
 * the folder's path, which the caller frees, or NULL: IO, NO_SPACE, REGISTRY, DAMAGED (a manifest or the lock, in all
 * volumes), INTERRUPTED.
 */
char *ncm_bundle_unpack(const struct ncm_config *config, struct ncm_bundle *bundle, const struct ncm_sink *sink,
			struct ncm_error *err);
/* Adds the digests, in hex, of content that a bundle assumes, and that no registered file has here. Returns 0, or -1
 * with REGISTRY. */
int ncm_bundle_lacking(const struct ncm_config *config, const struct ncm_bundle *bundle, struct ncm_strings *lacking,
		       struct ncm_error *err);
/* Removes such a folder, when all that is in it has its place. */
void ncm_bundle_forget(const char *folder);
/* Hashes every file that an opened bundle lists, on all cores, and says what is wrong with each; of a large blob which
 * of its pieces, of volumes in which one. Returns 0, or -1 with INTERRUPTED. */
int ncm_bundle_check(struct ncm_bundle *bundle, const struct ncm_sink *sink, struct ncm_error *err);
/* The manifests of a bundle, absolute, added to *files; and the path of its lock, which the caller frees. */
void ncm_bundle_manifests(const struct ncm_bundle *bundle, struct ncm_strings *files);
char *ncm_bundle_lock(const struct ncm_bundle *bundle);
void ncm_bundle_free(struct ncm_bundle *bundle);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
