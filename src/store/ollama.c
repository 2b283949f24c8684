/* SPDX-License-Identifier: MIT */
/* Where an Ollama store has what (ollama/ollama manifest/paths.go, BlobsPath and PathForName). */
#include "ollama/name.h"
#include "store/store.h"

#include "base/path.h"

#include <ncmodel/limits.h>
#include <stdio.h>
#include <string.h>

void ncm_ollama_blob_path(const struct ncm_sha256 *digest, char path[80])
{
	char hex[NCM_SHA256_HEX + 1];

	snprintf(path, 80, "blobs/sha256-%s", ncm_sha256_hex(digest, hex));
}

char *ncm_ollama_manifest_path(const char *name, struct ncm_error *err)
{
	const char *bad = ollama_bad_part(name);

	/* Ollama takes hosts of up to 350 bytes; no file system takes them as a folder's name. */
	if (!bad && strcspn(name, "/") > NCM_LIMIT_NAME_BYTES)
		bad = "host";
	if (!bad)
		return ncm_path_join(OLLAMA_MANIFESTS, name);
	ncm_error_set(err, NCM_E_POLICY, "refused the Ollama name \"%s\": its %s is not one that Ollama takes", name,
		      bad);
	return NULL;
}
