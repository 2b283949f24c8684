/* SPDX-License-Identifier: MIT */
/* Inside of the look-ups: indexes over what models.json has. */
#ifndef NCM_REGISTRY_LOOKUP_H
#define NCM_REGISTRY_LOOKUP_H

#include "base/arena.h"
#include "base/text_map.h"
#include "registry/identity.h"

/* From a text to all that has it, in the registry's order. All zero: empty. */
struct registry_index_of {
	struct ncm_text_map groups;
	struct registry_ref *refs;
	uint32_t *group_of; /* each ref's, until the index is closed */
	size_t room;
	size_t *starts; /* each group's, and the end */
	size_t count;
};

/* Makes room for so many at once; those that were entered stay. */
void registry_index_of_reserve(struct registry_index_of *index, size_t count);
/* Enters one; the text must outlive the index. */
void registry_index_of_add(struct registry_index_of *index, const char *text, size_t size, struct registry_ref ref);
/* Ends the adding; what has a text is found from now on. */
void registry_index_of_close(struct registry_index_of *index);
/* Borrowed. *count may be 0. */
const struct registry_ref *registry_index_of_find(const struct registry_index_of *index, const char *text, size_t size,
						  size_t *count);
void registry_index_of_free(struct registry_index_of *index);

struct registry_lookup {
	const struct ncm_registry *registry;
	struct registry_index_of ids; /* folded; refs have no file */
	struct registry_index_of paths;
	struct registry_index_of digests;
	struct registry_index_of stems; /* of sources: a model's own (no file), and of its weights */
	struct ncm_arena texts;
};

/* In lower case, if it is not: into the arena. */
const char *registry_folded(struct ncm_arena *arena, const char *text);
/* All entries whose source, or that of their weights, may have this key. Borrowed. */
const struct registry_ref *registry_near(const struct registry_lookup *lookup, const char *key, size_t *count);
bool registry_has_key(const struct registry_ref *ref, const char *key);

#endif
