/* SPDX-License-Identifier: MIT */
/* Where a store lies. */
#ifndef NCM_STORE_LOCATION_H
#define NCM_STORE_LOCATION_H

#include "base/strings.h"
#include "store/store.h"

/* What the layout says of it. */
struct store_word {
	char *id;
	const struct ncm_store_kind *kind;
	char *path;               /* its first place, below the root */
	char *env;                /* the application's own variable; or NULL */
	struct ncm_strings found; /* other places */
	char *extra_paths;        /* the application's own settings of folders, below the store; or NULL */
	struct {
		char *user; /* or NULL: it has none */
		char *path;
	} service;
	struct ncm_store_folder *folders;
	size_t folder_count;
};

/* The value of a variable of the environment; NULL: it is not set, or empty. */
const char *store_variable(const char *name);
/* The path with the home folder for a leading "~", as the applications of Python do it. The caller frees it. */
char *store_expand_home(const char *path);
/* The store's absolute path, which the caller frees; *told_by (freed too) as in struct ncm_store. */
char *store_location(const struct ncm_config *config, const struct store_word *word, enum ncm_store_why *why,
		     char **told_by);

#endif
