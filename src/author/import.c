/* SPDX-License-Identifier: MIT */
/* Other tools' lists as manifests: which format it is, and what its addresses become. */
#include "author/author.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/name.h"
#include "manifest/load.h"
#include "manifest/spelled.h"
#include "source/source.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

enum { LONGEST_LINE = 8192, SHOWN_LINE = 200 };

const char *ncm_draft_format_name(enum ncm_draft_format format)
{
	static const char *const names[] = {
	    [NCM_DRAFT_OLLAMA] = "ollama", [NCM_DRAFT_COMFYUI] = "comfyui", [NCM_DRAFT_URLS] = "urls"};

	return names[format];
}

void import_lines(struct import *import, const char *text,
		  void (*take)(struct import *import, size_t line, char *text, void *context), void *context)
{
	for (size_t line = 1; *text; line++) {
		const size_t size = strcspn(text, "\n");
		NCM_AUTO_FREE char *copy = ncm_strndup(text, size < LONGEST_LINE ? size : SHOWN_LINE);

		copy[strcspn(copy, "\r")] = '\0';
		if (size < LONGEST_LINE)
			take(import, line, copy, context);
		else
			author_leave_out(&import->author, line, copy, "the line is longer than %d bytes", LONGEST_LINE);
		text += size + (text[size] == '\n');
	}
}

static int set_name(struct ncm_file_spec *spec, const char *given, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = given ? ncm_strdup(given) : ncm_source_file_name(spec->from.items[0]);

	if (name && (!ncm_path_check(name, err) || ncm_store_check_extension(name, err) < 0))
		return -1;
	for (size_t i = 0; name && i < spec->to_count; i++) {
		if (!spec->to[i].name)
			spec->to[i].name = ncm_strdup(name);
	}
	return 0;
}

static void add_places(struct import *import, size_t line, const struct ncm_strings *more, struct ncm_file_spec *spec)
{
	for (size_t i = 0; more && i < more->count; i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		NCM_AUTO_FREE char *canonical = NULL;

		if (ncm_source_check(more->items[i], spec->insecure_http, &canonical, &err) < 0)
			author_leave_out(&import->author, line, more->items[i], "%s", err.message);
		else if (!ncm_strings_contain(&spec->from, canonical))
			ncm_strings_add(&spec->from, canonical);
		ncm_error_clear(&err);
	}
}

/* What is known of the one file beyond its address. */
static int complete(struct ncm_model *model, const char *name, const struct ncm_sha256 *sha256, struct ncm_error *err)
{
	struct ncm_file_spec *spec = &model->files[0];

	if (sha256) {
		spec->has_sha256 = true;
		spec->sha256 = *sha256;
	}
	manifest_place_unasked(model);
	if (model->use_cases.count == 0 && strcmp(model->kind, "llm") == 0)
		ncm_strings_add(&model->use_cases, "General");
	return ncm_source_gives_blobs(spec->from.items[0]) ? 0 : set_name(spec, name, err);
}

/* The message without the address that it begins with, which stands before it anyway. */
static const char *reason_of(const struct ncm_error *err, const char *uri)
{
	const size_t size = strlen(uri);

	return strncmp(err->message, uri, size) == 0 && strncmp(err->message + size, ": ", 2) == 0
		   ? err->message + size + 2
		   : err->message;
}

/* What was listed before is there already. */
static bool is_listed(const struct import *import, const struct ncm_model *model)
{
	const char *uri = model->files[0].from.items[0];

	if (json_object_get(import->listed, uri))
		return true;
	json_object_set_new(import->listed, uri, json_true());
	return false;
}

void import_source(struct import *import, size_t line, const char *uri, const char *name,
		   const struct ncm_sha256 *sha256, const struct ncm_strings *more)
{
	const char *to = ncm_source_gives_blobs(uri) ? NULL : import->to;
	struct ncm_catalog *one = ncm_calloc(1, sizeof *one);
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *pinned = NULL;
	char hex[NCM_SHA256_HEX + 1];
	size_t index = 0;

	/* Bytes that a digest pins may come over plain HTTP. */
	if (sha256 && ncm_source_is_in_clear(uri))
		pinned = ncm_asprintf("%s#sha256=%s", uri, ncm_sha256_hex(sha256, hex));
	if (manifest_spelled(one, pinned ? pinned : uri, &(const struct ncm_selector){.to = to}, &index, &err) == 0 &&
	    !is_listed(import, &one->models[index]) && complete(&one->models[index], name, sha256, &err) == 0) {
		add_places(import, line, more, &one->models[index].files[0]);
		author_take(&import->author, &one->models[index], line, uri);
	}
	if (err.code != NCM_OK)
		author_leave_out(&import->author, line, uri, "%s%s%s", reason_of(&err, uri), err.hint ? "; " : "",
				 err.hint ? err.hint : "");
	ncm_error_clear(&err);
	ncm_catalog_free(one);
}

/* Lists of Ollama's have its models as such: with "ollama:" before the name, or bare. Its pages are addresses. */
static bool starts_with_address(const char *line)
{
	const struct ncm_source *source = ncm_source_of(line);

	return source && (!source->gives_blobs || strncasecmp(line, source->begins, strlen(source->begins)) != 0);
}

static enum ncm_draft_format detect(const char *text)
{
	const char *line = text;

	if (text[strspn(text, " \t\r\n")] == '{')
		return NCM_DRAFT_COMFYUI;
	while (line) {
		if (starts_with_address(line + strspn(line, " \t")))
			return NCM_DRAFT_URLS;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return NCM_DRAFT_OLLAMA;
}

static int check_text(const char *text, size_t size, struct ncm_error *err)
{
	if (size > NCM_LIMIT_MANIFEST_BYTES)
		return ncm_error_set(err, NCM_E_USAGE, "the list is larger than %u bytes", NCM_LIMIT_MANIFEST_BYTES);
	if (size > 0 && memchr(text, '\0', size))
		return ncm_error_set(err, NCM_E_USAGE, "the list is not a text: it holds a zero byte");
	return 0;
}

static int take_list(struct import *import, const char *text, size_t size, struct ncm_error *err)
{
	switch (import->author.draft->format) {
	case NCM_DRAFT_COMFYUI:
		return import_comfyui(import, text, size, err);
	case NCM_DRAFT_URLS:
		import_urls(import, text);
		return 0;
	case NCM_DRAFT_OLLAMA:
	case NCM_DRAFT_DETECT:
		import_ollama(import, text);
		return 0;
	}
	return 0;
}

struct ncm_draft *ncm_draft_import(const struct ncm_config *config, const char *text, size_t size,
				   const struct ncm_draft_options *options, struct ncm_error *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as editors of Windows put it */
	const size_t skipped = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
	NCM_AUTO_FREE char *copy = NULL;
	struct import import = {.to = options->to};
	struct ncm_draft *draft;

	if (check_text(text, size, err) < 0 || author_start(&import.author, config, options, err) < 0)
		return NULL;
	copy = ncm_strndup(text + skipped, size - skipped);
	import.author.draft->format = options->format != NCM_DRAFT_DETECT ? options->format : detect(copy);
	import.listed = json_object();
	if (take_list(&import, copy, size - skipped, err) < 0)
		draft = author_drop(&import.author);
	else
		draft = author_finish(
		    &import.author, "Imported",
		    "Imported from another tool's list. What has no digest yet is pinned by `ncmodel lock`.", err);
	json_decref(import.listed);
	return draft;
}
