/* SPDX-License-Identifier: MIT */
/* A change of models.json under way, between change.c, which edits it, and change_text.c, which writes it. */
#ifndef NCM_REGISTRY_CHANGE_TEXT_H
#define NCM_REGISTRY_CHANGE_TEXT_H

#include "registry/change.h"
#include "registry/scan.h"

/*
 * An entry as the file has it, and as a tree once an edit asked for it. A new one is a tree alone. One that a verify
 * looked at has two values exchanged, which its text may have already: then no tree is made of it.
 */
struct registry_change_entry {
	const char *text;
	size_t size;
	double size_mb;
	struct ncm_json_part verified_at, verify_result;
	const char *result; /* what is to stand there; NULL: as it is */
	json_t *tree;
	bool removed;
};

struct registry_change {
	char *base;
	char *text;
	struct registry_index index;
	struct registry_change_entry *entries;
	size_t count;
	char verified_at[32]; /* of all that have a result */
	json_t *document;     /* all but the entries; "models" is an empty array, for its place in the order */
};

/* Replaces the file with the text of what it is now. Returns 0 or -1. */
int registry_change_write(const struct registry_change *change, int dirfd, const char *path, struct ncm_error *err);

#endif
