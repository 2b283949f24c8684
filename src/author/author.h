/* SPDX-License-Identifier: MIT */
/* A draft under way: models are taken one by one, each checked alone, so that the whole is a valid manifest. */
#ifndef NCM_AUTHOR_AUTHOR_H
#define NCM_AUTHOR_AUTHOR_H

#include "base/json.h"
#include "store/store.h"

#include <ncmodel/draft.h>

struct author {
	const struct ncm_config *config;
	struct ncm_layout *layout;
	json_t *models;  /* array */
	json_t *ids;     /* taken */
	json_t *tried;   /* source → how often an id was told apart by it */
	json_t *places;  /* taken: folded place → what is there, as a digest or source */
	unsigned phases; /* bit N: a model of phase N was taken */
	struct ncm_draft *draft;
};

/* author.c */
int author_start(struct author *author, const struct ncm_config *config, const struct ncm_draft_options *options,
		 struct ncm_error *err);
/*
 * Takes a model (borrowed), or makes a gap that tells why not. Its id is made fit and unique. `line` and `what` are for
 * the gap. Returns whether it was taken.
 */
bool author_take(struct author *author, const struct ncm_model *model, size_t line, const char *what);
void author_leave_out(struct author *author, size_t line, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What is told of something that the list says and that is not gone by; nothing is left out for it. */
void author_tell(struct author *author, size_t line, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Ends it: the draft, with its text if there is any model, or NULL with *err. */
struct ncm_draft *author_finish(struct author *author, const char *title, const char *description,
				struct ncm_error *err);
/* Ends it without a draft. Returns NULL. */
struct ncm_draft *author_drop(struct author *author);

/* model_json.c: a model as a manifest writes it; what is too long for one is cut or left out. */
json_t *author_model_json(const struct ncm_model *model);
/* Whether a place of it is an address that was signed. */
bool author_is_signed(const struct ncm_model *model);

/* dump_source.c: where the bytes of a registered file can be had again. */
struct ncm_lock;
struct ncm_reg_model;
struct ncm_reg_file;
struct provenance {
	const struct ncm_catalog *catalog; /* or NULL */
	const struct ncm_lock *lock;
};
/* Adds the sources, pinned ones first; none if nothing tells them. */
void dump_sources(const struct provenance *provenance, const struct ncm_reg_model *entry,
		  const struct ncm_reg_file *file, struct ncm_strings *from);
/* The spelling of an Ollama model whose manifest has this digest and path below its store; NULL if it is none. */
char *dump_ollama_source(const struct provenance *provenance, const char *relative, const struct ncm_sha256 *digest);
/* The catalog's model that this entry was pulled as, or NULL; *variant (or NULL) is its form. */
const struct ncm_model *dump_known_model(const struct ncm_catalog *catalog, const struct ncm_reg_model *entry,
					 const struct ncm_variant **variant);

/* dump.c: takes an entry of models.json. Returns 0, or -1 with *why (freed by the caller), and nothing was told of it.
 */
int dump_entry(struct author *author, const struct provenance *provenance, const struct ncm_reg_model *entry,
	       char **why);

/* dump_files.c: the registered files as file specs. Returns 0, or -1 with *why (freed by the caller). */
int dump_files(const struct provenance *provenance, const struct ncm_layout *layout, const struct ncm_reg_model *entry,
	       struct ncm_model *model, char **why);

#endif
