/* SPDX-License-Identifier: MIT */
/*
 * Models that registries keep, in their four dialects, told by media types: ModelPack (CNCF model-spec), Docker Model
 * Runner, KitOps, and what `oras push` makes. Each layer is a file, as it is or in a tar. Sources: modelpack/model-spec
 * docs/spec.md, docker/model-runner pkg/distribution/types, kitops-ml/kitops pkg/lib/constants, ORAS "Artifact
 * conventions".
 */
#ifndef NCM_OCI_ARTIFACT_H
#define NCM_OCI_ARTIFACT_H

#include "oci/manifest.h"

/*
 * The lock of what was pushed, a layer that is no file of the model. It is called ".raw" because modctl refuses types
 * that do not end in how the file is packed (pkg/codec).
 */
#define OCI_LOCK_TYPE "application/vnd.ncmodel.lock.v1.raw"
#define OCI_LOCK_TAR_TYPE "application/vnd.ncmodel.lock.v1.tar"
#define OCI_LOCK_NAME "ncmodel.lock"
/* Whether it is something of ours that goes along with a model (this, or checkpoints), and is no file of it. */
bool oci_goes_along(const struct oci_descriptor *layer);

enum oci_kind {
	OCI_MODEL,  /* a dialect of models, or files with names */
	OCI_IMAGE,  /* a container image */
	OCI_OLLAMA, /* Ollama's, which has a store of its own */
	OCI_OTHER,  /* something else: a chart, a signature */
};
enum oci_kind oci_kind_of(const struct oci_manifest *manifest);

/* Whether it is a model. Class POLICY for what is something else, with what to do. */
int oci_check_kind(const struct oci_manifest *manifest, const char *what, struct ncm_error *err);
/* Whether a configuration is JSON that says of the model what it is: {"config": {"architecture", …}}. */
bool oci_config_has_facts(const struct oci_descriptor *config);

enum oci_form {
	OCI_RAW,        /* the layer is the file */
	OCI_TAR,        /* the file or folder is in a tar, packed or not */
	OCI_COMPRESSED, /* one file, packed without a tar */
};

struct oci_file {
	const struct oci_descriptor *layer;
	char *path; /* as the layer's annotation has it, else made of the model's name and of what it is */
	enum oci_form form;
};

struct oci_files {
	struct oci_file *items;
	size_t count;
	size_t unnamed; /* layers that are left out: nothing tells what they are */
};

/*
 * The files of a model; `name` ("smollm2-360M") is what those are called that have no name. Each path is below the
 * model's own folder, and there once. POLICY for names that lead elsewhere, PROTOCOL for two files of one name. Clear
 * with oci_files_clear; `manifest` must outlive them.
 */
int oci_files_of(const struct oci_manifest *manifest, const char *what, const char *name, struct oci_files *files,
		 struct ncm_error *err);
/* Whether it can be placed: as it is, or out of a tar if whoever wants it unpacks. POLICY if not, with what to do. */
int oci_check_form(const struct oci_file *file, const char *what, bool unpacks, struct ncm_error *err);
void oci_files_clear(struct oci_files *files);
#define OCI_AUTO_FILES __attribute__((cleanup(oci_files_clear)))

#endif
