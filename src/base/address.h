/* SPDX-License-Identifier: MIT */
/*
 * What of an address may be shown and written down: the one rule, for all rooms.
 *
 * Secret are user and password, and of a query (or what stands for one: a fragment, a path's ";name=value") the
 * parameters whose name says so ("token", "X-Amz-Signature", "sig") and those of a name that says nothing whose value
 * looks drawn at random. All others stay, since they choose the file: "?id=3", "?download=true".
 *
 * A plain address that had secrets is remembered as what is left, with "#signed" behind it (before a "#sha256="):
 * whoever asks it is told that it needs a new one. models.json and the lock have a member "signed" for the mark.
 */
#ifndef NCM_BASE_ADDRESS_H
#define NCM_BASE_ADDRESS_H

#include <stdbool.h>

/* Whether any text holds an address with something secret. */
bool ncm_text_has_secret(const char *text);
/* Takes a text and gives it without what is secret. NULL stays NULL. */
char *ncm_text_swept(char *text);

/* Notes the secrets of an address that is going to be asked (secrets.h). */
void ncm_address_note(const char *address);

/* An address without what is secret, with its mark if it has or had a secret. The caller frees it. */
char *ncm_address_remembered(const char *address);
/* Whether an address has the mark. */
bool ncm_address_is_signed(const char *address);
/* Without the mark; NULL for NULL. The caller frees it. */
char *ncm_address_unmarked(const char *address);
/* With the mark. The caller frees it. */
char *ncm_address_marked(const char *address);

#endif
