/* SPDX-License-Identifier: MIT */
/*
 * A libFuzzer target: whatever a registry or a store gives as Ollama's manifest is refused, or read as what it says:
 * written again it is the same.
 */
#include "demand.h"

#include "ollama/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_written(const struct ollama_manifest *manifest)
{
	OLLAMA_AUTO_MANIFEST struct ollama_manifest again = {0};
	size_t size;
	char *text = ollama_manifest_write(manifest, NULL, 0, &size);

	demand(ollama_manifest_parse(text, size, "what was written", &again, NULL) == 0, "what is written can be read");
	demand(ollama_manifest_is_same(manifest, &again), "what is read again is the same");
	free(text);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	OLLAMA_AUTO_MANIFEST struct ollama_manifest manifest = {0};
	struct ncm_error err = NCM_ERROR_INIT;

	if (ollama_manifest_parse((const char *)data, size, "the manifest", &manifest, &err) < 0)
		demand(err.message != NULL, "what is refused has a reason");
	else if (!manifest.is_list)
		check_written(&manifest);
	ncm_error_clear(&err);
	return 0;
}
