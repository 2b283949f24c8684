/* SPDX-License-Identifier: MIT */
/*
 * The cache that many machines share, a bucket of S3 (configuration key "cache"): what is installed here goes into it,
 * and it is looked after. A pull reads it by itself (provision.h).
 *
 *   blobs/sha256/ab/abcd…        content by its SHA-256
 *   checkpoints/sha256/ab/abcd…  the hash's states, by which each 16 MiB of that content can be proven alone
 *   locks/NAME.lock              what a machine has: it is kept
 */
#ifndef NCMODEL_CACHE_H
#define NCMODEL_CACHE_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_cache_state {
	NCM_CACHE_ABSENT,  /* "absent": the cache has it not */
	NCM_CACHE_TO_SEND, /* "to-send": likewise, and a push would send it: with dry_run, or it did not come to it */
	NCM_CACHE_THERE,   /* "there": an object of that name and size; its bytes were not looked at */
	NCM_CACHE_SENT,    /* "sent": by this run */
	NCM_CACHE_RIGHT,   /* "ok": its bytes were read, and are what its name says */
	NCM_CACHE_DAMAGED, /* "damaged": they are others, or of another size */
	NCM_CACHE_STRANGE, /* "strange": an object whose name is none of a cache's: nobody reads it */
	NCM_CACHE_UNUSED,  /* "unused": no lock names it, and it is old: a gc would remove it */
	NCM_CACHE_REMOVED, /* "removed" */
	NCM_CACHE_UNSENT,  /* "failed": this run could not send it; `why` says what hinders */
};
const char *ncm_cache_state_name(enum ncm_cache_state state); /* static */

struct ncm_cache_item {
	char *key;   /* below the cache; foreign text where the cache told it */
	char *model; /* id of the first installed model that has it, or the source that the lock pins it by; or NULL */
	char *path;  /* of the installed file; or NULL */
	struct ncm_sha256 sha256; /* all zero: a name that is none */
	uint64_t size;            /* bytes; 0: not known */
	enum ncm_cache_state state;
	char *why; /* it is not right; or NULL */
};

struct ncm_cache_report {
	char *place;                  /* "s3:BUCKET/PREFIX" */
	struct ncm_cache_item *items; /* a content once */
	size_t count;
	uint64_t size;               /* bytes of all items */
	uint64_t sent;               /* bytes that this run sent; with dry_run, would send */
	uint64_t removed;            /* bytes that this run removed; with dry_run, would remove */
	size_t absent, bad;          /* items that are not there; that are damaged */
	size_t kept;                 /* gc: objects that stay */
	char *lock;                  /* push: the name of the lock that was written; or NULL */
	struct ncm_error stopped;    /* what ended it half way: the items say how far it came; or NCM_OK */
	struct ncm_strings left_out; /* push: "ID: why" of what cannot be in a cache */
	struct ncm_strings locks;    /* gc: those that say what is used */
};

struct ncm_cache_options {
	const struct ncm_selector *selector;
	bool all;                        /* push: every registered model, where the selector chooses by nothing */
	bool dry_run;                    /* push, gc: the cache is asked, and nothing is changed */
	bool remove;                     /* verify: what is damaged or strange is deleted */
	const char *name;                /* push: of the lock, [A-Za-z0-9._-]+; NULL: this machine's */
	const struct ncm_strings *locks; /* gc: files of locks that count beside the cache's own; may be NULL */
	unsigned days;                   /* gc: what is younger stays, used or not */
};

/* Whether the configuration has a cache. */
bool ncm_cache_is_set(const struct ncm_config *config);

/*
 * Sends files of the chosen registered models that the cache has not, with their checkpoints, which alone are sent
 * where they are all that is missing, and last the lock that keeps them: with `all` it is these models alone, else they
 * are added to it. A file is proven while it is read; what is not what models.json says is DAMAGED and stays out. What
 * was sent before an error or a kill is not sent again; of an error after the first file began to go there the report
 * tells (`stopped`), and the lock then keeps, beside what it kept of other models, all that is there.
 * Errors: USAGE (nothing is chosen, no cache, a name that is none), POLICY (a file whose digest nobody knows), DAMAGED,
 * AUTH, NETWORK, RATE_LIMIT, NOT_FOUND (the bucket), REFUSED, PROTOCOL, IO, REGISTRY, INTERRUPTED. Free with
 * ncm_cache_free, as all below.
 */
struct ncm_cache_report *ncm_cache_push(const struct ncm_config *config, const struct ncm_cache_options *options,
					const struct ncm_sink *sink, struct ncm_error *err);
/* What of the chosen registered models, or (nothing is chosen) of all and of what the lock pins, the cache has. */
struct ncm_cache_report *ncm_cache_status(const struct ncm_config *config, const struct ncm_cache_options *options,
					  const struct ncm_sink *sink, struct ncm_error *err);
/* Reads every object and says of each whether it is right; `stopped`, if not all that is to be removed could be. */
struct ncm_cache_report *ncm_cache_verify(const struct ncm_config *config, const struct ncm_cache_options *options,
					  const struct ncm_sink *sink, struct ncm_error *err);
/*
 * Removes content, checkpoints and parts that no lock names, of the cache's or of options->locks, and that are
 * options->days old by the server's clock. A lock that cannot be read, or that there is none, ends it before anything
 * is removed: USAGE, MANIFEST. The items are what goes; `stopped`, if not all of it could.
 */
struct ncm_cache_report *ncm_cache_gc(const struct ncm_config *config, const struct ncm_cache_options *options,
				      const struct ncm_sink *sink, struct ncm_error *err);
void ncm_cache_free(struct ncm_cache_report *report);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
