/* SPDX-License-Identifier: MIT */
/* One line of `ncmodel list`, whether it comes from the registry or from a manifest. */
#ifndef CMD_ENTRY_H
#define CMD_ENTRY_H

#include "ui/json.h"
#include "ui/table.h"

#include <ncmodel/registry.h>

/* What is shown as its source words it. */
enum entry_word {
	ENTRY_PURPOSE,
	ENTRY_SPEED,
	ENTRY_ACCURACY,
	ENTRY_RESOLUTION,
	ENTRY_DURATION,
	ENTRY_PARAMETERS,
	ENTRY_LICENSE,
	ENTRY_LICENSE_CLASS,
	ENTRY_WORDS
};

/* Its strings belong to the model that it was made of, if nothing else is said. */
struct entry {
	const char *id;
	const char *name;
	const char *kind;
	const char *quantization;
	const char *priority;
	unsigned phase;
	double score;           /* negative: unknown */
	bool score_is_others;   /* no document gives it */
	uint64_t size;          /* on disk; of what is offered that of its files; 0: unknown */
	struct ncm_doubt doubt; /* of the size; of a model with files of unknown size there is none */
	const struct ncm_strings *use_cases;
	const struct ncm_strings *tags;
	const struct ncm_strings *profiles; /* or NULL: `profile` alone */
	const char *profile;                /* or NULL */
	bool installed;
	double vram_least; /* GB; 0: unknown */
	double vram_most;
	bool vram_at_least;             /* that or more */
	uint64_t context;               /* tokens; 0: unknown */
	uint64_t dimensions;            /* of an embedding; 0: none or unknown */
	const char *words[ENTRY_WORDS]; /* NULL: not known */
	struct ncm_strings stores;      /* its own */
	const char *source;             /* or NULL */
	const struct ncm_model *rated;  /* whose stars it has; NULL: nobody's */
};

struct entries {
	struct entry *items;
	size_t count;
	bool of_several_profiles; /* then each tells its own */
};

/* An id that several profiles offer is an entry a profile: its phase, uses and files are the profile's. */
void entries_add_registered(struct entries *entries, const struct ncm_reg_model *model);
void entries_add_offered(struct entries *entries, const struct ncm_model *model, bool installed);
/* What the entry does not know of itself, and the manifest's model that it is tells. */
void entry_take_words(struct entry *entry, const struct ncm_model *model);
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

/* What is shown of each. */
struct entry_view {
	bool with_state;                   /* which are installed */
	bool with_profiles;                /* set by entries_print */
	const struct ncm_strings *columns; /* by the words of --columns; empty: the usual ones */
};

/*
 * Prints them as a table, or a table a group with a heading and its totals. Of
 * use cases, only those of `chosen` (if it has any) are groups, and tags that it has; in each, the best score comes
 * first.
 */
void entries_print(const struct entries *entries, enum grouping grouping, const struct ncm_strings *chosen,
		   const struct entry_view *view, FILE *out);

#endif
