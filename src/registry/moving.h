/* SPDX-License-Identifier: MIT */
/*
 * Notes of moves under way, `.ncmodel/moving-*` beside models.json (written by move/note.c). models.json and the
 * configuration cannot change at one moment: from the first to the second a store lies where the note says.
 */
#ifndef NCM_REGISTRY_MOVING_H
#define NCM_REGISTRY_MOVING_H

#include "base/json.h"
#include "registry/authority.h"
#include "registry/identity.h"
#include "store/store.h"

/* What a note in the open folder of notes says, and who may have written it; NULL if it is none, or another user's:
 * that is his to end. The caller decrefs it. */
json_t *moving_read(int notes, const char *name, struct authority *by);
/* Whether models.json has the new file and not the old one, or (it is no file of models.json) the new one is there. */
bool moving_has_file(const struct ncm_registry *registry, const json_t *file);
/* Whether models.json has the new places of a note: of all its registered files at once. */
bool moving_is_switched(const struct ncm_registry *registry, const json_t *note);
/* ncm_layout_load, with the stores where models.json has them when the configuration could not be told yet. What
 * outranks the configuration outranks this. */
struct ncm_layout *moving_layout(const struct ncm_config *config, struct ncm_error *err);

#endif
