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

#include <ncmodel/digest.h>
#include <ncmodel/error.h>
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

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
