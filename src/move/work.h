/* SPDX-License-Identifier: MIT */
/*
 * A move under way: `choose.c` says which files go where, `plan.c` whether they may, `belongs.c` what goes with them,
 * `busy.c` who has them in use, `make.c` makes the new ones, `note.c` remembers the move until the old ones are gone,
 * `tell.c` tells of it, `move.c` has the order of things.
 */
#ifndef NCM_MOVE_WORK_H
#define NCM_MOVE_WORK_H

#include "base/json.h"
#include "os/os.h"
#include "registry/authority.h"
#include "registry/identity.h"
#include "registry/write.h"
#include "store/store.h"

#include <ncmodel/move.h>

/* One name that goes. */
struct item {
	char *from;               /* absolute */
	size_t store;             /* that it lies in; NCM_NO_STORE */
	char *relative;           /* its place below the destination */
	bool is_name;             /* what other tools find bytes by: a manifest, a link, a ref */
	char *link;               /* of a symbolic link: what the new one says; else NULL */
	bool registered;          /* else it belongs to one, or is one of the rest */
	const char *model;        /* the first that registered it, or NULL; borrowed */
	struct ncm_sha256 sha256; /* as recorded; all zero: not */
	struct os_stat seen;
	bool there;       /* something is at its new place already */
	char *why;        /* it stays; or NULL */
	int64_t mtime_ns; /* of the new one, once it is made */
};

/* What models.json is to say of one file of one model. Borrowed. */
struct switching {
	const struct ncm_reg_model *model;
	const struct ncm_reg_file *file;
	size_t item;
};

struct mover {
	const struct ncm_config *config;
	struct ncm_move_options options; /* its strings are borrowed from the caller of the plan */
	struct ncm_move *move;
	struct ncm_layout *layout;
	struct ncm_registry *registry;
	struct authority said;
	size_t source;            /* the store that moves; NCM_NO_STORE: models do */
	struct ncm_store moved;   /* the same at its new folder; its strings but for the path are borrowed */
	struct ncm_store *target; /* that, or a store of the layout */
	char *folder;             /* below the target, for models; "" none */
	struct item *items;
	size_t count;
	json_t *by_path; /* path → number of the item */
	struct switching *switches;
	size_t switch_count;
	json_t *pending;        /* notes of moves that were cut short after models.json was switched: see note.c */
	struct authority noted; /* who may have written these notes: the same of each: they lie in one folder */
	bool is_there;          /* the store lies there already */
};

/* plan.c: fills in the items. The last plan's are gone. */
int mover_plan(struct mover *mover, struct ncm_error *err);
void mover_clear(struct mover *mover);
/* choose.c: the files that were asked for, and what belongs to them. Classes USAGE, IO. */
int mover_choose(struct mover *mover, struct ncm_error *err);
/* The item of an absolute path, made if it is new; `relative` is its place below the target. */
struct item *mover_add(struct mover *mover, const char *path, const char *relative);

/* belongs.c: what is no file of models.json and yet part of a model: Ollama's names and what they reach, the links and
 * refs of a Hugging Face cache. Then, if asked for, all the rest of a store. */
int mover_add_belongings(struct mover *mover, struct ncm_error *err);
int mover_add_rest(struct mover *mover, struct ncm_error *err);

/* busy.c: class POLICY if a program is known to have the store in use; what cannot be known is a warning. */
int mover_refuse_busy(struct mover *mover, struct ncm_error *err);

/* make.c: makes an item's new file, durable. Classes IO, NO_SPACE, POLICY, CHECKSUM, INTERRUPTED. */
int mover_make(struct mover *mover, size_t item, const struct ncm_sink *sink, struct ncm_error *err);
/* Writes to the folder of an item's new file durably. */
int mover_sync(struct mover *mover, struct ncm_error *err);

/* note.c */
/* What of earlier moves is not ended: into mover->pending. */
void mover_find_pending(struct mover *mover);
/* Writes down what goes where; the caller frees *name, and decrefs the note that is returned. NULL with *err. */
json_t *mover_note(const struct mover *mover, char **name, struct ncm_error *err);
/* Removes the old files that a note tells of, where the new ones are registered, and then the note. */
int mover_finish(struct mover *mover, const json_t *note, const char *name, const struct authority *by,
		 const struct ncm_sink *sink, struct ncm_error *err);

/* tell.c: tells the log of what models.json has at its new place. */
void mover_tell_deeds(const struct mover *mover, const struct ncm_sink *sink);
/* What the applications have to be told. */
void mover_tell_settings(struct mover *mover);

#endif
