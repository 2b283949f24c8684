/* SPDX-License-Identifier: MIT */
/*
 * Inside of the Ollama source: names, manifests and tokens.
 * Facts: ollama/ollama types/model/name.go (names), server/images.go and manifest/layer.go (manifests), and the
 * token authentication of the distribution specification (challenges).
 */
#ifndef NCM_SOURCE_OLLAMA_H
#define NCM_SOURCE_OLLAMA_H

#include "source/shared.h"

/*
 * "ollama:[host[:port]/][namespace/]model[:tag][@sha256:hex]". Each part begins with a letter, a digit or '_' and goes
 * on with these and '-'; all but the namespace hold '.', too. A host has 1..350 characters, the others 1..80.
 */
struct ollama_name {
	char *host; /* lower case, with its port; default registry.ollama.ai */
	char *namespace;
	char *model;
	char *tag;
	bool has_digest; /* of the manifest */
	struct ncm_sha256 digest;
};

/*
 * What an address says as people paste it, as "ollama:…": a model's page at ollama.com ("library/NAME[:TAG]", "NAME",
 * "USER/NAME", and what lies below these), or a repository at Hugging Face as `ollama run` takes it
 * ("hf.co/ORG/REPO:TAG"). NULL if it is none. The caller frees it.
 */
char *ollama_page_name(const char *uri);
int ollama_name_parse(const char *uri, struct ollama_name *name, struct ncm_error *err);
void ollama_name_clear(struct ollama_name *name);
/* The name as Ollama shows it: default host and namespace left out. The caller frees it. */
char *ollama_name_short(const struct ollama_name *name);
/* "https://HOST" that serves the name: the configured registry stands in for the default host alone; plain http for
 * hosts of this machine, or where the user allows it. The caller frees it. */
char *ollama_name_base(const struct ollama_name *name, const struct ncm_config *config, bool insecure_http);
bool ollama_name_is_default_host(const struct ollama_name *name);
bool ollama_name_is_huggingface(const struct ollama_name *name);

/*
 * Reads a manifest (exact bytes) into artifacts: config and layers, with the blobs below `repository_url`
 * ("https://HOST/v2/namespace/model"). A digest that occurs twice is one artifact. PROTOCOL if it is not right.
 */
int ollama_manifest_read(const char *bytes, size_t size, const char *what, const char *repository_url,
			 struct ncm_resolution *resolution, struct ncm_error *err);
/* The artifacts of the layers that the spec pins. */
void ollama_manifest_of_pins(const struct ncm_file_spec *spec, const char *repository_url,
			     struct ncm_resolution *resolution);
/* Whether the artifacts hold every model, projector, adapter and config that the spec pins. CHECKSUM if not. */
int ollama_manifest_check_pins(const struct ncm_resolution *resolution, const struct ncm_file_spec *spec,
			       const char *what, struct ncm_error *err);

/* The credential of one repository of a registry, with Ollama's key for its own one. Owned by the sources. */
struct ncm_credential *ollama_credential(struct ncm_sources *sources, const char *base, const char *repository);

#endif
