/* SPDX-License-Identifier: MIT */
/*
 * What is about to get its final name, noted in staging until models.json knows it. Content whose digest is known needs
 * no note: that tells what it is. Without one, a crash between the name and the record would leave our own file to look
 * like somebody else's, which we do not touch. The note says which bytes they are and which source gave them: a name
 * alone would make them another model's.
 */
#ifndef NCM_STORE_INTENT_H
#define NCM_STORE_INTENT_H

#include "store/store.h"

/* Notes it of `content` (a file's digest; NULL for a folder) from `source` (canonical, pinned), in the open store.
 * Returns 0, or -1 with *err. */
int store_intent_note(const struct ncm_store *store, const char *relative, const struct ncm_sha256 *content,
		      const char *source, struct ncm_error *err);
/* Whether there is a note of that path; `dirfd` is the store's folder, which need not be opened to write. */
bool store_intent_exists(const struct ncm_store *store, int dirfd, const char *relative);
/* Whether a run that was stopped had noted these very bytes, from this very source. */
bool store_intent_stands(const struct ncm_store *store, int dirfd, const char *relative,
			 const struct ncm_sha256 *content, const char *source);
void store_intent_forget(const struct ncm_store *store, const char *relative);

#endif
