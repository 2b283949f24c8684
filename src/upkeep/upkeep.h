/* SPDX-License-Identifier: MIT */
/*
 * What rm and gc share. A plan is made of facts as they are at one moment (facts.c, huggingface.c), and of files that
 * are held against them one by one (judge.c). carry_out.c makes the same plan again under the stores' locks and deletes
 * what it says then.
 */
#ifndef NCM_UPKEEP_UPKEEP_H
#define NCM_UPKEEP_UPKEEP_H

#include "base/json.h"
#include "os/os.h"
#include "registry/authority.h"
#include "store/staging.h"
#include "store/store.h"
#include "store/walk.h"
#include "upkeep/tally.h"

#include <ncmodel/upkeep.h>

/* What is known of one store of the layout. */
struct store_facts {
	bool told_unread; /* that not all that names its blobs can be read */
	int dirfd;        /* -1: not there, or cannot be opened */
	int failure;      /* errno then; ENOENT: there is no such store */
	bool twin;        /* another store of the layout has the same folder, and comes first */
	json_t *named;    /* blob (upkeep_blob_key) → what names it: manifests, links. NULL until asked for */
	bool complete;    /* `named` tells of all of them */
	json_t *leaving;  /* what names blobs and goes, as `named` spells it */
	json_t *unread;   /* of a Hugging Face cache: repository → what of it is not known */
};

/* Where a file of the plan lies, and what it was when it was judged. */
struct target {
	size_t store;   /* index into the layout's stores; NOWHERE: outside all of them */
	char *relative; /* below the store; outside: the absolute path */
	struct os_stat seen;
};
#define NOWHERE NCM_NO_STORE

/* What the plan was asked for. */
struct request {
	const struct ncm_config *config;
	bool collect; /* gc */
	struct ncm_gc_options gc;
	const struct ncm_selector *selector; /* rm; not of a plan that is made again */
	bool all;                            /* rm: a selector that leaves everything open is meant so */
	bool force;
	bool sidecars; /* what other tools put beside files that go, too */
	bool is_move;  /* what a move left behind: moved.h */
	const struct upkeep_moved *moved;
	size_t moved_count;
	const struct authority *moved_by;
	bool again;
	struct ncm_strings names; /* when the plan is made again: the ids that were there at first */
};

struct upkeep {
	struct request request;
	struct ncm_layout *layout;
	struct ncm_registry *registry;
	struct store_facts *facts;  /* one for each store */
	json_t *leaving;            /* ids of the models that go: whether they were adopted */
	json_t *by_path, *by_inode; /* files of the models that stay: see facts.c */
	json_t *by_digest;          /* their digests */
	struct unseen {             /* files of theirs that cannot be looked at */
		const char *path;
		uint64_t size; /* as recorded */
		bool recorded;
	} * unseen;
	size_t unseen_count;
	struct authority said; /* who wrote models.json */
	json_t *listed;        /* paths that have been judged */
	struct ncm_removal *removal;
	struct target *targets; /* one for each of removal->files */
	struct target *absent;  /* noted files that went already; folders may be left of them */
	size_t absent_count;
	json_t *wanted;         /* see wanted.c; NULL until asked for */
	bool has_intents;       /* the store that is looked at has notes of what was to be placed */
	struct ncm_error error; /* what forbids the whole plan */
};

/* facts.c */

/* Learns what the models that are not leaving use. */
void upkeep_learn_users(struct upkeep *upkeep);
/* A file whatever its names. The caller frees it. */
char *upkeep_inode_key(const struct os_stat *status);
/* The model that uses a file, or NULL. Borrowed. */
const char *upkeep_user(const struct upkeep *upkeep, const char *path, const struct os_stat *seen);
/* The store that a file lies in: that of the id if it does, else the innermost; or NOWHERE. */
size_t upkeep_store_of(const struct upkeep *upkeep, const char *path, const char *id);
/*
 * The blob that a path below a store is, as store_facts.named has it: of an Ollama store its digest in hex, of a
 * Hugging Face cache the path. NULL: it is none. Borrowed.
 */
const char *upkeep_blob_key(const struct ncm_store *store, const char *relative);
/* Learns what names the blobs of a store, if that is not known yet, or anew. */
void upkeep_learn_names(struct upkeep *upkeep, size_t store, bool anew);
/* What names the blob besides what goes, or NULL. Borrowed. */
const char *upkeep_named_by(const struct upkeep *upkeep, size_t store, const char *key);
/* Whether a path below a store has the name of a tag. */
bool upkeep_is_tag(const struct upkeep *upkeep, size_t store, const char *relative);
/* look.c: what cannot be read is said once, and the result is a part. */

void upkeep_cannot_read(struct upkeep *upkeep, const char *path, int errnum);
/*
 * Walks a folder of a store as ncm_walk does, or (`all`) as ncm_walk_all, and says what cannot be read. A folder that
 * is not there is empty. Returns 0, or -1 if not all could be seen.
 */
int upkeep_walk(struct upkeep *upkeep, size_t store, const char *relative, bool all,
		void (*found)(void *context, const struct ncm_walk_entry *entry), void *context);
/* Calls `found` with each name in a folder of `.ncmodel`. As upkeep_walk. */
int upkeep_list_own(struct upkeep *upkeep, size_t store, const char *below,
		    void (*found)(void *context, int fd, const char *folder, const char *name), void *context);
/* The same for a folder anywhere. */
int upkeep_list_folder(struct upkeep *upkeep, const char *folder,
		       void (*found)(void *context, int fd, const char *folder, const char *name), void *context);

/* cache.c, huggingface.c: the cache of huggingface_hub. */

/*
 * Which links lead to a blob, those of snapshots to a repository's, and those of repositories to the ones that they
 * share, as ncm_ollama_named tells it of manifests. What may name blobs and cannot be read, or is a link that nobody
 * follows, makes it incomplete, and `unread` of the store's facts tells of which repositories.
 */
void upkeep_learn_cache(struct upkeep *upkeep, size_t store);
/* What of the repository that a path below the store lies in is not known; or NULL. Borrowed. */
const char *upkeep_unread_repository(const struct upkeep *upkeep, size_t store, const char *relative);
/* Considers all of a snapshot that a registered file (below the store) lies in, if no model that stays needs it. */
void upkeep_consider_snapshot(struct upkeep *upkeep, size_t store, const char *relative, const char *model);
/*
 * The same for a model that was registered by its blobs, as adopt does: considers the snapshot of the model's own
 * commit that links the blob (below the store); if a model that stays needs that, the link alone.
 */
void upkeep_consider_commit(struct upkeep *upkeep, size_t store, const char *blob, const struct ncm_reg_model *model);

/* ollama.c: tags of an Ollama store. */

/*
 * Considers what a tag is besides the manifest that was registered (at `relative`): its name in both
 * folders and in all spellings, and the shadow tags that Ollama made of it. What names another model stays.
 */
void upkeep_consider_tag(struct upkeep *upkeep, size_t store, const char *relative, const struct ncm_reg_model *model,
			 const struct ncm_reg_file *manifest);
/* That no blob of an Ollama store goes, and which manifest is to blame; once for each store. */
void upkeep_tell_tags_unread(const struct upkeep *upkeep, size_t store);
/* The same, and what of the folders of manifests cannot be read. */
void upkeep_warn_of_tags(struct upkeep *upkeep, size_t store);
/* Adds blobs that the model's tags reach and models.json does not have: lists, children, what Ollama converted. */
void upkeep_tally_tags(const struct upkeep *upkeep, const struct ncm_reg_model *model, struct tally *tally);

/* kinds.c: the one table of what is done in another way for the stores of a kind. NULL: nothing is. */

struct upkeep_kind {
	const struct ncm_store_kind *kind;
	/* Completes `named` and `complete` of the store's facts, and fills in `unread`. */
	void (*learn_names)(struct upkeep *upkeep, size_t store);
	/* Not all that names its blobs can be read: says so once, and (for gc) what that is. */
	void (*tell_unread)(const struct upkeep *upkeep, size_t store);
	void (*warn_of_names)(struct upkeep *upkeep, size_t store);
	/* What around a path below the store is not known, so that nothing there is removed; or NULL. Borrowed. */
	const char *(*unread_around)(const struct upkeep *upkeep, size_t store, const char *relative);
	/* What goes with a file of a model that goes: a tag's other names; links to a blob, before it; what lies around
	 * it, after it. */
	void (*consider_tag)(struct upkeep *upkeep, size_t store, const char *relative,
			     const struct ncm_reg_model *model, const struct ncm_reg_file *manifest);
	void (*consider_links)(struct upkeep *upkeep, size_t store, const char *blob,
			       const struct ncm_reg_model *model);
	void (*consider_around)(struct upkeep *upkeep, size_t store, const char *relative, const char *model);
};
/* Never NULL. */
const struct upkeep_kind *upkeep_kind_of(const struct ncm_store_kind *kind);
/* Whether what the model (by its id; NULL: none) has in a store that another tool fills came by that tool. */
bool upkeep_is_foreign(const struct upkeep *upkeep, size_t store, const char *model);

/* judge.c */

struct candidate {
	enum ncm_removal_kind kind;
	const char *path;  /* absolute */
	const char *store; /* id, as models.json says it; or NULL */
	const char *model;
	const struct authority *by; /* who says that it is ours; NULL: models.json (rm), nobody need say it (gc) */
	const char *target;         /* the file that it led to when it was registered as a link; or NULL */
	bool foreign;
	bool adopted;
	bool lost;     /* no source can bring it back */
	bool recorded; /* size and mtime_ns say what it was */
	uint64_t size;
	int64_t mtime_ns;
	const char *keep; /* why it is to stay, if that is known already */
	bool quiet;       /* if it has to stay, that is nothing to tell */
	bool noted;       /* a removal that was cut short would delete it */
	time_t until;     /* it is too young to go before that; 0: it is not */
};
/* Puts the file on the list, to go or to be kept; one that is not there is passed by. Returns whether it goes. */
bool upkeep_consider(struct upkeep *upkeep, const struct candidate *candidate);
/* Why a file on the list has to stay as things are now, or NULL. The caller frees it. */
char *upkeep_reason_to_stay(const struct upkeep *upkeep, size_t index);
/* Opens the folder that holds a target, confined to its store, and points *name at the last part. -1 with errno. */
int upkeep_open_folder(const struct upkeep *upkeep, const struct target *target, const char **name);
/* As upkeep_open_folder, and looks at the target: *status. Returns the folder's fd, or -1 with errno. */
int upkeep_look(const struct upkeep *upkeep, const struct target *target, const char **name, struct os_stat *status);
bool upkeep_is_same(const struct os_stat *a, const struct os_stat *b);
/* Where a target really lies, if a link on the way leads out of its store; else NULL. The caller frees it. */
char *upkeep_real_path(const struct upkeep *upkeep, const struct target *target);

/* list.c */

/* Appends a file; `why` is taken. */
struct ncm_removal_file *upkeep_list(struct upkeep *upkeep, const struct candidate *candidate, struct target *target,
				     char *why);
/* Counts what waits for its age. */
void upkeep_list_waiting(struct upkeep *upkeep, enum ncm_removal_kind kind, const struct os_stat *seen, time_t until);
void upkeep_warn(struct upkeep *upkeep, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What would go and cannot, said once. */
void upkeep_undone(const struct upkeep *upkeep, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Fills in `freed` of each file and the totals. */
void upkeep_count(struct upkeep *upkeep);
/* The totals alone. */
void upkeep_sum(struct ncm_removal *removal);

/* plan.c */

/* Plans what is asked for. NULL with *err; free with upkeep_free. */
struct upkeep *upkeep_plan(const struct request *request, struct ncm_error *err);
void upkeep_free(struct upkeep *upkeep);

/* remove.c, collect.c: fill the list. Return 0, or -1 with *err. */
int upkeep_plan_removal(struct upkeep *upkeep, struct ncm_error *err);
int upkeep_plan_collection(struct upkeep *upkeep, struct ncm_error *err);
int upkeep_plan_moved(struct upkeep *upkeep, struct ncm_error *err);
/* The checkpoints of a content that goes, unless a model that stays has the same. */
void upkeep_consider_checkpoints(struct upkeep *upkeep, size_t store, const struct ncm_sha256 *digest,
				 const char *model);
/* beside.c: what other tools put beside a file of a model that goes. */
void upkeep_consider_beside(struct upkeep *upkeep, const struct ncm_reg_model *model, const struct ncm_reg_file *file);
/* When a file will not have changed for so long; 0: that is so now. */
time_t upkeep_young_until(const struct os_stat *status, uint64_t seconds);

/* What --force and repairs put aside. */
void upkeep_collect_replaced(struct upkeep *upkeep, size_t store);

/* collect_own.c: what lies in `.ncmodel`, and our temporaries. */
void upkeep_collect_own(struct upkeep *upkeep, size_t store);
void upkeep_collect_beside_registry(struct upkeep *upkeep);
/* wanted.c: whether the profile or the lock asks for what a partial (its name) is of. */
bool upkeep_is_wanted(struct upkeep *upkeep, const char *partial);

/* note.c: a removal under way is noted beside models.json before anything is removed, and forgotten after it. */

/* Opens `.ncmodel` beside models.json, made if `create`. -1 with *err, or without one if it is not there. */
int upkeep_notes_open(const struct upkeep *upkeep, bool create, struct ncm_error *err);
char *upkeep_notes_folder(const struct upkeep *upkeep); /* the caller frees it */
/* Writes down all that goes; *name is freed by the caller. Class IO, NO_SPACE. */
int upkeep_note(const struct upkeep *upkeep, int notes, char **name, struct ncm_error *err);
/* Considers what the notes of removals that were cut short name, and the notes. */
void upkeep_collect_noted(struct upkeep *upkeep);

/* delete.c */

/* In this order, each durable before the next: what names bytes, then these, then the notes of them. */
enum rank { RANK_NAMES, RANK_LINKS, RANK_BLOB_LINKS, RANK_BYTES, RANK_NOTES };
struct deletion {
	struct upkeep *upkeep;
	const struct ncm_sink *sink;
	bool *stopped; /* for each store: something that names bytes is still there, so the bytes stay */
	bool failed;   /* something is still there that should not be */
};
/* `why` is taken; nothing is freed by it so far. */
void upkeep_settle(struct ncm_removal_file *file, enum ncm_removal_state state, char *why);
void upkeep_delete_rank(struct deletion *deletion, enum rank rank);
/* Folders that have become empty, up to those of the layout. */
void upkeep_delete_empty_folders(struct deletion *deletion);

#endif
