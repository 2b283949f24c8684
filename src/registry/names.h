/* SPDX-License-Identifier: MIT */
/* What people call registered models: ids, display names, file names, sources. */
#ifndef NCM_REGISTRY_NAMES_H
#define NCM_REGISTRY_NAMES_H

#include <ncmodel/registry.h>

/* A registry's indexes, made when they are first asked for. */
struct registry_names *registry_names_new(void);
void registry_names_free(struct registry_names *names);

enum registry_named_by {
	NAMED_MODEL, /* by id, display name or the name of its main file, by its source, or by what ends id or name */
	NAMED_FILE,  /* or else by the name of any of its files */
};
/*
 * The models that a word names: what is named by id goes before what is named otherwise, and a main file's name before
 * that of another. *found receives them (NULL if none), to be freed by the caller. Returns their number.
 */
size_t registry_named(const struct ncm_registry *registry, const char *word, enum registry_named_by by,
		      const struct ncm_reg_model ***found);
/* USAGE: the word names several models, whose ids are told. Returns -1. */
int registry_ambiguous(const char *word, const struct ncm_reg_model *const *found, size_t count, struct ncm_error *err);

#endif
