/* SPDX-License-Identifier: MIT */
/* Where a store lies. */
#ifndef NCM_STORE_LOCATION_H
#define NCM_STORE_LOCATION_H

#include "base/json.h"
#include "store/store.h"

/* What the layout says of it. Borrowed. */
struct store_word {
	const char *id;
	const struct ncm_store_kind *kind;
	const char *path;      /* its first place, below the root */
	const char *env;       /* the application's own variable; or NULL */
	const json_t *found;   /* array of other places; or NULL */
	const json_t *service; /* {"user", "path"}: of a service; or NULL */
};

/* The value of a variable of the environment; NULL: it is not set, or empty. */
const char *store_variable(const char *name);
/* The path with the home folder for a leading "~", as the applications of Python do it. The caller frees it. */
char *store_expand_home(const char *path);
/* The store's absolute path, which the caller frees; *told_by (freed too) as in struct ncm_store. */
char *store_location(const struct ncm_config *config, const struct store_word *word, enum ncm_store_why *why,
		     char **told_by);

#endif
