/* SPDX-License-Identifier: MIT */
/*
 * References as docker, podman and oras take them: "[REGISTRY/]REPOSITORY[:TAG][@sha256:HEX]". What stands before the
 * first slash is a registry if it has a '.' or a ':', or is "localhost"; else all of it is a repository of Docker Hub,
 * and a name alone one of its "library/". Sources: opencontainers/distribution-spec "Pulling manifests", distribution
 * reference/reference.go, reference/normalize.go.
 */
#ifndef NCM_OCI_NAME_H
#define NCM_OCI_NAME_H

#include <ncmodel/digest.h>
#include <stdbool.h>

#define OCI_DOCKER_HUB "docker.io"

struct oci_name {
	char *registry;   /* lower case, with its port; Docker Hub is OCI_DOCKER_HUB, by whichever name it was called */
	char *repository; /* "ai/smollm2" */
	char *tag;        /* NULL: there is a digest alone */
	bool has_digest;  /* of a manifest */
	struct ncm_sha256 digest;
};

/* Reads a reference; without tag and digest the tag is "latest". Returns NULL, or what is wrong with it, static. Clear
 * with oci_name_clear in both cases. */
const char *oci_name_parse(const char *text, struct oci_name *name);
void oci_name_clear(struct oci_name *name);
/* "REGISTRY/REPOSITORY[:TAG]", with "@sha256:HEX" if `digest` is not NULL. The caller frees it. */
char *oci_name_spell(const struct oci_name *name, const struct ncm_sha256 *digest);

#endif
