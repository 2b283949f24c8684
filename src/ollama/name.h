/* SPDX-License-Identifier: MIT */
/*
 * Names of Ollama models as its stores spell them. Below `manifests/` a model is HOST/NAMESPACE/MODEL/TAG; below
 * `manifests-v2/` (Ollama 0.40 and newer) too, with two differences: the public registry is "ollama.com" there and
 * "registry.ollama.ai" here, and the ':' of a host with a port is "%3A". All spellings of one model are one name.
 * Sources: ollama/ollama types/model/name.go (isValidPart, Filepath), manifest/paths.go of PR #15735.
 */
#ifndef NCM_OLLAMA_NAME_H
#define NCM_OLLAMA_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define OLLAMA_DEFAULT_HOST "registry.ollama.ai"
#define OLLAMA_MANIFESTS "manifests"
#define OLLAMA_MANIFESTS_V2 "manifests-v2"

enum ollama_part { OLLAMA_HOST, OLLAMA_NAMESPACE, OLLAMA_MODEL, OLLAMA_TAG, OLLAMA_PARTS };

/* Whether Ollama takes the text (of so many bytes) as that part of a name. */
bool ollama_is_part(enum ollama_part part, const char *text, size_t size);
/* The public registry, by any of its names. */
bool ollama_is_default_host(const char *host, size_t size);
/* Which part of "host/namespace/model/tag" Ollama would not take: "host" …; NULL if it takes all of them. Static. */
const char *ollama_bad_part(const char *name);

/*
 * "host/namespace/model/tag" in the one spelling in which names are compared: the host in lower case, the public
 * registry as OLLAMA_DEFAULT_HOST. NULL if it is no name. The caller frees it.
 */
char *ollama_name_canonical(const char *name);
/* The canonical name of a manifest at a path below its store, in either folder; NULL if it has none. *is_v2 (may be
 * NULL) says in which. The caller frees it. */
char *ollama_name_at(const char *relative, bool *is_v2);
/* Whether a path below the store is in one of the two folders of manifests. */
bool ollama_is_manifest_path(const char *relative);
/*
 * Paths below the store at which a canonical name may have its manifest, the one that is written first. Returns how
 * many there are, 1 or 2; the caller frees them.
 */
size_t ollama_name_paths(const char *name, bool v2, char *paths[2]);
/*
 * A tag that Ollama 0.40 keeps of a model that it converted, for the case of a downgrade:
 * library/{llamacpp,ggml,mlx,ollama}:<64 hex digits>. Not a model to anybody (canonical name).
 */
bool ollama_name_is_shadow(const char *name);

#endif
