/* SPDX-License-Identifier: MIT */
/*
 * What reads a pickle: a stack of values that are known only as far as tensors and imports need it, their memo, what
 * was imported. Every function returns false if it cannot; then the facts say why.
 */
#ifndef NCM_FORMAT_PICKLE_MACHINE_H
#define NCM_FORMAT_PICKLE_MACHINE_H

#include "base/text_map.h"
#include "format/pickle.h"

enum {
	MOST_VALUES = 1 << 21, /* of one pickle */
	MOST_STACK = 1 << 20,
	MOST_MEMO = 1 << 20,
	MOST_LINE = 4096, /* of a text argument, and of a text that is kept */
	MOST_IMPORTS = 4096,
};

enum kind { UNKNOWN, MARK, NUMBER, TEXT, TUPLE, GLOBAL, STORAGE, TENSOR };

struct value {
	enum kind kind;
	uint32_t count;  /* of a tuple: items, which lie one after the other at `first` */
	uint32_t first;  /* in items */
	uint32_t tensor; /* of a tensor: its index in tensors */
	int64_t number;
	const char *text; /* of a text, a global ("module name"), a storage (its type) */
};

typedef uint32_t value_at; /* index in values */
enum { AT_UNKNOWN, AT_MARK };

struct machine {
	struct header *header;
	struct ncm_contents *contents;
	struct value *values;
	size_t value_count;
	value_at *stack, *items, *memo;
	size_t stack_count, item_count, memo_room;
	size_t memo_count;
	struct ncm_tensor *tensors; /* without names */
	size_t tensor_count;
	struct ncm_text_map known; /* imports */
	struct traits traits;
	unsigned protocol;
	bool stopped;
};

bool pickle_broken(struct machine *machine, const char *what);
const struct value *pickle_value_of(const struct machine *machine, value_at at);
bool pickle_push(struct machine *machine, value_at at);
bool pickle_push_new(struct machine *machine, const struct value *value);
bool pickle_push_unknown(struct machine *machine);
bool pickle_pop(struct machine *machine, value_at *at);
bool pickle_drop(struct machine *machine, size_t count);
/* Where the topmost mark is. */
bool pickle_find_mark(struct machine *machine, size_t *at);
/* Drops it and all above. */
bool pickle_pop_mark(struct machine *machine);
/* A tuple of the topmost `count` values in their place. */
bool pickle_make_tuple(struct machine *machine, size_t count);
/* A copy that lives as long as the contents. */
bool pickle_keep_text(struct machine *machine, const char *text, size_t size, const char **kept);
/* Something imported. */
bool pickle_push_global(struct machine *machine, const char *module, const char *name);
/* What the topmost value, a persistent id, stands for: torch's storages. */
bool pickle_push_persistent(struct machine *machine);
/* A call of the second value with the topmost: of what makes tensors it is one, of all else nobody knows. */
bool pickle_call(struct machine *machine);
/* Takes the pairs of keys and values above `at`; tensors with names are kept. */
bool pickle_set_items(struct machine *machine, size_t at);
bool pickle_put_memo(struct machine *machine, uint64_t index);
bool pickle_get_memo(struct machine *machine, uint64_t index);

/* pickle_imports.c: whether weights may need "module name". */
bool pickle_is_plain_import(const char *name);

#endif
