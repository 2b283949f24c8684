/* SPDX-License-Identifier: MIT */
/* One line of `ncmodel list`, whether it comes from the registry or from a manifest. */
#ifndef CMD_ENTRY_H
#define CMD_ENTRY_H

#include "ui/json.h"
#include "ui/table.h"

#include <ncmodel/registry.h>

/* Its strings belong to the model that it was made of, if nothing else is said. */
struct entry {
	const char *id;
	const char *name;
	const char *kind;
	const char *quantization;
	const char *priority;
	unsigned phase;
	double score;           /* negative: unknown */
	uint64_t size;          /* on disk; of what is offered that of its files; 0: unknown */
	struct ncm_doubt doubt; /* of the size; of a model with files of unknown size there is none */
	const struct ncm_strings *use_cases;
	const struct ncm_strings *tags;
	const struct ncm_strings *profiles; /* or NULL: `profile` alone */
	const char *profile;                /* or NULL */
	bool installed;
	double vram_least; /* GB; 0: unknown */
	double vram_most;
	struct ncm_strings stores;     /* its own */
	const char *source;            /* or NULL */
	const struct ncm_model *rated; /* whose stars it has; NULL: nobody's */
};

struct entries {
	struct entry *items;
	size_t count;
	bool of_several_profiles; /* then each tells its own */
};

/* An id that several profiles offer is an entry a profile: its phase, uses and files are the profile's. */
void entries_add_registered(struct entries *entries, const struct ncm_reg_model *model);
void entries_add_offered(struct entries *entries, const struct ncm_model *model, bool installed);
void entries_free(struct entries *entries);
/* Whether no entry with this id was asked for before: models of several profiles count once. `seen` begins as an empty
 * object. */
bool entry_is_first(const struct entries *entries, const struct entry *entry, json_t *seen);

enum grouping {
	GROUP_NONE,
	GROUP_USE_CASE,
	GROUP_PHASE,
	GROUP_STORE,
	GROUP_SOURCE,
};

/*
 * Prints them as a table, or a table a group with a heading and its totals. `with_state` tells which are installed. Of
 * use cases, only those of `chosen` (if it has any) are groups, and tags that it has; in each, the best score comes
 * first.
 */
void entries_print(const struct entries *entries, enum grouping grouping, const struct ncm_strings *chosen,
		   bool with_state, FILE *out);

#endif
