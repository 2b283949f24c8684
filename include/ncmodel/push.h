/* SPDX-License-Identifier: MIT */
/*
 * Registered models into a registry of containers, straight from their stores: each file is a layer as it is
 * (ModelPack, the CNCF's model-spec), so its digest is the file's own and nothing is copied or packed. `pull oci:…`
 * reads it into any store. What the lock pins of their
 * sources goes along as a layer of its own, which no reader here takes for a file of the model.
 */
#ifndef NCMODEL_PUSH_H
#define NCMODEL_PUSH_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_push_state {
	NCM_PUSH_TO_SEND, /* "to-send": with dry_run */
	NCM_PUSH_THERE,   /* "there": the repository has the content already */
	NCM_PUSH_MOUNTED, /* "mounted": the registry took it over from another repository of its own */
	NCM_PUSH_SENT,    /* "sent" */
};
const char *ncm_push_state_name(enum ncm_push_state state); /* static */

struct ncm_push_file {
	char *path;  /* in the artifact, relative */
	char *abs;   /* that it is read from, absolute */
	char *model; /* id */
	char *store; /* store id; or NULL */
	char *from;  /* repository of the same registry that it may be mounted from; or NULL */
	unsigned phase;
	struct ncm_sha256 sha256;
	uint64_t size;           /* bytes */
	struct ncm_sha256 layer; /* what is sent: the file as it is, or a tar of it */
	uint64_t layer_size;     /* bytes */
	enum ncm_push_state state;
};

struct ncm_push_options {
	const char *reference; /* "oci:[REGISTRY/]REPOSITORY[:TAG]"; without a tag it is "latest" */
	const struct ncm_selector *selector;
	bool all;       /* every registered model, where the selector chooses by nothing */
	bool force;     /* a tag that names something else is moved */
	bool tar;       /* each layer is a tar of one file, for who only unpacks; each file is read twice then */
	bool dry_run;   /* the registry is asked, and nothing is sent */
	uint64_t piece; /* bytes that one request sends at most; 0: 100 MiB, or all at once where a registry is known to
			   take no pieces */
};

struct ncm_push_report {
	char *reference;             /* "oci:REGISTRY/REPOSITORY:TAG" */
	struct ncm_sha256 digest;    /* of the manifest */
	struct ncm_push_file *files; /* by path */
	size_t count;
	size_t pins;                /* sources in the lock that goes along; 0: none does */
	size_t checkpoints;         /* files whose SHA-256 checkpoints are an artifact that refers to the manifest */
	bool unchanged;             /* the tag names just this already */
	bool replaces;              /* it names something else, or (not with dry_run) did */
	struct ncm_sha256 replaced; /* which; all zero without */
	char *replaced_what;        /* "a model of 3 files, 4.9 GB"; or NULL */
	uint64_t size;              /* bytes of all files */
	uint64_t sent;              /* bytes of the layers that were sent; with dry_run, that would be */
};

/*
 * Pushes them: blobs first, each asked for, then mounted, then sent; the manifest last. A file is hashed while it is
 * read, and its last byte is not sent unless the digest is the one in models.json. What a connection lost, or a run
 * that was killed, is resumed where the registry says it stands ($XDG_STATE_HOME/ncmodel/uploads). Then, of larger
 * files that were sent or whose stores keep them, the checkpoints, an artifact that refers to the manifest: that they
 * could not be pushed is a NOTE. Errors: USAGE; POLICY (the tag names something else; a file whose digest nobody knows;
 * more files than a manifest has room for); DAMAGED (a file is not what models.json says); AUTH, NETWORK, RATE_LIMIT,
 * REFUSED, PROTOCOL; IO; REGISTRY; MANIFEST (the lock); INTERRUPTED. Blobs that were sent before an error stay at the
 * registry, and are not sent again. Free with ncm_push_free.
 */
struct ncm_push_report *ncm_push(const struct ncm_config *config, const struct ncm_push_options *options,
				 const struct ncm_sink *sink, struct ncm_error *err);
void ncm_push_free(struct ncm_push_report *report);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
