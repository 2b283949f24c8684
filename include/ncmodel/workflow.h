/* SPDX-License-Identifier: MIT */
/*
 * ComfyUI's workflows: which models a graph needs. Sources: docs.comfy.org (workflow JSON, properties.models[]), the
 * frontend (proxyWidgets, the missing-model check), the server (folder_paths, where its nodes keep prompt and
 * workflow), rgthree-comfy, ComfyUI-GGUF.
 *
 * A graph is hostile input: its depth, size and counts are bounded (limits.h), and nothing in it is run or fetched.
 */
#ifndef NCMODEL_WORKFLOW_H
#define NCMODEL_WORKFLOW_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* A file that an active node asks for. All texts are foreign. */
struct ncm_workflow_model {
	char *name;   /* as the loader asks for it: it may be in a sub-folder, with '/' */
	char *folder; /* of ComfyUI's models ("checkpoints"); NULL: nothing tells it */
	char *url;    /* where the workflow says that it is; NULL: it does not say */
	char *noted;  /* without an url: an address in one of its notes that ends in that name; or NULL */
	char *node;   /* the class of the first node that asks for it; NULL: the workflow itself does */
	bool has_sha256;
	struct ncm_sha256 sha256; /* as the workflow states it */
};

/* A pack of nodes that are not ComfyUI's own. All texts are foreign, each may be NULL. */
struct ncm_workflow_pack {
	char *id;         /* in ComfyUI's registry */
	char *version;    /* there ("1.2.3"), or a commit */
	char *repository; /* "OWNER/NAME" at GitHub */
	char *source;     /* of its archive in that version; NULL: it cannot be told */
};

struct ncm_workflow {
	struct ncm_workflow_model *models; /* each folder and name once, in the order of the nodes */
	size_t count;
	struct ncm_workflow_pack *packs;
	size_t pack_count;
};

/*
 * Reads the workflow in a file, recognised by its content: JSON as the editor saves it (with sub-graphs) or as the
 * server takes it; a picture (PNG, and what has EXIF: WebP, JPEG) or a video (Matroska and WebM, MP4) that has one of
 * these in it. Muted and bypassed nodes ask for nothing. Free with ncm_workflow_free. Errors: IO; MANIFEST for what is
 * none, or none that can be read.
 */
struct ncm_workflow *ncm_workflow_read(const char *path, struct ncm_error *err);
void ncm_workflow_free(struct ncm_workflow *workflow);
/* Whether that file is a picture, a video or a JSON text that has a workflow in it, sound or not. */
bool ncm_workflow_is_in(const char *path);

/* A file that no source is known of, or none that can be asked. */
struct ncm_workflow_rest {
	const struct ncm_workflow_model *model; /* of the workflow */
	char *why;                              /* what is wrong with its source, or its name; NULL: it has no source */
	char *path; /* absolute, where its loader looks for it; NULL: its folder is not known, or may not be */
	bool here;  /* it lies there, whatever it is */
	char *like; /* absolute: a registered file of that name or digest that lies elsewhere; or NULL */
};
/* The files of a workflow as models of a catalog. */
struct ncm_workflow_choice {
	struct ncm_model **models; /* in the catalog, until that grows again */
	size_t count;
	struct ncm_workflow_rest *rest;
	size_t rest_count;
};

/*
 * Makes a model of each file that has a source, in the catalog, as of a source spelled out: of the address in the
 * workflow, else of the one file of that name in the catalog's manifests (the pins and the licence are theirs then),
 * else of the registered file of that digest or name. It goes where its loader looks for it, in the store that `to`
 * names ("STORE[/FOLDER]": FOLDER is for files of which the workflow does not tell one; NULL: "comfyui"). With
 * `with_packs` the packs that have a source are models, too, to be unpacked into the folder custom_nodes: code that
 * ComfyUI runs. Nothing is asked or fetched. Free with ncm_workflow_choice_free; the workflow must outlive it. Classes
 * USAGE (`to`), MANIFEST (the layout), REGISTRY.
 */
int ncm_workflow_choose(const struct ncm_config *config, const struct ncm_workflow *workflow, const char *to,
			bool with_packs, struct ncm_catalog *catalog, struct ncm_workflow_choice *choice,
			struct ncm_error *err);
void ncm_workflow_choice_free(struct ncm_workflow_choice *choice);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
