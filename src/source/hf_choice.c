/* SPDX-License-Identifier: MIT */
/* Which files of a whole repository are wanted, as a part of its URI: what remembers the URI remembers the choice. */
#include "source/hf_name.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>
#include <strings.h>

enum { MOST_GLOBS = 100 };

static const char include_mark[] = "include=", exclude_mark[] = "exclude=";

bool hf_is_choice(const char *text)
{
	return *text == '?' && (strncmp(text + 1, include_mark, strlen(include_mark)) == 0 ||
				strncmp(text + 1, exclude_mark, strlen(exclude_mark)) == 0);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In one order, so that the same choice is the same URI. */
static void sort(struct ncm_strings *globs)
{
	if (globs->count > 1)
		qsort(globs->items, globs->count, sizeof *globs->items, compare);
}

static int add_glob(const char *text, size_t length, struct ncm_strings *globs, const char *uri, struct ncm_error *err)
{
	NCM_AUTO_FREE char *glob = ncm_source_decode(text, length);

	if (!glob || !*glob || globs->count >= MOST_GLOBS)
		return hf_refuse(err, uri, "its choice of files is not valid");
	ncm_strings_add_new(globs, glob);
	return 0;
}

int hf_parse_choice(const char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	while (*text) {
		const size_t length = strcspn(text, "&"), mark = strlen(include_mark);
		const bool includes = strncmp(text, include_mark, mark) == 0;

		if (!includes && strncmp(text, exclude_mark, mark) != 0)
			return hf_refuse(err, uri, "its choice of files is not valid");
		if (add_glob(text + mark, length - mark, includes ? &name->include : &name->exclude, uri, err) < 0)
			return -1;
		text += length + (text[length] == '&');
	}
	sort(&name->include);
	sort(&name->exclude);
	return 0;
}

void hf_add_encoded(struct ncm_buffer *out, const char *text, const char *plain)
{
	for (const char *c = text; *c; c++) {
		const bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');

		if (word || strchr("-._", *c) || strchr(plain, *c))
			ncm_buffer_add(out, c, 1);
		else
			ncm_buffer_printf(out, "%%%02X", (unsigned char)*c);
	}
}

static void spell_globs(const struct ncm_strings *globs, const char *mark, bool *first, struct ncm_buffer *out)
{
	for (size_t i = 0; i < globs->count; i++) {
		ncm_buffer_printf(out, "%s%s", *first ? "?" : "&", mark);
		hf_add_encoded(out, globs->items[i], "*/[]!+=,");
		*first = false;
	}
}

void hf_spell_choice(const struct hf_name *name, struct ncm_buffer *out)
{
	bool first = true;

	spell_globs(&name->include, include_mark, &first, out);
	spell_globs(&name->exclude, exclude_mark, &first, out);
}

int hf_choose(const char *canonical, const struct ncm_strings *include, const struct ncm_strings *exclude, char **uri,
	      struct ncm_error *err)
{
	struct hf_name name = {0};
	int failed = hf_name_parse(canonical, &name, err);

	if (!failed && (name.path || name.tag || name.has_sha256)) {
		failed = ncm_error_set(err, NCM_E_USAGE,
				       "%.*s: --include and --exclude choose among the files of a whole "
				       "repository",
				       ncm_source_shown(canonical), canonical);
		ncm_error_hint(err, "write hf:%s --include 'FOLDER/*'", name.repo);
	}
	for (size_t i = 0; !failed && i < include->count; i++)
		ncm_strings_add_new(&name.include, include->items[i]);
	for (size_t i = 0; !failed && i < exclude->count; i++)
		ncm_strings_add_new(&name.exclude, exclude->items[i]);
	sort(&name.include);
	sort(&name.exclude);
	if (!failed)
		*uri = hf_name_spell(&name, NULL);
	hf_name_clear(&name);
	return failed;
}

bool hf_recall(const char *canonical, const char *known, char **uri)
{
	struct hf_name name = {0}, before = {0};
	bool recalls = hf_name_parse(canonical, &name, NULL) == 0 && hf_name_parse(known, &before, NULL) == 0 &&
		       !name.path && !name.tag && name.include.count + name.exclude.count == 0 && !before.path &&
		       before.include.count + before.exclude.count > 0 && strcasecmp(name.repo, before.repo) == 0;

	if (recalls) {
		ncm_strings_add_all(&name.include, &before.include);
		ncm_strings_add_all(&name.exclude, &before.exclude);
		*uri = hf_name_spell(&name, NULL);
	}
	hf_name_clear(&name);
	hf_name_clear(&before);
	return recalls;
}
