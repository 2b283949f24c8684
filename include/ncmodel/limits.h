/* SPDX-License-Identifier: MIT */
/* Every bound on what others may send us, in one table. `ncmodel limits` prints it. */
#ifndef NCMODEL_LIMITS_H
#define NCMODEL_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define NCM_LIMIT_MANIFEST_BYTES (16u << 20)         /* one manifest, layout or lock */
#define NCM_LIMIT_REGISTRY_BYTES (512u << 20)        /* models.json: 100 000 models take some 160 MB */
#define NCM_LIMIT_JSON_DEPTH 32u                     /* nesting of any JSON text */
#define NCM_LIMIT_MODELS 100000u                     /* models in all manifests of a run */
#define NCM_LIMIT_FILES 100000u                      /* files of one model */
#define NCM_LIMIT_API_BYTES (32u << 20)              /* one answer of a service's API */
#define NCM_LIMIT_HEADER_BYTES (64u << 10)           /* all headers of one answer */
#define NCM_LIMIT_REDIRECTS 10u                      /* hops of one request */
#define NCM_LIMIT_RETRIES 6u                         /* tries of one request that make no progress */
#define NCM_LIMIT_RETRY_AFTER_SECONDS 300u           /* longest wait that a server can ask for */
#define NCM_LIMIT_STALL_SECONDS 30u                  /* without a byte, then reconnect */
#define NCM_LIMIT_FILE_BYTES (UINT64_C(1) << 40)     /* one file */
#define NCM_LIMIT_ARCHIVE_ENTRIES 100000u            /* entries of one archive */
#define NCM_LIMIT_ARCHIVE_BYTES (UINT64_C(64) << 30) /* what one archive unpacks to */
#define NCM_LIMIT_ARCHIVE_RATIO 200u                 /* unpacked bytes per packed byte, over the first MiB */
#define NCM_LIMIT_GGUF_HEADER (128u << 20)           /* all before the tensors of one GGUF file */
#define NCM_LIMIT_SAFETENSORS_HEADER (16u << 20)     /* one safetensors header; larger ones are not judged */
#define NCM_LIMIT_PICKLE (64u << 20)                 /* opcodes of one pickle that are read */
#define NCM_LIMIT_NAME_BYTES 255u                    /* one component of a path: what file systems have room for */
#define NCM_LIMIT_PATH_LEVELS 16u                    /* components of a path below its store */
#define NCM_LIMIT_PATH_BYTES 1024u                   /* a path below its store */
#define NCM_LIMIT_MESSAGE 256u                       /* foreign bytes shown in one message */
#define NCM_LIMIT_PARALLEL 16u                       /* files, connections or look-ups at once */
#define NCM_LIMIT_TOKEN_BYTES 8192u                  /* a token or a token file */
#define NCM_LIMIT_SIGN_IN_BYTES (1u << 20)           /* a file of docker's or podman's sign-ins */
#define NCM_LIMIT_HELPER_BYTES (64u << 10)           /* what a credential helper answers */
#define NCM_LIMIT_HELPER_SECONDS 10u                 /* that it may take for it */
#define NCM_LIMIT_LOG_BYTES (4u << 20)               /* the log; then it is put aside, and the one before is dropped */
#define NCM_LIMIT_WORKFLOW_BYTES (32u << 20)         /* one workflow's graph, wherever it lies */
#define NCM_LIMIT_WORKFLOW_NODES 100000u /* nodes of one, with those of its sub-graphs as often as they are used */
#define NCM_LIMIT_WORKFLOW_MODELS 10000u /* files that one asks for */
#define NCM_LIMIT_LOG_FILES 64u          /* files that one line of the log names */

struct ncm_limit {
	const char *name;
	uint64_t value;
	const char *unit;
	const char *what;
};

/* The table; *count receives its length. Static storage. */
const struct ncm_limit *ncm_limits(size_t *count);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
