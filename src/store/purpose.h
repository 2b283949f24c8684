/* SPDX-License-Identifier: MIT */
/*
 * What a file is, in the words of manifests and a few more, and the folders that applications have for such. One table,
 * by the names that layouts give their folders.
 */
#ifndef NCM_STORE_PURPOSE_H
#define NCM_STORE_PURPOSE_H

#include "store/store.h"

struct purpose {
	const char *kind;
	const char *words;      /* as a person says it: "a workflow" */
	const char *folders[3]; /* the likeliest first, up to a NULL; none: no application has one for it */
	const char *tag;        /* what it is for, in the words of tags; or NULL */
	bool unpacked;          /* an archive of such files is unpacked where they go */
};

/* NULL for a kind that is not known (or is NULL). Static, as all of these. */
const struct purpose *purpose_of(const char *kind);
/* The kind of what lies in a folder that a layout calls so ("loras", "loras/flux"); or NULL. */
const char *purpose_of_folder(const char *folder);
/* What a file's own header calls a kind (format/format.h), as manifests do. NULL stays NULL. */
const char *purpose_of_header(const char *kind);
/* The folder of the store that files of this kind and name belong into; NULL: it has none for them. */
const char *purpose_folder(const struct ncm_layout *layout, const struct ncm_store *store, const char *kind,
			   const char *name);

#endif
