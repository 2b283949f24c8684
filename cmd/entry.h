/* SPDX-License-Identifier: MIT */
/* One line of `ncmodel list`, whether it comes from the registry or from a manifest. */
#ifndef CMD_ENTRY_H
#define CMD_ENTRY_H

#include "ui/table.h"

#include <ncmodel/registry.h>

/* Its strings belong to the model that it was made of. */
struct entry {
	const char *id;
	const char *name;
	const char *kind;
	const char *quantization;
	const char *priority;
	unsigned phase;
	double score; /* negative: unknown */
	uint64_t size;
	const struct ncm_strings *use_cases;
	const struct ncm_strings *tags;
	bool installed;
	double vram_least; /* GB; 0: unknown */
	double vram_most;
	const char *store;  /* or "" */
	const char *source; /* or NULL */
};

struct entries {
	struct entry *items;
	size_t count;
};

void entries_add_registered(struct entries *entries, const struct ncm_reg_model *model);
void entries_add_offered(struct entries *entries, const struct ncm_model *model, bool installed);
void entries_free(struct entries *entries);

enum grouping {
	GROUP_NONE,
	GROUP_USE_CASE,
	GROUP_PHASE,
	GROUP_STORE,
	GROUP_SOURCE,
};

/* Prints them as a table, or a table a group with a heading and its totals. `with_state` tells which are installed. */
void entries_print(const struct entries *entries, enum grouping grouping, bool with_state, FILE *out);

#endif
