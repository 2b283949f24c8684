/* SPDX-License-Identifier: MIT */
/* What a source is like, asked by URI: so that no other room compares names of sources. */
#include "source/source.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/name.h"

#include <string.h>
#include <strings.h>

const char *ncm_source_scheme(const char *uri)
{
	const struct ncm_source *source = ncm_source_of(uri);

	return source ? source->scheme : NULL;
}

static bool is_called(const struct ncm_source *source, const char *word)
{
	for (size_t i = 0; source->aliases && source->aliases[i]; i++) {
		if (strcasecmp(source->aliases[i], word) == 0)
			return true;
	}
	return strcasecmp(source->scheme, word) == 0;
}

const struct ncm_source *ncm_source_by_word(const char *word)
{
	const struct ncm_source *source;

	for (size_t i = 0; (source = ncm_source_at(i)); i++) {
		if (is_called(source, word))
			return source;
	}
	return NULL;
}

char *ncm_source_beginnings(size_t first)
{
	struct ncm_buffer list = {0};
	const struct ncm_source *source;

	for (size_t i = first; (source = ncm_source_at(i)); i++)
		ncm_buffer_printf(&list, "%s%s",
				  i == first             ? ""
				  : ncm_source_at(i + 1) ? ", "
							 : " or ",
				  source->begins);
	return ncm_buffer_take(&list);
}

void ncm_source_offer_schemes(struct ncm_nearest *nearest)
{
	const struct ncm_source *source;

	for (size_t i = 0; (source = ncm_source_at(i)); i++) {
		ncm_nearest_offer(nearest, source->scheme);
		if (source->may_be_http)
			ncm_nearest_offer(nearest, "http");
	}
}

bool ncm_source_gives_blobs(const char *uri)
{
	const struct ncm_source *source = ncm_source_of(uri);

	return source && source->gives_blobs;
}

bool ncm_source_is_address(const char *uri)
{
	return ncm_source_revision_kind(uri) == NCM_REVISION_NONE;
}

bool ncm_source_is_in_clear(const char *uri)
{
	const struct ncm_source *source = ncm_source_of(uri);

	return source && source->may_be_http && strncasecmp(uri, "http://", strlen("http://")) == 0;
}

bool ncm_source_is_hearsay(const char *uri)
{
	const struct ncm_source *source = ncm_source_of(uri);

	return source && source->is_hearsay;
}

enum ncm_revision_kind ncm_source_revision_kind(const char *uri)
{
	const struct ncm_source *source = ncm_source_of(uri);

	return source ? source->revision : NCM_REVISION_EXACT;
}

const struct ncm_habit *ncm_source_habit_of_name(const char *name)
{
	static const struct {
		const char *ending;
		struct ncm_habit habit;
	} habits[] = {
	    {".gguf", {"llm", "gguf", "llama-cpp", NULL}},
	    {".safetensors", {NULL, "safetensors", "comfyui", NULL}},
	};

	for (size_t i = 0; i < sizeof habits / sizeof *habits; i++) {
		if (ncm_path_has_suffix(name, habits[i].ending))
			return &habits[i].habit;
	}
	return NULL;
}

/* The source of an URI, and its canonical spelling, which the caller frees; or NULL. */
static const struct ncm_source *parsed(const char *uri, char **canonical)
{
	return ncm_source_check(uri, true, canonical, NULL) < 0 ? NULL : ncm_source_of(*canonical);
}

const struct ncm_habit *ncm_source_habit(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL, *name = NULL;
	const struct ncm_source *source = parsed(uri, &canonical);

	if (source && source->habit)
		return source->habit(canonical);
	name = source && source->file_name ? source->file_name(canonical) : NULL;
	return name ? ncm_source_habit_of_name(name) : NULL;
}

bool ncm_source_is_many(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source = parsed(uri, &canonical);

	return source && source->many && source->many(canonical);
}

char *ncm_source_file_name(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL, *name = NULL;
	const struct ncm_source *source = parsed(uri, &canonical);

	name = source && source->file_name ? source->file_name(canonical) : NULL;
	return name ? ncm_path_safe_name(name) : NULL;
}

char *ncm_source_file_at(const char *uri, const char *path, const char *revision)
{
	NCM_AUTO_FREE char *canonical = NULL, *spelled = NULL;
	const struct ncm_source *source = parsed(uri, &canonical);
	char *file = NULL;

	spelled = source && source->file_at ? source->file_at(canonical, path, revision) : NULL;
	if (spelled) /* a file may have a name that has no spelling */
		(void)ncm_source_check(spelled, false, &file, NULL);
	return file;
}

char *ncm_source_spelled_revision(const char *uri)
{
	NCM_AUTO_FREE char *canonical = NULL;
	const struct ncm_source *source = parsed(uri, &canonical);

	return source && source->spelled_revision ? source->spelled_revision(canonical) : NULL;
}

bool ncm_source_is_of_one_server(const char *uri)
{
	const struct ncm_source *source = ncm_source_of(uri);

	return source && source->one_server;
}
