/* SPDX-License-Identifier: MIT */
/* What selectors do, for models of manifests and of models.json alike. */
#ifndef NCM_MANIFEST_FILTER_H
#define NCM_MANIFEST_FILTER_H

#include <ncmodel/manifest.h>

/* What a model shows to the filters. Borrowed from the model unless said otherwise. */
struct ncm_traits {
	const char *id;
	const char *name;
	struct ncm_strings others; /* owned: aliases, file names … */
	unsigned phase;
	const struct ncm_strings *profiles; /* or NULL: no matter */
	const char *priority;               /* or NULL */
	const struct ncm_strings *use_cases;
	const struct ncm_strings *tags;
	const char *license; /* or NULL */
	const char *license_class;
	struct ncm_strings schemes; /* owned */
	struct ncm_strings stores;  /* owned */
	bool kept;
};

/* Whether anything but names and a variant chooses. */
bool ncm_selector_filters(const struct ncm_selector *selector);
/* Whether nothing chooses: it means all models, or that somebody forgot something. */
bool ncm_selector_is_open(const struct ncm_selector *selector);
/* Sets `kept` of each. `which` goes before "model" in messages ("" or "installed "). Class USAGE if nothing is kept, or
 * a name or phase fits nothing; the variant is not looked at. */
int ncm_filter(const struct ncm_selector *selector, struct ncm_traits *traits, size_t count, const char *which,
	       struct ncm_error *err);
/* The same of those that are kept already, whatever the selector's names. */
int ncm_filter_kept(const struct ncm_selector *selector, struct ncm_traits *traits, size_t count, const char *which,
		    struct ncm_error *err);
void ncm_traits_free(struct ncm_traits *traits, size_t count);

#endif
