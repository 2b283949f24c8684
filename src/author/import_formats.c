/* SPDX-License-Identifier: MIT */
/* Which lists are read. A further format is a file, and a row here. */
#include "author/import.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <string.h>

/* The surest signs first: what is left in the end are words. */
static const struct import_format formats[] = {
    {NCM_DRAFT_REGISTRY, "models.json", "models.json of the loading plan", import_is_registry, import_registry},
    {NCM_DRAFT_COMFYUI, "comfyui", "ComfyUI-Manager's model list (JSON)", import_is_comfyui, import_comfyui},
    {NCM_DRAFT_LOCK, "comfy-lock", "comfy-cli's comfy-lock.yaml", import_is_lock, import_lock},
    {NCM_DRAFT_PATHS, "extra-paths", "ComfyUI's extra_model_paths.yaml", import_is_paths, import_paths},
    {NCM_DRAFT_HEADINGS, "headings", "addresses below headings (#model, #lora …)", import_is_headings, import_headings},
    {NCM_DRAFT_SCRIPT, "script", "a script with wget, curl, aria2c, hf, comfy or ollama", import_is_script,
     import_script},
    {NCM_DRAFT_URLS, "urls", "addresses, one a line, with a path beside or options below them", import_is_urls,
     import_urls},
    {NCM_DRAFT_OLLAMA, "ollama", "what `ollama list` prints", import_is_ollama_table, import_ollama},
    {NCM_DRAFT_OLLAMA, "ollama", "names of Ollama models, and nothing else", import_is_ollama_names, import_ollama},
};

const struct import_format *import_format_at(size_t number)
{
	return number < sizeof formats / sizeof *formats ? &formats[number] : NULL;
}

const char *ncm_draft_format_name(enum ncm_draft_format format)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (formats[i].format == format)
			return formats[i].name;
	}
	return NULL;
}

int import_not_known(const struct list *list, struct ncm_error *err)
{
	struct ncm_buffer looked_for = {0};

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		ncm_buffer_printf(&looked_for, "%s; ", formats[i].is);
	/* Room workflow reads it, before anybody asks here. */
	ncm_buffer_printf(&looked_for, "a ComfyUI workflow, or a picture or video that has one in it");
	ncm_error_set(err, NCM_E_USAGE, "this is no list that ncmodel knows%s; looked for: %s",
		      list->json ? " (it is JSON, of another kind)" : "", looked_for.data);
	ncm_buffer_free(&looked_for);
	return ncm_error_hint(err, "if it is one of them all the same, say which with --format");
}
