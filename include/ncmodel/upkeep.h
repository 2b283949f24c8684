/* SPDX-License-Identifier: MIT */
/* Giving space back, and saying where it is: rm, gc, df. Only what nothing else uses is ever deleted. */
#ifndef NCMODEL_UPKEEP_H
#define NCMODEL_UPKEEP_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What a file is. Append only: the names are part of the JSON interface. */
enum ncm_removal_kind {
	NCM_REMOVAL_MANIFEST,    /* "manifest": Ollama's of a model, or what the Hugging Face cache says of a commit */
	NCM_REMOVAL_LINK,        /* "link": of a Hugging Face snapshot */
	NCM_REMOVAL_FILE,        /* "file": of a registered model */
	NCM_REMOVAL_BLOB,        /* "blob": content in an Ollama store or a Hugging Face cache */
	NCM_REMOVAL_PARTIAL,     /* "partial": an unfinished download of ours */
	NCM_REMOVAL_INCOMPLETE,  /* "incomplete": an unfinished download of another tool */
	NCM_REMOVAL_LEFTOVER,    /* "leftover": what a run of ours that was killed left behind */
	NCM_REMOVAL_CHECKPOINTS, /* "checkpoints": of content that is not there any more */
	NCM_REMOVAL_NOTE,        /* "note": of a removal that was cut short */
	NCM_REMOVAL_REPLACED,    /* "replaced": what --force or a repair put aside */
};
const char *ncm_removal_kind_name(enum ncm_removal_kind kind);

enum ncm_removal_state {
	NCM_REMOVAL_GOES,    /* "goes": planned */
	NCM_REMOVAL_KEPT,    /* "kept": `why` says for whom or why */
	NCM_REMOVAL_REMOVED, /* "removed" */
	NCM_REMOVAL_FAILED,  /* "failed": it is still there; `why` says why */
};
const char *ncm_removal_state_name(enum ncm_removal_state state);

struct ncm_removal_file {
	enum ncm_removal_kind kind;
	enum ncm_removal_state state;
	char *path;     /* absolute */
	char *model;    /* id of the model that it was a file of (rm); or NULL */
	char *store;    /* store id; NULL: it lies outside every store */
	bool foreign;   /* another tool put it there */
	bool adopted;   /* it lay there, and ncmodel only recorded it */
	bool lost;      /* no source that ncmodel knows can bring it back */
	uint64_t size;  /* as ls shows it; of a folder: of all in it */
	uint64_t freed; /* bytes on disk that deleting it gives back: 0 if other names hold them */
	char *why;      /* or NULL */
	char *target;   /* of a link: what it leads to, which stays; else NULL */
	char *real;     /* where its bytes lie, if a link to a folder leads out of the store on the way; else NULL */
	char *was;      /* of what was replaced: the path that it had, absolute; else NULL */
	char *since;    /* of what was replaced: when (RFC 3339 UTC); else NULL */
};

/* What nothing uses, and gc leaves alone as long as it changed less than its age ago. */
struct ncm_waiting {
	size_t count;
	uint64_t bytes;      /* on disk, that deleting all of it would give back */
	uint64_t blobs;      /* of these: of blobs that nothing names */
	int64_t first, last; /* when the first and the last of it may go: seconds since 1970 */
};

struct ncm_removal {
	struct ncm_removal_file *files;
	size_t count;
	struct ncm_strings models;   /* ids whose entries go (rm) */
	struct ncm_strings warnings; /* what could not be judged, and so stays; what goes and other profiles have */
	/* What could not be read, so that the list is not all there is; and what could not be made durable. Whoever
	 * tells of the result tells of these as errors. */
	struct ncm_strings failures;
	/* What would go and could not, and why: permissions, a lock, what names it cannot be read. Errors, too. What is
	 * another model's or the user's own is kept on purpose, and not among these. */
	struct ncm_strings undone;
	uint64_t freed;             /* bytes: planned, and after ncm_removal_run those that were given back */
	struct ncm_waiting waiting; /* gc; not on the list, but for partial downloads, which are kept there */
	size_t going, removed, kept, failed;
	size_t foreign; /* of those that go (or went): files of other tools; models that were adopted (rm) */
	void *impl;
};

struct ncm_remove_options {
	const struct ncm_selector *selector; /* which models, as ncm_registry_select takes it; borrowed for the call */
	bool all;      /* a selector that leaves everything open chooses all models; else it is USAGE */
	bool force;    /* files that changed since they were registered, too */
	bool sidecars; /* what other tools put beside the models' files, too */
};
/*
 * What removing the chosen registered models deletes: their files that no other registered model and no Ollama manifest
 * or Hugging Face snapshot uses. What was registered as a link is the link. What lies outside every store stays, and so
 * does what the owner of models.json could not remove himself: its paths are claims. Folders that become empty go with
 * them; the layout's own stay. What the lock file pins stays pinned. `config` is borrowed until ncm_removal_free.
 * Writes nothing. Classes USAGE (nothing chosen, or what no installed model has, with the nearest), REGISTRY,
 * MANIFEST, IO (a file that this user may not delete, a cache that cannot be read).
 */
struct ncm_removal *ncm_remove_plan(const struct ncm_config *config, const struct ncm_remove_options *options,
				    struct ncm_error *err);

struct ncm_gc_options {
	/*
	 * Seconds since the last change. Partial downloads of ours and what other tools own are left alone while they
	 * are younger: they may be in use (Ollama puts a model's blobs first and its manifest last).
	 */
	uint64_t min_age;
	bool keep_partial; /* leave partial downloads of ours */
	bool all_partial;  /* those too that the profile or the lock still wants */
	bool replaced;     /* what --force and repairs put aside, and nothing else */
};
/*
 * What nothing uses: what killed runs of ours left, old partial downloads that neither the profile nor the lock wants,
 * blobs that no Ollama manifest and no Hugging Face snapshot names, unfinished downloads of those tools, checkpoints of
 * content that is not there, and the rest of removals that were cut short. Never what was replaced, unless that is
 * asked for (`replaced`). `config` as above. Writes nothing.
 */
struct ncm_removal *ncm_gc_plan(const struct ncm_config *config, const struct ncm_gc_options *options,
				struct ncm_error *err);
/*
 * Carries it out: takes the stores' locks, plans anew with what is there then, and deletes. Of a model first its entry
 * in models.json, then what names its bytes, then these, each step durable before the next; whatever happens meanwhile,
 * nothing names bytes that are not there, and a gc ends a removal that was cut short. *removal tells what became of
 * each file. Returns 0 even if some could not be deleted (`failed`); -1 with BUSY (no_wait), IO, REGISTRY, INTERRUPTED.
 */
int ncm_removal_run(struct ncm_removal *removal, bool no_wait, const struct ncm_sink *sink, struct ncm_error *err);
void ncm_removal_free(struct ncm_removal *removal);

/* One line of df. */
struct ncm_usage_line {
	char *name;        /* store id, "Phase 1 (high)", use case */
	char *path;        /* of a store; or NULL */
	size_t models;     /* registered ones that have files here */
	uint64_t bytes;    /* apparent: as the sizes of the files add up */
	uint64_t on_disk;  /* blocks, each inode once */
	uint64_t freeable; /* of a store: what gc would give back */
	bool unread;       /* not all of it could be read: the numbers are too small */
};

struct ncm_usage_table {
	struct ncm_usage_line *lines; /* largest first */
	size_t count;
};

struct ncm_usage_disk {
	char *path;     /* the first store on it */
	bool has_space; /* whether the file system tells the next two */
	uint64_t total, free;
	uint64_t stores; /* bytes of all stores on it, each inode once */
};

struct ncm_usage {
	/*
	 * by_store: all that lies in the layout's folders of each store that is there, registered or not, and a line
	 * "elsewhere" for registered files outside them. The other two: registered models; a model is in several use
	 * cases.
	 */
	struct ncm_usage_table by_store, by_phase, by_use_case;
	struct ncm_usage_disk *disks;
	size_t disk_count;
	size_t models;
	uint64_t bytes, on_disk;
	uint64_t saved_by_links; /* bytes that more copies in place of hard links would take; reflinks cannot be seen */
	uint64_t freeable;       /* what `gc` would give back now */
	struct ncm_waiting waiting; /* what it would give back later */
	/* Blobs that no Ollama manifest and no snapshot names, as a tag that moved leaves them: of those that gc gives
	 * back now or later, and of those that are still registered, for these models. */
	uint64_t unnamed, unnamed_registered;
	struct ncm_strings unnamed_models;
	uint64_t partial;            /* unfinished downloads of ours, whether gc would take them or not */
	uint64_t replaced;           /* what --force and repairs put aside: `gc --replaced` gives it back */
	struct ncm_strings failures; /* what could not be read: the numbers are of the rest */
};

/* Looks at names and sizes alone. Classes REGISTRY, MANIFEST, INTERRUPTED. Free with ncm_usage_free. */
struct ncm_usage *ncm_usage_make(const struct ncm_config *config, const struct ncm_gc_options *options,
				 struct ncm_error *err);
void ncm_usage_free(struct ncm_usage *usage);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
