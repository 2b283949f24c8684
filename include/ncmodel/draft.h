/* SPDX-License-Identifier: MIT */
/* Drafts of manifests: of what is installed, of what other tools list, or a small one to begin with. */
#ifndef NCMODEL_DRAFT_H
#define NCMODEL_DRAFT_H

#include <ncmodel/config.h>
#include <ncmodel/manifest.h>
#include <ncmodel/workflow.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Something that a draft could not take. */
struct ncm_draft_gap {
	size_t line; /* of the imported text, from 1; 0: none */
	char *what;  /* foreign text */
	char *why;
};

enum ncm_draft_format {
	NCM_DRAFT_DETECT,
	NCM_DRAFT_OLLAMA,  /* lines with `ollama pull NAME`, bare names, or what `ollama list` prints */
	NCM_DRAFT_COMFYUI, /* ComfyUI-Manager's model-list.json */
	NCM_DRAFT_URLS,    /* one address a line, as aria2's input files have them */
};

struct ncm_draft {
	char *text; /* a manifest that ncm_manifest_check has nothing against; NULL: nothing could be taken */
	char *profile;
	unsigned phase;
	size_t count;        /* of its models */
	size_t signed_count; /* of those whose address was signed: they have it without the signature, with "#signed" */
	enum ncm_draft_format format;
	struct ncm_draft_gap *gaps;
	size_t gap_count;
};

struct ncm_draft_options {
	bool custom_nodes;   /* of a workflow: its packs of nodes, too */
	const char *profile; /* the manifest's; NULL: the configuration's */
	unsigned phase;      /* the manifest's, 1..3; 0: that of its models if they agree, else 1 */
	const char *to;      /* "STORE[/FOLDER]" for imported addresses; NULL: by what they are */
	enum ncm_draft_format format;
};

/*
 * The chosen models of models.json, each file pinned by size and digest, with its source where manifest, lock or
 * models.json tell it; a model of which one file has none is a gap. `catalog` (may be NULL) adds what only manifests
 * know. Classes USAGE, REGISTRY, MANIFEST.
 */
struct ncm_draft *ncm_draft_dump(const struct ncm_config *config, const struct ncm_catalog *catalog,
				 const struct ncm_selector *selector, const struct ncm_draft_options *options,
				 struct ncm_error *err);
/*
 * The models that a text of another tool lists (at most NCM_LIMIT_MANIFEST_BYTES), unpinned unless it has digests.
 * Sources: ComfyUI-Manager glob/manager_server.py (get_model_dir) and model-list.json; aria2c(1), INPUT FILE; ollama
 * cmd/cmd.go. Classes USAGE, MANIFEST (a JSON text that is none).
 */
struct ncm_draft *ncm_draft_import(const struct ncm_config *config, const char *text, size_t size,
				   const struct ncm_draft_options *options, struct ncm_error *err);
/*
 * The files that a workflow asks for, where it or the catalog (may be NULL; it gets models of its own) says that they
 * are, as ncm_workflow_choose has it, unpinned unless there is a digest; a file of which nothing is known is a gap.
 * `to` of the options is as there. Classes USAGE, MANIFEST, REGISTRY.
 */
struct ncm_draft *ncm_draft_workflow(const struct ncm_config *config, const struct ncm_workflow *workflow,
				     struct ncm_catalog *catalog, const struct ncm_draft_options *options,
				     struct ncm_error *err);
/* One small model, to be changed. */
struct ncm_draft *ncm_draft_starter(const struct ncm_config *config, const struct ncm_draft_options *options,
				    struct ncm_error *err);
void ncm_draft_free(struct ncm_draft *draft);
/* "ollama", "comfyui", "urls"; NULL for DETECT. Static. */
const char *ncm_draft_format_name(enum ncm_draft_format format);

/* Writes the text to a file, replacing one that is there. Atomic. Class IO or NO_SPACE. */
int ncm_draft_save(const struct ncm_draft *draft, const char *path, struct ncm_error *err);
/*
 * Writes the text as a phase of a profile of the user's own, below the first of the configuration's manifest folders.
 * *path receives the file (the caller frees it). Replaces nothing and hides no profile of another folder: class POLICY.
 * MANIFEST if it does not go with the other phases of the profile.
 */
int ncm_draft_save_profile(const struct ncm_config *config, const struct ncm_draft *draft, char **path,
			   struct ncm_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
