/* SPDX-License-Identifier: MIT */
/* The one path: resolve → plan → fetch → verify → place → register. */
#ifndef NCMODEL_PROVISION_H
#define NCMODEL_PROVISION_H

#include <ncmodel/config.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <ncmodel/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Files that applications read beside a model, as bits. */
enum ncm_sidecar {
	NCM_SIDECAR_A1111 = 1,        /* STEM.json: the card of Automatic1111 and its forks */
	NCM_SIDECAR_LORA_MANAGER = 2, /* STEM.metadata.json */
};

/* A file whose bytes the caller has proven in this process: it is not read again while size and mtime are these. */
struct ncm_proven_file {
	char *path; /* absolute */
	struct ncm_sha256 sha256;
	uint64_t size;
	int64_t mtime_ns;
};

struct ncm_provision_options {
	bool locked;       /* refuse whatever the lock does not pin exactly */
	bool offline;      /* no network at all: what is not here fails */
	bool update;       /* look up anew and accept what upstream serves now, where the manifest allows it */
	bool force;        /* replace foreign files in the way */
	bool allow_pickle; /* take pickle-based files without a pinned digest */
	const char
	    *license_policy; /* "free" or "commercial": models whose licences are known to allow no less; NULL: any */
	bool no_wait;        /* fail with BUSY instead of waiting for another ncmodel */
	unsigned sidecars;   /* of these kinds (enum ncm_sidecar) one is written beside each file of which something is
				told that a person would want to read there */
	const char *pins;    /* another lock, whose pins count where the own one has none; NULL: none */
	bool pins_first;     /* … and where that has others, too; and a manifest's before either */
	const char *remedy;  /* of what is not here, as a hint, where the network is no way out (`offline`); NULL */
	bool from_cache;     /* with `offline`: what the configuration's cache has may be fetched from there */
	bool no_fill;        /* what comes from its source does not go into the configuration's cache */
	const struct ncm_proven_file *proven; /* borrowed until the plan is freed */
	size_t proven_count;
	bool only_plan; /* the plan is not carried out: with `offline`, what manifest or lock pin is enough for it */
};

enum ncm_step {                 /* what has to happen with one file */
		NCM_STEP_KEEP,  /* there and right */
		NCM_STEP_ADOPT, /* there, not registered, and its bytes are right */
		NCM_STEP_FETCH,
		NCM_STEP_RESUME,  /* part of it is there */
		NCM_STEP_LINK,    /* the same bytes are or will be on the same file system */
		NCM_STEP_COPY,    /* the same bytes are or will be on another file system */
		NCM_STEP_REPLACE, /* registered, but damaged or outdated: fetch again */
};

struct ncm_plan_file {
	char *name; /* as users know it */
	char *path; /* absolute destination */
	char *store;
	char *source; /* the URI it will come from */
	char *from;   /* LINK and COPY: the file on this machine that has its bytes, if it is there; or NULL */
	enum ncm_step step;
	uint64_t size;      /* 0: unknown, or of an empty file */
	bool size_unknown;  /* nobody tells it */
	bool size_expected; /* only the manifest expects it */
	uint64_t present;   /* bytes already there */
	uint64_t to_get;    /* bytes that must come over the network for it */
	bool first_use;     /* no digest is known beforehand: trusted on first use */
	bool unconfirmed; /* in place as it was trusted on first use; whether the source still serves it is not known */
	bool sets_aside;  /* what is there now is kept in the store's `replaced` folder until `gc --replaced` */
};

/* A file whose name cannot be had everywhere: of a Windows device, say, or too long. */
struct ncm_plan_odd {
	char *name; /* as its source calls it */
	char *as;   /* its path below the target's folder; NULL: it is left out */
};

struct ncm_plan_model {
	const struct ncm_model *model;
	struct ncm_plan_file *files;
	size_t file_count;
	char *source;
	char *revision;
	uint64_t size;   /* of all files */
	uint64_t to_get; /* bytes that must come over the network */
	struct ncm_doubt size_doubt, to_get_doubt;
	struct ncm_plan_odd *odd;
	size_t odd_count;
	struct ncm_error error;  /* why it cannot be planned; code NCM_OK if it can */
	struct ncm_error untold; /* why its source did not tell the size of what is to be fetched; code NCM_OK if that
				    did not fail */
};

struct ncm_plan_disk {
	char *path;      /* where the file system is seen: the first store on it */
	uint64_t needed; /* bytes that the plan adds */
	bool free_known; /* some file systems do not tell; then there is taken to be enough */
	uint64_t free;   /* bytes free for this user now */
	uint64_t reserve;
	bool enough;            /* for `needed`: what is not in that, nobody knows */
	struct ncm_doubt doubt; /* of `needed` */
};

struct ncm_plan {
	struct ncm_plan_model *models;
	size_t count;
	struct ncm_plan_disk *disks;
	size_t disk_count;
	uint64_t size, to_get; /* of the models that can be planned */
	struct ncm_doubt size_doubt, to_get_doubt;
	size_t left_out;        /* models that cannot be planned: they are in no sum */
	uint64_t left_out_size; /* what their manifests say that they have */
	struct ncm_doubt left_out_doubt;
	size_t files_to_get;
	bool enough_space;
	bool changes;       /* anything but KEEP */
	bool asked_network; /* whether a source had to be asked */
	char *unreachable;  /* no server could be reached at all: how it went with the first; else NULL */
	char *fits;         /* when space is short: which phases or models would fit; else NULL */
	void *impl;
};

/*
 * Resolves all chosen models (in parallel) and says what a pull would do. Writes nothing. A model that cannot be
 * resolved has its error in the plan; the call fails only if nothing can be planned at all. Free with ncm_plan_free.
 */
struct ncm_plan *ncm_plan_make(const struct ncm_config *config, struct ncm_model *const *models, size_t count,
			       const struct ncm_provision_options *options, const struct ncm_sink *sink,
			       struct ncm_error *err);
/*
 * Plans the mending of what a (not quick) verify found, and of nothing else: the bytes that models.json recorded, never
 * newer ones. Of a file whose damaged ranges the report names only these are fetched, proved, and written in their
 * place; the rest is fetched as in a pull. Models come from the catalog (may be NULL) by id and variant, else from what
 * models.json and the lock say of their sources; one of which that cannot be told has its error in the plan. After
 * ncm_plan_run the registry is as it was: verify again, which records what is right. Report and catalog are borrowed
 * until the plan is freed.
 */
struct ncm_plan *ncm_plan_repair(const struct ncm_config *config, struct ncm_catalog *catalog,
				 const struct ncm_verify_report *report, const struct ncm_provision_options *options,
				 const struct ncm_sink *sink, struct ncm_error *err);
void ncm_plan_free(struct ncm_plan *plan);

enum ncm_outcome {
	NCM_OUTCOME_PULLED,
	NCM_OUTCOME_PRESENT,
	NCM_OUTCOME_FAILED,
};

struct ncm_result_model {
	const struct ncm_model *model;
	enum ncm_outcome outcome;
	struct ncm_error error;
	uint64_t fetched; /* bytes that came over the network */
	uint64_t size;
	char *served_by; /* the URI that served its largest file; if that was here, the largest that came; or NULL */
	bool first_use;  /* a digest was trusted on first use */
};

struct ncm_result {
	struct ncm_result_model *models;
	size_t count;
	size_t pulled, present, failed;
	uint64_t fetched;
	double seconds;
	char *unreachable;           /* as in the plan, of the whole run */
	struct ncm_plan_disk *disks; /* as they stand afterwards */
	size_t disk_count;
};

/*
 * Carries a plan out: every file is fetched, hashed while it arrives, compared, placed atomically and registered; one
 * model's failure does not stop the others. Fails as a whole with NO_SPACE before the first byte if the plan does not
 * fit, with BUSY, and with INTERRUPTED (everything resumable); *result then still tells what was done, if it is not
 * NULL.
 */
int ncm_plan_run(struct ncm_plan *plan, const struct ncm_sink *sink, struct ncm_result **result, struct ncm_error *err);
void ncm_result_free(struct ncm_result *result);
/* The class for the exit code: OK, the one class that failed, or OTHER if several did. */
enum ncm_errc ncm_result_class(const struct ncm_result *result);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
