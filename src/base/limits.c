/* SPDX-License-Identifier: MIT */
#include <ncmodel/limits.h>

static const struct ncm_limit limits[] = {
    {"manifest", NCM_LIMIT_MANIFEST_BYTES, "bytes", "one manifest, layout or lock"},
    {"registry", NCM_LIMIT_REGISTRY_BYTES, "bytes", "one models.json"},
    {"json-depth", NCM_LIMIT_JSON_DEPTH, "levels", "nesting of any JSON text"},
    {"models", NCM_LIMIT_MODELS, "", "models in all manifests of a run"},
    {"files", NCM_LIMIT_FILES, "", "files of one model"},
    {"api-answer", NCM_LIMIT_API_BYTES, "bytes", "one answer of a service's API"},
    {"headers", NCM_LIMIT_HEADER_BYTES, "bytes", "all headers of one answer"},
    {"redirects", NCM_LIMIT_REDIRECTS, "", "hops of one request"},
    {"retries", NCM_LIMIT_RETRIES, "", "tries of one request that make no progress"},
    {"retry-after", NCM_LIMIT_RETRY_AFTER_SECONDS, "seconds", "longest wait that a server can ask for"},
    {"stall", NCM_LIMIT_STALL_SECONDS, "seconds", "without a byte, then reconnect"},
    {"file", NCM_LIMIT_FILE_BYTES, "bytes", "one file"},
    {"archive-entries", NCM_LIMIT_ARCHIVE_ENTRIES, "", "entries of one archive"},
    {"archive", NCM_LIMIT_ARCHIVE_BYTES, "bytes", "what one archive unpacks to"},
    {"archive-ratio", NCM_LIMIT_ARCHIVE_RATIO, "", "unpacked bytes per packed byte"},
    {"gguf-header", NCM_LIMIT_GGUF_HEADER, "bytes", "all before the tensors of one GGUF file"},
    {"safetensors-header", NCM_LIMIT_SAFETENSORS_HEADER, "bytes", "one safetensors header"},
    {"pickle", NCM_LIMIT_PICKLE, "bytes", "opcodes of one pickle"},
    {"name", NCM_LIMIT_NAME_BYTES, "bytes", "one component of a path"},
    {"path-levels", NCM_LIMIT_PATH_LEVELS, "", "components of a path below its store"},
    {"path", NCM_LIMIT_PATH_BYTES, "bytes", "a path below its store"},
    {"message", NCM_LIMIT_MESSAGE, "bytes", "foreign bytes shown in one message"},
    {"parallel", NCM_LIMIT_PARALLEL, "", "files, connections or look-ups at once"},
    {"token", NCM_LIMIT_TOKEN_BYTES, "bytes", "a token or a token file"},
    {"sign-ins", NCM_LIMIT_SIGN_IN_BYTES, "bytes", "a file of docker's or podman's sign-ins"},
    {"helper", NCM_LIMIT_HELPER_BYTES, "bytes", "what a credential helper answers"},
    {"helper-time", NCM_LIMIT_HELPER_SECONDS, "seconds", "that a credential helper may take"},
    {"log", NCM_LIMIT_LOG_BYTES, "bytes", "the log, and the older one that is kept"},
    {"workflow", NCM_LIMIT_WORKFLOW_BYTES, "bytes", "one workflow's graph, wherever it lies"},
    {"workflow-nodes", NCM_LIMIT_WORKFLOW_NODES, "", "nodes of one workflow, sub-graphs unfolded"},
    {"workflow-models", NCM_LIMIT_WORKFLOW_MODELS, "", "files that one workflow asks for"},
    {"log-files", NCM_LIMIT_LOG_FILES, "", "files that one line of the log names"},
};

const struct ncm_limit *ncm_limits(size_t *count)
{
	*count = sizeof limits / sizeof *limits;
	return limits;
}
