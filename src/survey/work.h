/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a survey share. Each kind of store is one function that walks its folder and puts down what it
 * finds: files, what is told of them, and which of them are one model. Headers, digests and verdicts come afterwards,
 * the same for all.
 */
#ifndef NCM_SURVEY_WORK_H
#define NCM_SURVEY_WORK_H

#include "base/json.h"
#include "digest/hash.h"
#include "format/format.h"
#include "store/walk.h"

#include <ncmodel/survey.h>

/* What is known of a file beside what the survey shows; the clue of files[i] is clues[i]. */
struct clue {
	bool settled;      /* its state is final: its content is not read */
	bool judged;       /* its text was read whole and means something: a manifest */
	bool is_model;     /* it may have a header, and with NCM_SURVEY_DIGESTS it is hashed in any case */
	bool has_git_sha1; /* told by its name, or by a listing beside it */
	struct ncm_sha1 git_sha1;
	bool git_differs; /* found by hashing */
	bool first_use;   /* models.json has the digest of the first bytes that came, and nothing more */
	bool hashed;
	int failure;             /* errno of reading it */
	const char *folder_kind; /* static; or NULL */
	size_t store;            /* index into the survey's stores */
	size_t model;            /* one that it belongs to; NO_MODEL: none */
	struct ncm_facts facts;
};
#define NO_MODEL SIZE_MAX

struct work {
	struct ncm_survey *survey;
	struct clue *clues;
	enum ncm_survey_depth depth;
	const struct ncm_sink *sink;
	json_t *by_path; /* path → index of the file */
	int *homes;      /* of each store: the folder whose .ncmodel/checkpoints are used; -1 */
	/* the store that is looked through now */
	const struct ncm_store *store;
	size_t store_index;
	int dirfd;
};

/* One kind of store each: puts down everything in work->store. */
void survey_ollama(struct work *work); /* ollama.c */
/* Whether the file is a form of the Ollama manifest that was recorded (false for any other file); also ollama.c. */
bool survey_is_form_of(const struct work *work, size_t file, const struct ncm_reg_model *model,
		       const struct ncm_reg_file *recorded);
void survey_huggingface(struct work *work); /* huggingface.c */
void survey_folders(struct work *work);     /* folders.c */

/* work.c: putting down what was found. */

/*
 * The file at a path below the store, looked at once: missing, or no regular file, is its state then. A link is
 * followed to the file behind it. Returns its index.
 */
size_t survey_add(struct work *work, const char *relative, const char *role);
/* The same for a link that leads to `behind`, another path below the store: that is what is looked at. */
size_t survey_add_link(struct work *work, const char *relative, const char *behind, const char *role);
/* Whether a file of this path was put down already; its index in *file. */
bool survey_has(const struct work *work, const char *relative, size_t *file);
/* Gives a file its final state. Takes `detail` (may be NULL). */
void survey_settle(struct work *work, size_t file, enum ncm_survey_state state, char *detail);
/* What something tells of a file. Who tells first is believed. `told_by` is static. */
void survey_tell_sha256(struct work *work, size_t file, const struct ncm_sha256 *sha256, const char *told_by);
/* Adds what a sidecar tells; takes the claim's strings. Where nobody told a digest yet the first claim does. */
void survey_claim(struct work *work, size_t file, struct ncm_survey_claim *claim);
void survey_tell_git_sha1(struct work *work, size_t file, const struct ncm_sha1 *git_sha1, const char *told_by);
void survey_tell_size(struct work *work, size_t file, uint64_t size);
/*
 * A model of the store, without files yet. Its id is made of the source, or of the name when there is none; it becomes
 * unique in the end. `source` is a canonical spelling or NULL; `known_by` is static. Returns its index.
 */
size_t survey_add_model(struct work *work, const char *source, const char *name, const char *known_by);
/* Makes a file one of the model's; once is enough. */
void survey_join(struct work *work, size_t model, size_t file);
/* Sets a text of a model's entry that is not set yet (to a copy). */
void survey_say(char **field, const char *text);
/* Our own partial downloads, in the staging folder of any store. */
void survey_staging(struct work *work);
/* That a folder or file at a path below the store cannot be read. */
void survey_tell_unreadable(struct work *work, const char *relative, const char *role, int errnum);
/* Walks a folder of the store as ncm_walk_store; what cannot be seen becomes unreadable, but that the folder is not
 * there. */
void survey_walk(struct work *work, const char *relative, const struct ncm_walk_how *how,
		 void (*found)(void *context, const struct ncm_walk_entry *entry), void *context);

/* sidecar.c: what lies beside the model files of a folder store. */
struct sidecars;
struct sidecars *sidecars_new(struct work *work);
/* Keeps the name, to be matched later, if it is a sidecar's. */
void sidecars_offer(struct sidecars *sidecars, const char *relative);
/* Tells of each model file what its sidecars say; a sidecar without its model is orphaned. */
void sidecars_match(struct sidecars *sidecars);
void sidecars_free(struct sidecars *sidecars);

/* pipeline.c: models of several files that say themselves what belongs to them. */
struct pipelines;
struct pipelines *pipelines_new(struct work *work);
/*
 * The model of the pipeline that a file below `root` (a folder of the store's) is of, or NO_MODEL. What it needs
 * besides weights is one of the model's files then; weights are the caller's to put down.
 */
size_t pipelines_take(struct pipelines *pipelines, const char *root, const char *relative);
/* The shards that the index beside a file names, as paths below the store, if the file is one of them. */
void pipelines_indexed(struct pipelines *pipelines, const char *relative, struct ncm_strings *files);
/* At the end: parts that a pipeline names and that are not there. */
void pipelines_check(struct pipelines *pipelines);
void pipelines_free(struct pipelines *pipelines);

/* registered.c: what models.json recorded of the files. */
void survey_consult_registry(struct work *work, const struct ncm_config *config);

/* content.c: headers and digests, as deep as the survey goes. */
void survey_read_headers(struct work *work);
void survey_hash(struct work *work);

/* judge.c: the state of each file and model. */
void survey_judge(struct work *work);

/* claims.c: the claim that a hashed file meets, or NULL. */
const struct ncm_survey_claim *claim_met(const struct ncm_survey_file *file);
/*
 * The claim that a file which meets none of its claims is compared with: the one of its size (of a truncated file that
 * which its header says), else the first, and *open: which it is nothing tells.
 */
const struct ncm_survey_claim *claim_nearest(const struct ncm_survey_file *file, const struct ncm_facts *facts,
					     bool *open);
/* How a sound file that meets none of its claims differs from them. The caller frees it. */
char *claim_difference(const struct ncm_survey_file *file, const struct ncm_facts *facts);
/* Whether nothing but claims tells what the file is to be: files beside a model stay behind when it is replaced. */
bool claim_is_all(const struct ncm_survey_file *file);
void claim_clear(struct ncm_survey_claim *claim);
void claims_clear(struct ncm_survey_file *file);

/* entry.c: the models as models.json could have them; afterwards files are sorted, and clues of no more use. */
void survey_describe(struct work *work);
void survey_sort(struct work *work);

#endif
