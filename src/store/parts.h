/* SPDX-License-Identifier: MIT */
/*
 * Folders of a store that lie elsewhere, by the word of their owner: of the layout ("loras": "/mnt/big/loras"), or of
 * the application's own settings (extra_paths.c). Each is a store of its own, a part of the other: with its own lock,
 * staging, disk and rights, so that whatever is true of a store is true of it. Its id is "STORE/FOLDER", as --to spells
 * it; of further ones of that folder "STORE/FOLDER:2".
 */
#ifndef NCM_STORE_PARTS_H
#define NCM_STORE_PARTS_H

#include "store/store.h"

struct store_part {
	const char *store;  /* the id of the store that it is a part of */
	const char *folder; /* and which of its folders */
	const char *path;   /* absolute */
	bool is_first;      /* what is placed in that folder goes here */
	enum ncm_store_why why;
	const char *told_by; /* as in struct ncm_store; or NULL */
};

/* Whether a path of a layout is the owner's word for any place: absolute, "~" or "~/…". */
bool store_path_is_own_word(const char *path);
/* A path of a layout's, absolute: "~" is the user's home, others begin at the root. The caller frees it. */
char *store_path_given(const struct ncm_config *config, const char *path);
/* Appends the part (where the configuration gives it another place, there). One that is there already, as a part of
 * that very folder, stays. */
void store_add_part(const struct ncm_config *config, struct ncm_layout *layout, const struct store_part *part);

#endif
