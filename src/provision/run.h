/* SPDX-License-Identifier: MIT */
/*
 * What travels through the one path. A run holds the models chosen; each file spec of a model is a `wanted`, which a
 * source resolves; each piece of content to have is an `item`, fetched once however many models and stores want it;
 * each place that it goes to is a `dest`.
 */
#ifndef NCM_PROVISION_RUN_H
#define NCM_PROVISION_RUN_H

#include "archive/archive.h"
#include "manifest/lock.h"
#include "source/source.h"
#include "store/store.h"
#include "transfer/transfer.h"

#include <ncmodel/provision.h>
#include <ncmodel/registry.h>
#include <ncmodel/verify.h>

#include <pthread.h>
#include <sys/stat.h>

/* One file spec of one chosen model. */
struct wanted {
	size_t model; /* index into run->models */
	const struct ncm_file_spec *spec;
	struct ncm_resolution *resolution; /* NULL until resolved */
	const char *uri;                   /* the one of spec->from that was resolved */
	bool from_lock;                    /* made from the lock: good to see that all is there, not to fetch */
	bool settled;                      /* from the lock, and all of it is there: the source need not be asked */
	const char *trust;                 /* "manifest", "upstream", "first-use" */
	struct ncm_error error;
};

enum { RESOLVE_THREADS = 8 }; /* services are asked about so many things at once */

/* One file that a verify found to be not right. */
struct damage {
	const struct ncm_verify_file *file;
	bool looked;
	struct stat seen; /* when first looked at: what the verdict is about */
};

struct dest {
	struct ncm_store *store;
	char *relative; /* below the store; of an archive: the folder */
	char *path;     /* the same, absolute */
	size_t wanted;  /* who wants it there */
	const char *role;
	bool ours;             /* registered as ours: may be replaced */
	bool right;            /* the right bytes are there */
	bool adopted;          /* right, but models.json does not say so */
	bool noted;            /* an intent stands in staging */
	bool in_way;           /* a foreign file is there, with other bytes */
	struct stat status;    /* of the file that is there */
	struct damage *damage; /* when mending: what is to be mended (of an archive: one file of it) */
};

enum item_state {
	ITEM_OPEN,
	ITEM_FETCHED, /* the partial is complete */
	ITEM_PLACED,
	ITEM_FAILED,
};

/* One piece of content. */
struct item {
	char *name;    /* as users know it */
	size_t wanted; /* the first that wants it: its source serves it */
	const struct ncm_artifact *artifact;
	const struct ncm_resolution *resolution;
	size_t alternate;           /* index into the spec's `from` that is in use */
	struct ncm_resolution *own; /* when an alternate was resolved for this item alone */
	bool is_manifest;           /* an Ollama manifest: its bytes are in the resolution */
	bool has_size, has_sha256;
	uint64_t size;
	struct ncm_sha256 sha256;
	bool first_use; /* no digest was known beforehand */
	struct dest *dests;
	size_t dest_count;
	char *local;      /* another file on this machine with the same bytes, absolute; or NULL */
	char *partial;    /* name in the first destination's staging folder */
	uint64_t present; /* bytes of the partial */
	struct ncm_unpacked *unpacked;
	size_t unpacked_count;
	enum item_state state;
	uint64_t received;
	/* When mending: the damaged spans of the first destination. None: the whole file is fetched. */
	struct ncm_range *ranges;
	size_t range_count;
	char *range_partial;                /* name of the partial with them */
	uint64_t range_received;            /* in this run */
	bool ranges_tried;                  /* what came of them did not hold once */
	bool whole;                         /* mending in place failed */
	bool again;                         /* to be fetched once more from the same place */
	struct ncm_checkpoints checkpoints; /* of what was fetched */
	struct ncm_resolution **mirrors;    /* of the other places with the same digest … */
	struct ncm_place *places;           /* … and where it is there */
	size_t mirror_count;
	const char *served_by; /* URI */
	char *server_name;
	struct ncm_error error;
	struct stat local_status; /* of `local` when its bytes were believed */
};

struct chosen_model {
	const struct ncm_model *model;
	const struct ncm_file_spec *files;
	size_t file_count;
	struct ncm_error error;
	bool registered; /* in this run */
	bool changed;    /* something about it had to be done */
};

/* A file whose bytes were hashed in this run, so that planning twice does not read it twice. */
struct hashed {
	dev_t device;
	ino_t inode;
	uint64_t size;
	int64_t mtime_ns;
	struct ncm_sha256 sha256;
};

struct run {
	const struct ncm_config *config;
	struct ncm_provision_options options;
	struct ncm_sink user_sink;
	struct ncm_sink sink; /* the user's, one thread at a time */
	pthread_mutex_t mutex;
	struct ncm_layout *layout;
	char *registry_path;
	struct ncm_registry *registry;
	struct ncm_lock *lock;
	struct ncm_http *http;
	struct ncm_sources *sources;
	struct chosen_model *models;
	size_t model_count;
	struct wanted *wanted;
	size_t wanted_count;
	struct item *items;
	size_t item_count;
	struct hashed *hashed;
	size_t hashed_count;
	struct elsewhere *elsewhere; /* elsewhere.c's; NULL until something is looked for */
	size_t resolved, to_resolve; /* for the RESOLVED events */
	bool asked_network;
	/* When mending: what a verify found (borrowed), and models that no manifest has. */
	const struct ncm_verify_report *verified;
	struct damage *damages;
	size_t damage_count;
	struct ncm_model *own_models;
	size_t own_count;
};

/* wanted.c: what each file spec is, from the lock, the manifest's pins or the source. */
void wanted_resolve_locally(struct run *run);
void wanted_resolve_by_network(struct run *run);
/* The same for one of them; from any thread. */
void wanted_ask(struct run *run, struct wanted *wanted);
/* Tells that one more of run->to_resolve was looked up. */
void wanted_tell(struct run *run, const struct wanted *wanted);
/* Asks for the item's next alternate. Returns 0 when item->artifact is that alternate's, or -1 when there is none
 * (left). */
int wanted_next_alternate(struct run *run, struct item *item);
/* Asks the other places of a large item with a known digest whether they have the same: then they serve it together. */
void wanted_find_mirrors(struct run *run, struct item *item);
/* What the lock pins of this spec, or NULL. */
const struct ncm_lock_entry *wanted_lock_entry(const struct run *run, const struct wanted *wanted);

/* items.c: the content and the destinations of what was resolved. */
void items_build(struct run *run);
/* Adds those of one resolved wanted. Returns 0, or -1 with its error when names, pins or policy are against it. */
int items_add(struct run *run, size_t wanted);
void items_free(struct run *run);

/* classify.c: what is on disk already. Sets dests' right, adopted, in_way, ours and items' present and local. */
void items_classify(struct run *run);
enum ncm_step item_step(const struct item *item, const struct dest *dest);
bool item_is_right(const struct item *item); /* at every destination */
/* Bytes that must come over the network (an unknown size counts 0). */
uint64_t item_to_get(const struct item *item);
bool item_needs_network(const struct item *item);
/* Gives a file whose name only the server's answer told (Content-Disposition) its destinations' names: made safe, and
 * held against what names may be. Class POLICY. */
int item_take_server_name(struct run *run, struct item *item);
const char *item_ready_path(const struct item *item); /* of a right destination or the local twin, or NULL */
/* Whether the file below a store's folder has the item's bytes; `path` is the same, absolute. Hashes it if need be, and
 * sets local_status. */
bool item_has_bytes(struct run *run, struct item *item, int dirfd, const char *relative, const char *path);

/* elsewhere.c: a file with the item's bytes in any store of the layout, registered or not: its absolute path, which the
 * caller frees; or NULL. */
char *elsewhere_find(struct run *run, struct item *item);
void elsewhere_free(struct run *run);

/* mend.c: only what a verify found damaged (run->verified). */
/* Gives an item the damaged files of the model with its digest as destinations. False if that cannot be told: the
 * caller adds the spec's targets then, and mend_by_place keeps those that are damaged. */
bool mend_by_digest(struct run *run, size_t wanted, struct item *item);
void mend_by_place(struct run *run, size_t wanted, struct item *item);
/* Gives an error to each model of which some damage is no item's. */
void mend_refuse_lost(struct run *run);
/* Whether a file is still the one whose bytes were found damaged. */
bool mend_is_as_verified(struct damage *damage, const struct stat *status);
/* What the verify says of another file. */
enum mend_word { MEND_UNKNOWN, MEND_RIGHT, MEND_DAMAGED };
enum mend_word mend_word_on(const struct run *run, const char *path, const struct stat *status);
/* Sets the ranges of an item of which only these have to be fetched, and makes its destination the first. */
void mend_pick_ranges(struct item *item);
void mend_forget_ranges(struct item *item);
/* Returns 0 when the first destination is right, 1 when the item is to be fetched again (as a whole), or -1. */
int mend_in_place(struct run *run, struct item *item);
uint64_t item_fetch_size(const struct item *item); /* of what is fetched: the ranges, or everything */
const char *item_partial(const struct item *item); /* the name of the partial for that */

/* known.c: where a registered model came from. */
/* The catalog's model, with the registered variant chosen; or NULL. */
struct ncm_model *known_in_catalog(struct ncm_catalog *catalog, const struct ncm_reg_model *entry);
/* Makes a model of what models.json and the lock know; without files if that is nothing. manifest_model_clear is for
 * the caller. */
void known_from_registry(const struct run *run, const struct ncm_reg_model *entry, struct ncm_model *model);

/* space.c: needed and free bytes of each file system. */
void space_measure(const struct run *run, struct ncm_plan_disk **disks, size_t *count, bool *enough);
char *space_fits(const struct run *run);
int space_check(const struct run *run, struct ncm_error *err);

/* fetch.c: rounds of transfers; each finished item is handed to `placed` at once. */
int items_fetch(struct run *run, struct ncm_error *err);
void item_transfer(const struct run *run, const struct item *item, struct ncm_transfer_item *transfer);

/* intent.c: what is about to get its final name. `content` is a file's digest; NULL for a folder. */
int intent_note(struct dest *dest, const struct ncm_sha256 *content, struct ncm_error *err);
bool intent_exists(const struct dest *dest, int store);
/* Whether a run that was stopped had noted what is there now. */
bool intent_stands(const struct dest *dest, int store, const struct ncm_sha256 *content);
void intent_forget(struct dest *dest);

/* place.c: final names for what was fetched or is elsewhere on this machine. */
void item_place(struct run *run, struct item *item);

/* record.c: the lock and models.json. */
void models_finish(struct run *run, const size_t *models, size_t count);
/* Pins what was resolved (and has its items) in the lock in memory. */
void wanted_pin(struct run *run, const struct wanted *wanted);

/* sniff.c: is a file what its name says? Class POLICY. */
int sniff_check(int fd, const char *name, struct ncm_error *err);

const char *model_id(const struct run *run, const struct wanted *wanted);

#endif
