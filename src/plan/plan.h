/* SPDX-License-Identifier: MIT */
/*
 * From contents and one look at the disk to steps: what a pull would do at each place, and why. Nothing is written.
 */
#ifndef NCM_PLAN_PLAN_H
#define NCM_PLAN_PLAN_H

#include "os/os.h"
#include "plan/look.h"
#include "resolve/lost.h"
#include "transfer/transfer.h"

/* What is at a place, as far as the content that is to go there is concerned. */
enum place_state {
	PLACE_EMPTY,
	PLACE_RIGHT,      /* the content, and models.json says so */
	PLACE_UNRECORDED, /* the content, and models.json does not say so of this model */
	PLACE_OURS,       /* other bytes of this model: they may be replaced */
	PLACE_IN_WAY,     /* another's: they stay */
	PLACE_UNREADABLE, /* it cannot be told */
};

/* What is to happen at one place. */
struct step {
	enum place_state state;
	struct os_stat status; /* of the file that is there */
	int failure;           /* errno, of UNREADABLE */
	const char *owner;     /* IN_WAY: the id of the model whose file it is; NULL: nobody's that we know. Borrowed */
	bool is_link;          /* IN_WAY: it is a symbolic link */
	bool is_behind;        /* IN_WAY: a link on the way to it is not part of the store */
	bool is_across; /* IN_WAY: what is unpacked cannot be moved there: it is another file system than the store's */
	bool is_folder; /* IN_WAY: a file is to go where there is a folder */
	bool is_above;  /* IN_WAY: a file has the name of a folder that is needed */
	bool is_missing;   /* IN_WAY: another model registered the place, and its file is not there */
	bool is_taken;     /* IN_WAY of a repair: both claim it, and it is sound for its owner */
	bool is_edited;    /* IN_WAY: it is the model's own, and was written to since it was recorded */
	bool is_newer_tag; /* IN_WAY: what Ollama 0.40 and newer run under the name of a manifest */
	bool unconfirmed;  /* RIGHT as far as was recorded; the source was not asked, and could not tell */
	bool nameless;     /* UNRECORDED: the bytes are there, their name (or what means its revision) is not */
	bool noted;        /* an intent stands in staging (store/intent.h) */
	enum ncm_replacing replace; /* what becomes of what is there */

	/* IN_WAY: how the owner spells the name, where case does not count; else NULL. Borrowed. */
	const char *spelled;
};

/* Bytes of a damaged file that alone are to be fetched: a repair's. */
struct mend {
	const struct ncm_verify_file *file; /* as it was found */
	struct ncm_range *ranges;           /* of it; none: the whole file */
	size_t count;
};

/* Another file on this machine with the same bytes. */
struct twin {
	char *path; /* absolute; NULL: there is none */
	struct os_stat status;
	bool unread; /* its name says so alone: it is to be copied, and hashed then */
};

struct plan_item {
	struct content *content;
	struct step *steps; /* one for each place */
	struct twin local;
	uint64_t present; /* bytes of the partial */
	struct mend mend; /* of the first place */
};

/* What a struct ncm_plan is made of. */
struct planned {
	struct run *run;
	struct contents contents;
	struct plan_item *items; /* one for each content */
	struct look *look;
	bool repairs; /* only what was recorded, and nothing is recorded */
};

/* The public plan of what a run has resolved; takes the run. NULL with INTERRUPTED. */
struct ncm_plan *plan_of(struct planned *planned, struct ncm_error *err);
/* With nothing wanted yet; takes the run. */
struct planned *planned_new(struct run *run);
void planned_free(struct planned *planned);
/* Makes contents and items anew of what is resolved, and judges them. The placer is contents_build's. */
void plan_build(struct planned *planned, content_placer *placer, void *context);
/* What the lock knew and the disk has needs no source; the rest does. */
void plan_settle_present(struct planned *planned);
/* Judges all again: the disk or models.json may have changed. */
void plan_judge(struct planned *planned);
/* Looks at the partials again: what is to be fetched has changed. */
void plan_count_partials(struct planned *planned);
/* licence.c: gives an error to each model whose licence does not fit the policy; before its sources are asked. */
void plan_refuse_licences(struct run *run);
/*
 * refuse.c: each gives an error to each model that cannot have one of its places: because something is in the way there
 * or cannot be read, because this user may not write there, or because the file system has no such names.
 */
void plan_refuse(struct planned *planned);
void plan_refuse_unwritable(struct planned *planned);
void plan_refuse_names(struct planned *planned);

/* lost.c: asks by digest for what no source has any more and is not here; what nobody has is its models' error. */
void plan_find_lost(struct planned *planned);
/* Gives an error to each model that its source would not hand out, before anything is fetched. */
void plan_ask_access(struct planned *planned);

/* Whether none of the models that want it can be had. */
bool item_is_given_up(const struct run *run, const struct plan_item *item);

/* Why a model cannot have this place: IN_WAY and UNREADABLE. Else *err stays as it is. */
void place_tell(const struct run *run, const struct place *place, const struct step *step, struct ncm_error *err);

/* evidence.c */
void judge_place(const struct planned *planned, struct content *content, const struct place *place, struct step *step);
/* Whether an open file (-1: none) has the content's bytes, whose SHA-256 is known. Hashes it if need be; *status is the
 * file's. */
bool has_bytes(struct look *look, const struct content *content, int fd, const char *path, struct os_stat *status);

/* elsewhere.c: a file with the content's bytes in any store of the layout, registered or not, or in a bundle. Whether
 * there is one; the caller frees its path. */
bool elsewhere_find(struct look *look, const struct content *content, struct twin *twin);

/* steps.c: pure. */
bool step_is_done(const struct step *step);                /* the right bytes are there */
bool item_is_right(const struct plan_item *item);          /* at every place */
const char *item_ready_path(const struct plan_item *item); /* of a right place or the local twin, or NULL */
bool item_needs_network(const struct plan_item *item);
/* Whether what is ready, at this path, can get another name at the place, as far as their disks go. */
bool place_can_be_linked(const char *ready, const struct place *place);
/* Bytes that must come over the network (an unknown size counts 0: see item_doubt). */
uint64_t item_to_get(const struct plan_item *item);
/* How far the content's size is to be believed; `expected` is all of it or nothing. */
struct ncm_doubt item_doubt(const struct plan_item *item);
enum ncm_step item_step(const struct plan_item *item, size_t place);
/* The name of its partial in the first place's staging folder, which the caller frees; NULL: nothing is fetched. */
char *item_partial(const struct plan_item *item);
/* What the transfer engine is told. `partial` and the item are borrowed. */
void item_transfer(const struct run *run, const struct plan_item *item, const char *partial,
		   struct ncm_transfer_item *transfer);

/*
 * checkpoints.c: those of a file of this digest and size, as they were kept beside the lock, in a store of the layout
 * or in a bundle. Nothing says that they are right. Returns 0, or -1 if there are none; free with
 * ncm_checkpoints_clear.
 */
int checkpoints_find(const struct run *run, const struct ncm_sha256 *sha256, uint64_t size,
		     struct ncm_checkpoints *checkpoints);
/* Whether a file of this size has any. */
bool checkpoints_are_possible(uint64_t size);
/* Keeps them beside the lock. *kept: whether there are any. Returns 0, or -1 with *err (IO, NO_SPACE, POLICY). */
int checkpoints_keep(const struct run *run, const struct ncm_sha256 *sha256, uint64_t size, bool *kept,
		     struct ncm_error *err);
/* Removes those beside the lock of files that it does not pin any more. */
void checkpoints_drop(const struct run *run);

/* space.c: needed and free bytes of each file system. */
void space_measure(const struct planned *planned, struct ncm_plan_disk **disks, size_t *count, bool *enough);
char *space_fits(const struct planned *planned);
int space_check(const struct planned *planned, struct ncm_error *err);
void plan_disks_free(struct ncm_plan_disk *disks, size_t count);

#endif
