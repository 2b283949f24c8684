/* SPDX-License-Identifier: MIT */
/*
 * Pinned bytes that their sources have no longer, or have others of under their name: they are looked up by digest, in
 * the cache, at web servers with content by its digest, where the lock knows that they were served (ours, then one that
 * the publisher sent along), and at services that can be asked by digest, in this order. What comes is proven by the
 * digest alone.
 */
#ifndef NCM_RESOLVE_LOST_H
#define NCM_RESOLVE_LOST_H

#include "resolve/content.h"

/* Whether a source said that it has the bytes no longer. What could not be told is not gone. */
bool lost_is_told(enum ncm_errc code);
/* Of a wanted whose sources all said so: goes on with what lock or manifest pin of it, if that is enough; why nobody
 * has it then stands in wanted->lost, and its artifacts have no addresses. */
void lost_go_on(struct run *run, struct wanted *wanted);
/*
 * The next place that says that it has the content's bytes, of which the SHA-256 is known; who was asked in vain is
 * noted in the content. Free with ncm_resolution_free; NULL: none is left.
 */
struct ncm_resolution *lost_ask_next(struct run *run, struct content *content);
/* Notes that a place had not what it said. */
void lost_note_failure(struct content *content, const char *place, enum ncm_errc code);
/* Why a content of a lost wanted cannot be had. Returns -1. */
int lost_tell(const struct wanted *wanted, const struct content *content, struct ncm_error *err);
/* The count of places that have been asked when the cache and the web servers have. */
size_t lost_after_mirrors(const struct run *run);
/* The artifact of a resolution that is the content: by digest, else by being the only one, else by name; or NULL. */
const struct ncm_artifact *same_artifact(const struct ncm_resolution *found, const struct content *content);

#endif
