/* SPDX-License-Identifier: MIT */
/*
 * The transfer engine: many files at once from URLs into partial files, hashed while they arrive. It knows neither
 * sources nor stores: an item says what is wanted and where the partial lies; the engine says how far it came.
 */
#ifndef NCM_TRANSFER_TRANSFER_H
#define NCM_TRANSFER_TRANSFER_H

#include "digest/hash.h"
#include "digest/tally.h"
#include "transfer/answer.h"
#include "transfer/http.h"
#include "transfer/ranges.h"

/* A part of a file: NCM_CHECKPOINT_SPAN bytes, from a multiple of that on; the last one is what is left. */
enum ncm_part_state {
	NCM_PART_AWAITED, /* another machine is to bring it, or nobody knows yet: it is looked at again soon */
	NCM_PART_OURS,    /* this machine is to bring it, from any place but the shared one */
	NCM_PART_SHARED,  /* it can be had from the shared place */
};

/*
 * What is agreed upon by machines that fetch the same file at the same time, so that one of them alone fetches each
 * part from its source. All of it is called from the thread of ncm_transfer_run, and has to return at once.
 */
struct ncm_sharing {
	void *context;
	enum ncm_part_state (*look)(void *context, size_t part);
	/* Where a part is that is shared: an object with its bytes alone, or (*whole) with the file's. The caller frees
	 * it. */
	char *(*address)(void *context, size_t part, bool *whole);
	/* It is on disk, wherever it came from; where checkpoints are known it is proved. Told once. */
	void (*have)(void *context, size_t part);
	/* A part that was shared cannot be had, or (`wrong`) is not what the checkpoints say. */
	void (*failed)(void *context, size_t part, bool wrong);
	/* This machine goes on alone: what came was wrong in the end, or cannot come in parts. */
	void (*leave)(void *context);
};

/* Another place that serves the same content. */
struct ncm_replica {
	const char *url; /* where every try begins: signed URLs come from its redirects and are never kept */
	struct ncm_credential *credential; /* or NULL */
	const struct ncm_service *service; /* or NULL */
	bool preferred; /* of a mirror, a cache: while it can be asked, no other place is, so that these keep what they
			   serve */
	/* Of a mirror, at most one: the place where machines share parts of what it has not whole; `url` is of its
	 * server. Needs has_size; not for ranges. */
	const struct ncm_sharing *sharing;
};

/* What to fetch. All strings and pointers are borrowed for the call. */
struct ncm_transfer_item {
	const char *model; /* for events and messages */
	const char *name;  /* likewise */
	const char *url;   /* as in struct ncm_replica */
	struct ncm_credential *credential;
	const struct ncm_service *service;
	/* Others of the same digest (has_sha256): used at the same time, and when one fails. */
	const struct ncm_replica *mirrors;
	size_t mirror_count;
	bool has_size;
	uint64_t size; /* exact; another size is a CHECKSUM failure */
	bool has_sha256;
	struct ncm_sha256 sha256;
	bool has_git_sha1; /* of the git blob with this content */
	struct ncm_sha1 git_sha1;
	bool expect_binary; /* weights: an answer of text/html or application/json is a failure (a login page, an error)
			     */
	int dirfd;          /* folder of the partial, on the file system of the final name */
	const char *partial; /* its name there; the journal is "<partial>.journal" beside it */
	/*
	 * The bytes that are wanted, if not all: the partial then is a file of that size with holes, and the digest is
	 * not looked at. Needs has_size.
	 */
	const struct ncm_range *ranges;
	size_t range_count;
	/*
	 * Checkpoints that somebody says are this file's (has_sha256, has_size), or NULL: then it is hashed span by
	 * span as it comes, and a span that is wrong is fetched again at once. Nothing in them is trusted.
	 */
	const struct ncm_checkpoints *known;

	/* results */
	bool done;         /* partial is complete, synced, and everything known about it is right */
	uint64_t received; /* bytes that came over the network in this run */
	size_t served_by;  /* the place that most of them came from: 0, or 1 + the mirror's index */
	uint64_t final_size;
	struct ncm_sha256 final_sha256;
	struct ncm_checkpoints checkpoints; /* of a file that is done; ncm_checkpoints_clear is for the caller */
	struct ncm_sha256 bad_sha256;       /* when error.code is CHECKSUM and the digest was the reason */
	/* The strong one with which a file that is done came from `url`; "": none, or that had no part in it. */
	char etag[NCM_ETAG_LONGEST + 1];
	char *server_name;      /* file name of the last Content-Disposition, raw, or NULL; freed by the caller */
	struct ncm_error error; /* when not done; freed by the caller */
};

struct ncm_transfer_options {
	unsigned jobs;        /* files at once */
	unsigned connections; /* to one host at once, at most; 0: NCM_LIMIT_PARALLEL */
	uint64_t limit_rate;  /* bytes per second over all, 0: none */
	unsigned retries;     /* tries without progress before an item fails */
};

/*
 * Fetches all items, a large one over several connections as long as more of them bring more. Resumes a partial whose
 * journal fits (same size or digest or validator), and hashes again what it holds; a server without ranges gets one
 * stream from the start. Never trusts: 206 with its Content-Range, length
 * and encoding is checked before the first byte counts; bytes beyond the known size end the request. When a digest is
 * wrong the partial is removed. One item's failure does not stop the others. Events: STARTED, PROGRESS, RETRY, FETCHED,
 * FAILED with slot = index. Returns 0 if every item was worked on (see each item's error), or -1 with INTERRUPTED.
 */
int ncm_transfer_run(struct ncm_http *http, struct ncm_transfer_item *items, size_t count,
		     const struct ncm_transfer_options *options, const struct ncm_sink *sink, struct ncm_error *err);

/* How many bytes a later run could keep of a partial (0 if there is none or its journal does not fit this item). */
uint64_t ncm_transfer_present(const struct ncm_transfer_item *item);
/* Removes a partial and its journal. */
void ncm_transfer_discard(int dirfd, const char *partial);

#endif
