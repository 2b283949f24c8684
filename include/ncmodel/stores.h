/* SPDX-License-Identifier: MIT */
/* The stores of the layout: where each lies, and why there. */
#ifndef NCMODEL_STORES_H
#define NCMODEL_STORES_H

#include <ncmodel/config.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Why a store lies where it does. Append only: the names are part of the JSON interface. */
enum ncm_store_why {
	NCM_PLACED_BY_LAYOUT,        /* "layout": its first place */
	NCM_PLACED_BY_FOUND,         /* "found": another place of the layout's, where it is */
	NCM_PLACED_BY_SERVICE,       /* "service": of the application's own user */
	NCM_PLACED_BY_ENVIRONMENT,   /* "environment": a variable, the application's own or ours */
	NCM_PLACED_BY_CONFIGURATION, /* "configuration" */
	NCM_PLACED_BY_FLAG,          /* "flag": --store-path */
};
const char *ncm_store_why_name(enum ncm_store_why why);

struct ncm_store_info {
	char *id;
	const char *kind; /* as layouts spell it: "folders", "ollama", "huggingface" … Static */
	char *path;       /* absolute */
	enum ncm_store_why why;
	char *told_by; /* the variable, file, flag or user that `why` speaks of; or NULL */
	bool there;
	bool writable;     /* of one that is not there: it can be made */
	char *barrier;     /* why it is not writable, and by whom it is; else NULL */
	char *open_to_all; /* the folder in or above it that everybody may write to; else NULL */
	bool has_space;
	uint64_t free, total; /* bytes of its file system for this user; only if has_space */
	size_t models;        /* registered ones that have files in it */
	uint64_t bytes;       /* of those files, as recorded */
};

struct ncm_store_list {
	struct ncm_store_info *stores; /* in the layout's order */
	size_t count;
	char *layout;
	char *registry; /* path of models.json */
};

/* Looks at each store of the layout; writes nothing. Classes MANIFEST, USAGE, REGISTRY. Free with ncm_stores_free. */
struct ncm_store_list *ncm_stores_look(const struct ncm_config *config, struct ncm_error *err);
void ncm_stores_free(struct ncm_store_list *list);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
