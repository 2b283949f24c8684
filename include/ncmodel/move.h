/* SPDX-License-Identifier: MIT */
/*
 * Registered files go to another place: made there and proved, then models.json and the configuration say so, then the
 * old ones are removed. At each moment the old or the new ones are whole and registered.
 */
#ifndef NCMODEL_MOVE_H
#define NCMODEL_MOVE_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What becomes of a file. Append only: the names are part of the JSON interface. */
enum ncm_move_state {
	NCM_MOVE_GOES,  /* "goes": planned */
	NCM_MOVE_STAYS, /* "stays": `why` says why */
	NCM_MOVE_MOVED, /* "moved" */
	NCM_MOVE_LEFT,  /* "left": it is at its new place, and the old one is still there; `why` says why */
};
const char *ncm_move_state_name(enum ncm_move_state state);

struct ncm_move_file {
	char *from, *to; /* absolute */
	char *model;   /* the id of the first that registered it; NULL: it belongs to a model, or is one of the rest */
	uint64_t size; /* bytes */
	bool copied;   /* it is on another file system, and has to be copied */
	enum ncm_move_state state;
	char *why; /* or NULL */
};

struct ncm_move {
	struct ncm_move_file *files;
	size_t count;
	char *store;     /* id: that moves, or where models go */
	char *from, *to; /* folders, when a store moves */
	size_t going, moved, staying, left;
	uint64_t bytes, to_copy;     /* of files that go; of those that are copied */
	size_t unfinished;           /* files of a move that was cut short, and is ended now */
	bool sets_configuration;     /* the store's path is written to the configuration file */
	struct ncm_strings settings; /* what the applications have to be told, one a line */
	struct ncm_strings warnings; /* what is not known */
	void *impl;
};

/* Of a store, or of models: the others are NULL or 0. All is borrowed until ncm_move_free. */
struct ncm_move_options {
	const char *store; /* mv STORE PATH; else NULL */
	const char *path;
	const char *const *names; /* mv MODEL… --to STORE[/FOLDER] */
	size_t count;
	const char *to;
	bool rest;    /* of a store: what nobody registered, too */
	bool no_wait; /* fail with BUSY instead of waiting for another ncmodel */
};

/*
 * Says what would be moved, and writes nothing. The ownership rules are those of rm and pull: what others use stays
 * where it is (the model gets a copy), what is in the way is not overwritten, and a file goes only if who wrote
 * models.json could remove it himself. Classes USAGE, REGISTRY, POLICY (a store in use, something in the way), IO,
 * NO_SPACE. `config` is borrowed until ncm_move_free.
 */
struct ncm_move *ncm_move_plan(const struct ncm_config *config, const struct ncm_move_options *options,
			       struct ncm_error *err);
/*
 * Carries it out, after planning it again under the stores' locks. If it is cut short the same call goes on. Classes as
 * above, BUSY, INTERRUPTED, CHECKSUM (what was copied is not what was read).
 */
int ncm_move_run(struct ncm_move *move, const struct ncm_sink *sink, struct ncm_error *err);
void ncm_move_free(struct ncm_move *move);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
