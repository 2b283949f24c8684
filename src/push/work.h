/* SPDX-License-Identifier: MIT */
#ifndef NCM_PUSH_WORK_H
#define NCM_PUSH_WORK_H

#include "base/text_map.h"
#include "digest/tally.h"
#include "oci/manifest.h"
#include "oci/name.h"
#include "source/shared.h"
#include "store/store.h"

#include <ncmodel/push.h>
#include <ncmodel/registry.h>

/* One run. */
struct push {
	const struct ncm_config *config;
	const struct ncm_push_options *options;
	const struct ncm_sink *sink;
	struct ncm_http *http;
	struct ncm_sources *sources;
	struct ncm_registry *registry;
	struct ncm_layout *layout;
	const struct ncm_reg_model **models; /* that were chosen */
	size_t model_count;
	struct ncm_text_map names; /* of files in the artifact → index, while they are chosen */
	struct oci_name name;
	char *origin;                 /* "https://HOST[:PORT]" */
	char *repository;             /* "https://ghcr.io/v2/org/model" */
	char *what;                   /* "ghcr.io/org/model:tag" */
	struct ncm_checkpoints *sent; /* of each file that was sent, what its hash came by; NULL: none was */
	int kept;                     /* the folder of uploads under way; -1: nothing is kept */
	struct ncm_credential *credential;
	char *pins; /* the lock that goes along; or NULL */
	size_t pins_size;
	struct ncm_sha256 pins_digest;
	char *settings; /* the artifact's configuration */
	size_t settings_size;
	char *manifest;
	size_t manifest_size;
	struct ncm_push_report *report;
};

/* choose.c: the models and their files, each once, by path. USAGE, POLICY, REGISTRY. */
int push_choose(struct push *push, struct ncm_error *err);

/* pins.c: what the lock says of where they came from. MANIFEST, IO. */
int push_choose_pins(struct push *push, struct ncm_error *err);

/* names.c: what files are called in the artifact: as below the folder that a model's files share in a store; Ollama's
 * blobs by what they are. NULL: it is no file for others (a manifest). The caller frees it. */
char *push_file_name(const struct ncm_reg_model *model, const struct ncm_reg_file *file, size_t folder_size);
/* The length of the folder, with its '/', that the model's files in the file's store share, blobs left out. */
size_t push_folder_size(const struct ncm_reg_model *model, const struct ncm_reg_file *file);
/* A model's id as a name that a folder or file may have. The caller frees it. */
char *push_model_name(const struct ncm_reg_model *model);
/* Whether a file is one of Ollama's blobs, whose name is a digest. */
bool push_is_blob(const struct ncm_reg_file *file);
/* ModelPack's media type for a file of that name, as it is or in a tar. The caller frees it. */
char *push_media_type(const char *path, bool tar);

enum { PUSH_MANIFEST_BYTES = 4 << 20 }; /* the most that a manifest or index has: what registries take at least */

/* document.c: configuration and manifest, the same bytes for the same files; again where their layers have changed. */
void push_write(struct push *push);
/* POLICY: the manifest is larger than registries take. */
int push_check_size(const struct push *push, struct ncm_error *err);
/* What names a blob or manifest. New reference. */
json_t *push_descriptor(const char *type, const struct ncm_sha256 *digest, uint64_t size);
/* A document as text, which the caller frees; takes the reference. */
char *push_written(json_t *document, size_t *size);

struct push_body;

/* tar.c: the head of a file's tar, which the caller frees; behind the file come zeros up to file->layer_size. */
char *push_tar_head(const struct ncm_push_file *file, size_t *size);
/* A tar of a text; *size is the text's, and becomes the tar's. The caller frees it. */
char *push_text_in_tar(const char *path, const char *text, size_t *size);
/* Reads the file through the body, which proves it, and fills in its layer's digest and size. */
int push_hash_tar(struct ncm_push_file *file, struct push_body *body, struct ncm_error *err);

/* files.c: reads them all once for the digests of their tars. */
int push_hash_tars(struct push *push, struct ncm_error *err);
/* files.c: brings them all into the repository, several at once; sets their states and what was sent. */
int push_files(struct push *push, struct ncm_error *err);

/* ask.c */
/* Asks an address; any status is an answer, which *reply holds. */
int push_ask(const struct push *push, const char *url, const char *method, struct ncm_reply *reply,
	     struct ncm_error *err);
int push_send(const struct push *push, const char *url, const struct ncm_upload *upload, bool once,
	      struct ncm_reply *reply, struct ncm_error *err);
/* What an answer that is no success means. Always returns -1. */
int push_refused(const struct push *push, const struct ncm_reply *reply, const char *what, struct ncm_error *err);
/* Where an answer says to go on; NULL with PROTOCOL. `asked` is what it answers. The caller frees it. */
char *push_location(const struct push *push, const char *asked, const struct ncm_reply *reply, struct ncm_error *err);

/* The same of an address (NULL: none was told); POLICY if nothing may be sent there. The caller frees it. */
char *push_place(const struct push *push, const char *url, struct ncm_error *err);

/* kept.c: uploads under way. Opens their folder. */
void push_open_kept(struct push *push);
/* Where the upload of a blob ("sha256:HEX") goes on that an earlier run began; NULL: none is known. The caller frees
 * it. */
char *push_recall(const struct push *push, const char *digest);
void push_remember(const struct push *push, const char *digest, const char *url);
void push_forget(const struct push *push, const char *digest);

/* tag.c: what stands at the tag now; POLICY if it is something else and no --force. */
int push_check_tag(struct push *push, struct ncm_error *err);
int push_put_manifest(struct push *push, struct ncm_error *err);
/* Puts a manifest or index there, under a tag or its digest ("sha256:HEX"); *reply is the caller's to clear. */
int push_put(const struct push *push, const char *reference, const char *type, const char *text, size_t size,
	     struct ncm_reply *reply, struct ncm_error *err);

/* push.c: a blob that is in memory. */
int push_text(const struct push *push, const char *text, size_t size, struct ncm_error *err);

/* referrer.c: checkpoints, as far as there are any. Fails if interrupted alone. */
int push_checkpoints(struct push *push, struct ncm_error *err);

/* body.c: the bytes of one blob, hashed while they go. */
struct push_body {
	const char *what; /* "MODEL: FILE" */
	const char *model;
	int fd; /* -1: they are `data` */
	const char *data;
	const char *head; /* of a tar, what stands before the file's bytes; behind them are zeros. Borrowed */
	size_t head_size;
	uint64_t file_size;
	uint64_t size;
	struct ncm_sha256 sha256;
	uint64_t from, at; /* where the request begins, and stands */
	struct ncm_tally *hash;
	uint64_t hashed;                     /* bytes from the start that are in it */
	struct ncm_checkpoints *checkpoints; /* that came of it once it is proven; NULL: not wanted */
	bool proven;
	const _Atomic bool *stop; /* set: another file has failed; or NULL */
	void (*progress)(void *context, uint64_t at);
	void *context;
};
/* Opens the file, of `file_size` bytes. DAMAGED if it is gone or has another size, IO. */
int push_body_open(struct push_body *body, const char *path, struct ncm_error *err);
void push_body_close(struct push_body *body);
/* As in struct ncm_upload; they begin at body->from. */
ssize_t push_body_read(void *context, char *data, size_t size, struct ncm_error *err);
int push_body_restart(void *context, struct ncm_error *err);

/* blob.c: brings a blob into the repository. `from`: a repository to mount it from, or NULL. */
int push_blob(const struct push *push, struct push_body *body, const char *path, const char *from,
	      enum ncm_push_state *state, struct ncm_error *err);

#endif
