/* SPDX-License-Identifier: MIT */
/* Configuration of the programs that use the models, from what is installed. */
#ifndef NCMODEL_EXPORT_H
#define NCMODEL_EXPORT_H

#include <ncmodel/config.h>
#include <ncmodel/manifest.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct ncm_export {
	char *text;                  /* of the file, with a line break at its end */
	struct ncm_strings models;   /* ids of those that are in it */
	struct ncm_strings left_out; /* "ID: why", of those that could have been; foreign text */
};

/*
 * Formats: "compose", "compose-gpu", "llama-swap", "llama-server", "litellm", "continue", "open-webui", "a1111",
 * "routes", "env", "systemd", "launchd", "schtasks", "setup-ollama". The chosen registered models as the configuration
 * of a program: what models.json has of them, and nothing else. The catalog (NULL: none) adds the services of stores
 * that the profile's models are to go to (compose), what its document says (env, routes, what is loaded at start), and
 * of setup-ollama the models themselves: its chosen ones, installed or not. Ollama's stores are served
 * at ports from 11434 up, in the layout's order; GGUF files by a llama.cpp server at 8080. Writes nothing. Classes
 * USAGE (no such format, nothing chosen that the format could have), REGISTRY, MANIFEST. Free with ncm_export_free.
 */
struct ncm_export *ncm_export(const struct ncm_config *config, struct ncm_catalog *catalog, const char *format,
			      const struct ncm_selector *selector, struct ncm_error *err);
void ncm_export_free(struct ncm_export *made);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
