/* SPDX-License-Identifier: MIT */
/*
 * What a run wants: the models chosen, and for each file that they want what the lock, the manifest's own pins or its
 * source say that it is. Everything later (plan, carry, repair, drift) stands on this.
 */
#ifndef NCM_RESOLVE_RUN_H
#define NCM_RESOLVE_RUN_H

#include "manifest/lock.h"
#include "registry/identity.h"
#include "source/source.h"
#include "store/store.h"

#include <ncmodel/provision.h>
#include <ncmodel/registry.h>

#include <pthread.h>

enum { RESOLVE_THREADS = 8 }; /* services are asked about so many things at once */

/* Where the files of a whole repository go at a target. */
enum repository_form {
	REPOSITORY_UNKNOWN, /* nobody has looked yet */
	REPOSITORY_FLAT,    /* into the target's folder itself, where they are registered */
	REPOSITORY_OWN,     /* into a folder of its own */
};

/* A file that has another name here, or none. */
struct odd_name {
	char *name; /* as its source calls it */
	char *as;   /* NULL: it is left out */
};

/* One file spec of one chosen model. */
struct wanted {
	size_t model; /* index into run->models */
	const struct ncm_file_spec *spec;
	struct ncm_resolution *resolution; /* NULL until resolved */
	const char *uri;                   /* the one of spec->from that was resolved */
	bool respelled;                    /* `from` is as its source told its name */
	bool from_lock; /* made from the lock, or of an address whose signature is not known: good to see that all
			   is there, not to fetch */
	struct ncm_lock *sent_lock; /* that came along with it (lost.c), once that was asked for */
	bool asked_lock;
	bool settled;                /* from the lock, and all of it is there: the source need not be asked */
	const char *trust;           /* "manifest", "upstream", "first-use"; once it has its contents */
	size_t *contents;            /* of each artifact the index of its content; NULL before (content.h) */
	enum repository_form *forms; /* of each target of a whole repository; NULL before (repository.c) */
	struct odd_name *odd;        /* of its files, once it has its contents */
	size_t odd_count;
	bool is_gone; /* all of its places were asked, and each said that it has the bytes no longer */
	struct ncm_error error;
	struct ncm_error lost; /* why no source has what its pins say of it; code NCM_OK: one has (lost.h) */
};

struct chosen_model {
	const struct ncm_model *model;
	const struct ncm_file_spec *files;
	size_t file_count;
	size_t first_wanted;               /* of run->wanted: the one of its first file */
	char *id;                          /* that models.json has, or is to have */
	char *alias;                       /* by which its entry is to be known besides; or NULL */
	const struct ncm_reg_model *known; /* its entry there, or NULL */
	struct ncm_error error;            /* why it cannot be had */
	bool variants_are_no_help;         /* another form of it cannot be had for the same reason */
};

struct run {
	const struct ncm_config *config;
	struct ncm_provision_options options;
	struct ncm_sink user_sink;
	struct ncm_sink sink; /* the user's, one thread at a time */
	pthread_mutex_t mutex;
	pthread_mutex_t sent_mutex; /* of the locks that came along with what is wanted */
	struct ncm_layout *layout;
	char *registry_path;
	struct ncm_registry *registry;
	const struct registry_lookup *lookup; /* the registry's own */
	struct ncm_lock *lock;
	struct ncm_http *http;
	struct ncm_sources *sources;
	struct chosen_model *models;
	size_t model_count;
	struct wanted *wanted; /* a model's stand together */
	size_t wanted_count;
	struct ncm_model *own_models; /* models that no manifest has, made by known.c or drift */
	size_t own_count;
	size_t resolved, to_resolve; /* for the RESOLVED events */
	bool asked_network;
	_Atomic bool finders_silent; /* services that can be asked by digest could not, and are not again */
};

/* run.c */

/* A run with the registry and the lock read and nothing chosen yet. NULL with *err. */
struct run *run_new(const struct ncm_config *config, const struct ncm_provision_options *options,
		    const struct ncm_sink *sink, struct ncm_error *err);
void run_free(struct run *run);
/* Chooses these models (borrowed): each file spec of theirs is a wanted. Once a run. */
void run_take_models(struct run *run, struct ncm_model *const *models, size_t count);
/* Which entry of models.json the model is. */
void run_identify(const struct run *run, struct chosen_model *chosen);
/* Reads models.json anew if another run may have changed it. Returns 0, or -1 with *err and all as it was. */
int run_reload_registry(struct run *run, struct ncm_error *err);
/* As users know the model. */
const char *model_id(const struct run *run, const struct wanted *wanted);
struct chosen_model *model_of(const struct run *run, size_t wanted);
/* Why a model failed, unless it has failed before. */
void model_fail(struct chosen_model *model, const struct ncm_error *why);
/* Copies why a model failed; where another form of it can be chosen, the hint says so. */
void model_error_copy(struct ncm_error *out, const struct chosen_model *model);

/* The hint where --offline forbids what would help: of a bundle's import there is nothing else to ask. */
void run_hint_offline(const struct run *run, const char *otherwise, struct ncm_error *err);

/* wanted.c */

/* Takes note of a file that is called otherwise here (`as` NULL: that is left out). */
void wanted_note_odd(struct wanted *wanted, const char *name, const char *as);
bool wanted_leaves_out(const struct wanted *wanted, const char *name);
void wanted_forget_odd(struct wanted *wanted);

void wanted_resolve_locally(struct run *run);
void wanted_resolve_by_network(struct run *run);
/* The same for one of them; from any thread. */
void wanted_ask(struct run *run, struct wanted *wanted);
/* Tells that one more of run->to_resolve was looked up. */
void wanted_tell(struct run *run, const struct wanted *wanted);
/* What a lock's entry says, without asking; and whether it tells all digests. */
struct ncm_resolution *resolution_from_lock(const struct ncm_lock_entry *entry);
bool resolution_has_digests(const struct ncm_lock_entry *entry);
/* What the lock pins of this spec, or NULL (also when all is to be looked up anew). */
const struct ncm_lock_entry *wanted_lock_entry(const struct run *run, const struct wanted *wanted);
/* Asks the spec's place number `from`, and holds the answer against the lock. NULL with *err. */
struct ncm_resolution *wanted_ask_place(struct run *run, const struct wanted *wanted, size_t from,
					struct ncm_error *err);

/* kind.c: what a file is that goes where such files go (struct ncm_target, by_kind). */

/* Whether that is not known yet. */
bool kind_is_wanting(const struct run *run, const struct wanted *wanted);
/* Takes it from the lock. */
void kind_recall(const struct run *run, struct wanted *wanted);
/* Finds it, of a resolved wanted: the source's word, else the file's own header, of which a little is fetched, else how
 * it is spelled. Where nothing tells and its header could not be had, the wanted's error says why. From any thread. */
void kind_find(const struct run *run, struct wanted *wanted);
/* Settles target and model by it. Returns 0, or -1 with *err: USAGE, the user has to say where it goes. */
int kind_settle(const struct run *run, struct wanted *wanted, struct ncm_error *err);

/* known.c: where a registered model came from. */

/* A catalog's models by their ids. The catalog is borrowed; NULL has none. */
struct known_catalog;
struct known_catalog *known_catalog_new(struct ncm_catalog *catalog);
void known_catalog_free(struct known_catalog *known);
/* The catalog's model, with the registered variant chosen; or NULL. */
struct ncm_model *known_in_catalog(const struct known_catalog *known, const struct ncm_reg_model *entry);
/*
 * Makes a model without targets of what models.json and the lock know of these of its files; without files if that is
 * nothing. manifest_model_clear is for the caller.
 */
void known_from_registry(const struct run *run, const struct ncm_reg_model *entry,
			 const struct ncm_reg_file *const *files, size_t count, struct ncm_model *model);

#endif
