/* SPDX-License-Identifier: MIT */
/*
 * Manifests as registries of containers keep them: one names a configuration and layers, all of them blobs; an index
 * names manifests, for the platforms or purposes that each of them is for. OCI's and docker's are read alike. Sources:
 * opencontainers/image-spec manifest.md, image-index.md, descriptor.md; distribution's manifest-v2-2.md. `subject` is
 * ignored: what an artifact says of another is no part of it.
 */
#ifndef NCM_OCI_MANIFEST_H
#define NCM_OCI_MANIFEST_H

#include "base/json.h"

#include <ncmodel/digest.h>
#include <stddef.h>

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define OCI_DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define OCI_DOCKER_LIST_TYPE "application/vnd.docker.distribution.manifest.list.v2+json"
/* All that can be read here, as a request says it. */
#define OCI_ACCEPT OCI_MANIFEST_TYPE ", " OCI_INDEX_TYPE ", " OCI_DOCKER_MANIFEST_TYPE ", " OCI_DOCKER_LIST_TYPE

/* What names a blob. */
struct oci_descriptor {
	char *type; /* media type; "" if it has none */
	struct ncm_sha256 digest;
	uint64_t size;
	char *path;  /* "org.cncf.model.filepath", else "org.opencontainers.image.title", as it stands there; or NULL */
	bool unpack; /* a tar that is to be unpacked, its annotation says */
	char *artifact_type; /* of a manifest in an index; or NULL */
	char *platform;      /* "linux/amd64", likewise; or NULL */
	bool is_attestation; /* of a manifest in an index: says something about another one */
};

struct oci_manifest {
	char *artifact_type; /* or NULL */
	bool is_index;       /* then it has children, else layers and mostly a configuration */
	bool has_config;
	struct oci_descriptor config;
	struct oci_descriptor *layers;
	size_t count;
	struct oci_descriptor *children;
	size_t child_count;
};

/* Reads a manifest or an index, strictly. `what` names it in errors. Clear with oci_manifest_clear. Class PROTOCOL. */
int oci_manifest_parse(const char *text, size_t size, const char *what, struct oci_manifest *manifest,
		       struct ncm_error *err);
void oci_manifest_clear(struct oci_manifest *manifest);
#define OCI_AUTO_MANIFEST __attribute__((cleanup(oci_manifest_clear)))

enum { OCI_CANDIDATES = 8 };

/* Which manifests of an index may be meant. */
struct oci_candidates {
	const struct oci_descriptor *items[OCI_CANDIDATES]; /* the first ones; of the index */
	size_t count, all;                                  /* how many these are, and how many there are */
};
/* All but those that say something about another one; if just one is for no platform, that one. */
void oci_candidates_of(const struct oci_manifest *index, struct oci_candidates *candidates);
/* USAGE with a list of them; `reference` ("ghcr.io/org/model:tag") is what they are all of. Always returns -1. */
int oci_candidates_list(const struct oci_candidates *candidates, const char *what, const char *reference,
			struct ncm_error *err);

/* One manifest that is read, of whatever dialect. */
struct oci_reading {
	const char *what;
	json_t *sizes; /* digest → size: one blob has one */
	struct ncm_error *err;
};
/* "WHAT: the manifest WORDS DETAIL". Class PROTOCOL; always returns -1. */
int oci_fault(const struct oci_reading *reading, const char *words, const char *detail);
int oci_read_version(const struct oci_reading *reading, const json_t *root);
int oci_read_digest(const struct oci_reading *reading, const json_t *object, struct ncm_sha256 *digest);
/* Type, digest and size. */
int oci_read_descriptor(const struct oci_reading *reading, const json_t *object, struct oci_descriptor *descriptor);
/* The array of layers, bounded; NULL if it is none. Borrowed. */
const json_t *oci_read_layers(const struct oci_reading *reading, const json_t *root);
/* The array of manifests of an index, `most` of them; NULL if it is none. Borrowed. */
const json_t *oci_read_children(const struct oci_reading *reading, const json_t *root, size_t most);
void oci_descriptor_clear(struct oci_descriptor *descriptor);

#endif
