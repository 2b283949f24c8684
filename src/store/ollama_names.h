/* SPDX-License-Identifier: MIT */
/* Which blobs of an Ollama store are named, and by which manifests. */
#ifndef NCM_STORE_OLLAMA_NAMES_H
#define NCM_STORE_OLLAMA_NAMES_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Reads every manifest below `dirfd`, an open Ollama store. The result maps a digest in hex to an array of the
 * manifests that name it ("registry.ollama.ai/library/llama3.2/3b"). *complete is false if one (or a folder of them)
 * could not be read: then a blob that is not in the map may be named all the same. New reference.
 */
json_t *ncm_ollama_named(int dirfd, bool *complete);

#endif
