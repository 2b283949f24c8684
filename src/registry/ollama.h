/* SPDX-License-Identifier: MIT */
/* What models.json has of an Ollama manifest. */
#ifndef NCM_REGISTRY_OLLAMA_H
#define NCM_REGISTRY_OLLAMA_H

#include "store/ollama.h"

#include <ncmodel/registry.h>

/*
 * A registered manifest: its digest, and its blobs where the entry tells whose they are (of two tags of a store in one
 * entry it does not). The caller frees known->blobs.
 */
void registry_known_manifest(const struct ncm_reg_model *model, const struct ncm_reg_file *manifest,
			     struct ollama_known *known);
/* The store's folder and the tag's canonical name, from the path of a registered manifest. False if it is none. The
 * caller frees both. */
bool registry_manifest_place(const struct ncm_reg_file *manifest, char **store, char **name);

#endif
