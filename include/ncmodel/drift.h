/* SPDX-License-Identifier: MIT */
/* How manifest, lock, disk and upstream differ: lock, lock --update, lock --check, diff, outdated. */
#ifndef NCMODEL_DRIFT_H
#define NCMODEL_DRIFT_H

#include <ncmodel/provision.h>
#include <ncmodel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Append only: the names are part of the JSON interface. */
enum ncm_drift_state {
	NCM_DRIFT_SAME,     /* "same" */
	NCM_DRIFT_NEW,      /* "new": the lock (or the machine) does not have it yet */
	NCM_DRIFT_MOVED,    /* "moved": upstream serves another revision or other bytes under this name now */
	NCM_DRIFT_GONE,     /* "gone": upstream does not serve it any more */
	NCM_DRIFT_UNPINNED, /* "unpinned": in the manifest, and the lock knows nothing of it */
	NCM_DRIFT_EXTRA,    /* "extra": locked or installed, and in no manifest */
	NCM_DRIFT_CHANGED,  /* "changed": the disk or the manifest is not what the lock pins */
	NCM_DRIFT_MISSING,  /* "missing": registered, and not on disk */
	NCM_DRIFT_PINNED,   /* "pinned": upstream has something newer, and the manifest pins what is installed */
	NCM_DRIFT_UNKNOWN,  /* "unknown": could not be told; `error` or `detail` says why */
};
const char *ncm_drift_state_name(enum ncm_drift_state state);

/* One file that moves or differs. An Ollama layer is called by its kind. */
struct ncm_drift_file {
	char *name;
	uint64_t size_before, size_after; /* 0: unknown or none */
	struct ncm_sha256 before, after;  /* all zero: unknown or none */
};

/* One source of one model. */
struct ncm_drift_entry {
	char *model; /* id; NULL: a pin that belongs to no model */
	char *uri;   /* as the manifest spells it; of what no manifest has: as models.json or the lock does, or NULL */
	enum ncm_drift_state state;
	char *revision_before, *revision_after; /* or NULL */
	uint64_t size_before, size_after;       /* of all files; 0: unknown or none */
	struct ncm_drift_file *files;           /* those that differ */
	size_t file_count;
	uint64_t to_get; /* bytes that following it would fetch; 0: none, or unknown */
	char *detail;    /* what it means, for people; or NULL */
	/* ncm_outdated: no manifest that is read has the model; and where it lies, as `pull URI --to` takes it, or NULL
	 */
	bool is_spelled;
	char *to;
	struct ncm_error error; /* code NCM_OK, or why it is UNKNOWN or GONE */
};

struct ncm_drift {
	struct ncm_drift_entry *entries; /* in manifest order, then what no manifest has */
	size_t count;
	size_t same;      /* SAME and PINNED */
	size_t differing; /* everything else but UNKNOWN (see each function on EXTRA) */
	size_t unknown;
	bool written; /* ncm_lock_update: the lock file was replaced */
	/* ncm_lock_update with `checkpoints`: pinned files whose checkpoints lie beside the lock now, and those of
	 * which nobody here has any */
	size_t checkpoints_kept, checkpoints_unknown;
};
void ncm_drift_free(struct ncm_drift *drift);

struct ncm_lock_options {
	bool update;       /* look up anew what is pinned already, too */
	bool whole;        /* the models are all that were there to choose: what else is pinned is told as EXTRA */
	bool prune;        /* drop the EXTRA ones; needs whole */
	bool dry_run;      /* write nothing */
	bool allow_pickle; /* pin pickle-based files that the manifest does not */
	/*
	 * Keep the SHA-256 checkpoints of the models' pinned files beside the lock, in the folder "<lock>.checkpoints",
	 * as far as a store has them: whoever pulls with it hashes on all cores, and is told of a wrong part at once.
	 */
	bool checkpoints;
};
/*
 * Pins in the lock what is not pinned yet; with `update` looks everything up anew and says what moves. Fetches no
 * content, so a plain URL without a digest in the manifest stays UNPINNED until a pull. What fails keeps its pin and
 * has its error. Nothing is written when nothing changes. EXTRA counts as differing if it is dropped; an extra pin is
 * one that no manifest of any profile names and no registered model came from. Classes REGISTRY, MANIFEST, IO,
 * INTERRUPTED. Free with ncm_drift_free.
 */
struct ncm_drift *ncm_lock_update(const struct ncm_config *config, struct ncm_model *const *models, size_t count,
				  const struct ncm_lock_options *options, const struct ncm_sink *sink,
				  struct ncm_error *err);
/*
 * Whether upstream still serves what the lock pins, as far as its answers tell without content: the files of a commit
 * or version with their digests, the manifest under an Ollama tag (and if that moved, whether the pinned layers can
 * still be had), the size at a plain URL. MOVED, GONE and UNPINNED count as differing.
 */
struct ncm_drift *ncm_lock_check(const struct ncm_config *config, struct ncm_model *const *models, size_t count,
				 const struct ncm_sink *sink, struct ncm_error *err);
/*
 * Manifest against lock against disk, without the network. NEW, CHANGED, MISSING, UNPINNED and EXTRA count as
 * differing. With `whole`, registered models that no manifest of any profile has are told as EXTRA.
 */
struct ncm_drift *ncm_diff(const struct ncm_config *config, struct ncm_model *const *models, size_t count, bool whole,
			   const struct ncm_sink *sink, struct ncm_error *err);
/*
 * Which installed models (chosen by the selector) have something newer upstream: an Ollama tag names another model, the
 * branch of a Hugging Face repository has other bytes, a Civitai model has a newer version, a plain URL another size.
 * MOVED and GONE count as differing. `catalog` may be NULL: then models.json and the lock say where each came from.
 */
struct ncm_drift *ncm_outdated(const struct ncm_config *config, struct ncm_catalog *catalog,
			       const struct ncm_selector *selector, const struct ncm_sink *sink, struct ncm_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
