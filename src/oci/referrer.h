/* SPDX-License-Identifier: MIT */
/*
 * What says something of a manifest: an artifact of its own whose "subject" that is. A registry lists them at
 * /v2/REPOSITORY/referrers/DIGEST; of one that does not, an index with the tag "sha256-HEX" does, which those who push
 * keep. Source: opencontainers/distribution-spec "Listing Referrers", "Referrers Tag Schema".
 *
 * Ours are the SHA-256 checkpoints of larger files (digest/checkpoint.h), a layer for each, called as beside a lock:
 * "ncmodel.lock.checkpoints/HEX" with the file's digest.
 */
#ifndef NCM_OCI_REFERRER_H
#define NCM_OCI_REFERRER_H

#include "oci/manifest.h"

#define OCI_CHECKPOINTS_TYPE "application/vnd.ncmodel.checkpoints.v1"
#define OCI_CHECKPOINTS_LAYER "application/vnd.ncmodel.checkpoints.v1.raw"
#define OCI_CHECKPOINTS_FOLDER "ncmodel.lock.checkpoints"

/* A configuration of an artifact that has none (image-spec "Guidance for an Empty Descriptor"). */
#define OCI_EMPTY_TYPE "application/vnd.oci.empty.v1+json"
#define OCI_EMPTY "{}"

/* "sha256-HEX". The caller frees it. */
char *oci_referrers_tag(const struct ncm_sha256 *subject);
/* What a manifest of referrers has of the checkpoints of a file of this digest; NULL: nothing. Borrowed. */
const struct oci_descriptor *oci_checkpoints_of(const struct oci_manifest *manifest, const struct ncm_sha256 *sha256);

#endif
