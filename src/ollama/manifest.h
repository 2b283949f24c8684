/* SPDX-License-Identifier: MIT */
/*
 * Ollama's manifests, whoever has them: a registry that answers, a store that keeps them. There are two kinds. A plain
 * one names a configuration and layers, all of them blobs. A list (Ollama 0.40 and newer) names plain ones, its
 * children, one for each runner; they are blobs too. An "anchor" is a plain one that Ollama 0.40 leaves in the old
 * folder: the model's own layers, and the list and its children as layers more, so that an old server keeps them.
 * Sources: ollama/ollama manifest/manifest.go, and its PRs #15735 and #16590.
 */
#ifndef NCM_OLLAMA_MANIFEST_H
#define NCM_OLLAMA_MANIFEST_H

#include "oci/manifest.h"

#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OLLAMA_MANIFEST_TYPE OCI_DOCKER_MANIFEST_TYPE
#define OLLAMA_LIST_TYPE "application/vnd.ollama.manifest.list.v2+json"

struct ollama_layer {
	char *type; /* media type; "" if it has none */
	struct ncm_sha256 digest;
	uint64_t size;
	char *from, *name; /* as Ollama notes them; or NULL */
};

struct ollama_manifest;

/* One manifest of a list. */
struct ollama_child {
	struct ollama_manifest *manifest; /* it stands in the list itself; NULL: it is the blob of `digest` */
	struct ncm_sha256 digest;
	char *runner, *format; /* "llamacpp", "gguf" …; NULL: not told */
};

struct ollama_manifest {
	char *media_type; /* or NULL */
	bool is_list;     /* then it has children, else a configuration and layers */
	bool has_config;  /* Ollama runs models without one, too */
	struct ollama_layer config;
	struct ollama_layer *layers;
	size_t count;
	struct ollama_child *children;
	size_t child_count;
	char *runner, *format; /* of a child */
};

/* Reads a manifest, strictly. `what` names it in errors. Clear with ollama_manifest_clear. Class PROTOCOL. */
int ollama_manifest_parse(const char *text, size_t size, const char *what, struct ollama_manifest *manifest,
			  struct ncm_error *err);
void ollama_manifest_clear(struct ollama_manifest *manifest);
#define OLLAMA_AUTO_MANIFEST __attribute__((cleanup(ollama_manifest_clear)))

/* A layer that is a manifest: in an anchor. */
bool ollama_layer_is_manifest(const struct ollama_layer *layer);
/* What a layer is for: "model", "template" …, "manifest-blob"; "other" if nothing tells. The caller frees it. */
char *ollama_layer_role(const struct ollama_layer *layer);
/* Whether blobs of this role are weights; the others are text. */
bool ollama_role_is_weights(const char *role);

/* Whether two plain manifests have the same configuration and layers, apart from layers that are manifests. */
bool ollama_manifest_is_same(const struct ollama_manifest *a, const struct ollama_manifest *b);
/*
 * The text of a plain manifest as Ollama writes it, without runner and format, and with `extra` in the place of its
 * layers that are manifests. *size gets its length. The caller frees it.
 */
char *ollama_manifest_write(const struct ollama_manifest *manifest, const struct ollama_layer *extra, size_t count,
			    size_t *size);
/* The digest and size of the text without any extra layers: of what an anchor or a child was made of. */
void ollama_manifest_plain(const struct ollama_manifest *manifest, struct ncm_sha256 *digest, uint64_t *size);
/* How far down the list of runners that Ollama tries on this machine one is: 0 is the first. */
unsigned ollama_runner_rank(const char *runner);

#endif
