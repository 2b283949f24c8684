/* SPDX-License-Identifier: MIT */
/* May a file have its name? Where no digest proves the bytes, what they are has to do. */
#include "format/parts.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

enum { PAGE_BYTES = 16 << 10 }; /* of a page that are looked through for its title */

/* What the name says of the content. */
enum promise {
	PROMISES_MODEL,  /* or nothing at all */
	PROMISES_JSON,   /* configurations, tokenizers */
	PROMISES_TEXT,   /* vocabularies, licences */
	PROMISES_MARKUP, /* what may begin with a tag: cards, OpenVINO's graphs */
};

static bool has_ending(const char *name, const char *const *endings)
{
	for (; *endings; endings++) {
		if (ncm_path_has_suffix(name, *endings))
			return true;
	}
	return false;
}

static bool is_bare_text_name(const char *base)
{
	static const char *const names[] = {"README",    "LICENSE",  "LICENCE",    "NOTICE",  "COPYING", "AUTHORS",
					    "CHANGELOG", "CITATION", "USE_POLICY", "VERSION", NULL};

	for (size_t i = 0; names[i]; i++) {
		if (strncmp(base, names[i], strlen(names[i])) == 0 && !strchr(base, '.'))
			return true;
	}
	return base[0] == '.';
}

static enum promise promise_of(const char *name)
{
	static const char *const json[] = {".json", ".jsonl", ".ndjson", ".ipynb", ".geojson", ".map", NULL};
	static const char *const text[] = {".txt",      ".yaml",   ".yml",    ".toml",     ".ini",    ".cfg",
					   ".conf",     ".csv",    ".tsv",    ".jinja",    ".jinja2", ".template",
					   ".vocab",    ".merges", ".tokens", ".tiktoken", ".labels", ".pbtxt",
					   ".prototxt", ".log",    ".bpe",    NULL};
	static const char *const markup[] = {".md",  ".markdown", ".rst",  ".html", ".htm",
					     ".xml", ".svg",      ".tmpl", NULL};

	if (has_ending(name, json))
		return PROMISES_JSON;
	if (has_ending(name, markup))
		return PROMISES_MARKUP;
	return has_ending(name, text) || is_bare_text_name(ncm_path_base(name)) ? PROMISES_TEXT : PROMISES_MODEL;
}

/* A program is none of our business here: there are models that start themselves. */
static bool is_refused(enum foreign foreign, enum promise promise)
{
	switch (foreign) {
	case FOREIGN_POINTER:
		return true;
	case FOREIGN_PAGE:
		return promise != PROMISES_MARKUP;
	case FOREIGN_EMPTY:
		return promise == PROMISES_MODEL || promise == PROMISES_JSON;
	case FOREIGN_JSON:
		return promise == PROMISES_MODEL;
	case FOREIGN_NONE:
	case FOREIGN_PROGRAM:
		break;
	}
	return false;
}

static const char *instead_of(const char *name)
{
	switch (ncm_format_promised(name)) {
	case NCM_FORMAT_GGUF:
		return "is not a GGUF file but";
	case NCM_FORMAT_SAFETENSORS:
		return "is not a safetensors file but";
	default:
		return promise_of(name) == PROMISES_MODEL ? "is no model but" : "is not what its name says but";
	}
}

/* Says what it is in the place of anything that was said before. */
static void refuse(struct header *header, const char *name, enum foreign foreign, const char *words)
{
	NCM_AUTO_FREE char *page = ncm_malloc(PAGE_BYTES + 1);
	const size_t size = header_peek(header, page, PAGE_BYTES);
	NCM_AUTO_FREE char *quote = NULL;

	page[size] = '\0';
	quote = foreign_quote(foreign, page, size);
	free(header->facts->fault);
	header->facts->fault = NULL;
	facts_fault(header->facts, NCM_FOREIGN, "%s %s%s%s%s", instead_of(name), words, quote ? ": \"" : "",
		    quote ? quote : "", quote ? "\"" : "");
}

void format_compare_name(struct header *header, const char *name)
{
	const enum ncm_format promised = ncm_format_promised(name), is = header->facts->format;
	unsigned char head[NCM_FORMAT_HEAD];
	size_t size;
	enum foreign foreign;

	if (is != NCM_FORMAT_UNKNOWN && (promised == is || promised == NCM_FORMAT_UNKNOWN))
		return;
	size = header_peek(header, head, sizeof head);
	foreign = is == NCM_FORMAT_UNKNOWN ? foreign_of(head, size) : FOREIGN_NONE;
	if (!header->error && (promised != NCM_FORMAT_UNKNOWN || is_refused(foreign, promise_of(name))))
		refuse(header, name, foreign, ncm_format_describe(head, size));
}

static int hint_of(const struct ncm_facts *facts, struct ncm_error *err)
{
	if (strstr(facts->fault, foreign_words(FOREIGN_POINTER)))
		return ncm_error_hint(
		    err, "it stands for the file: fetch that itself, as from the address of a release, or with "
			 "`git lfs pull` in a clone");
	if (facts->soundness == NCM_FOREIGN)
		return ncm_error_hint(err,
				      "open the address in a browser: the file may have moved, or want a login or a "
				      "licence accepted");
	return ncm_error_hint(err,
			      "the source itself serves it so: tell its owner, or choose another source or revision");
}

int ncm_format_check(int fd, const char *name, struct ncm_error *err)
{
	struct ncm_facts facts;
	int failed = ncm_format_judge(fd, name, &facts, err);

	if (failed)
		ncm_error_wrap(err, "%s", name);
	else if (facts.soundness == NCM_FOREIGN)
		failed = ncm_error_set(err, NCM_E_POLICY, "%s %s", name, facts.fault);
	else if (facts.soundness == NCM_TRUNCATED || facts.soundness == NCM_BROKEN)
		failed = ncm_error_set(err, NCM_E_CHECKSUM, "%s is %s: %s", name,
				       facts.soundness == NCM_TRUNCATED ? "truncated" : "broken", facts.fault);
	if (failed && facts.fault && facts.soundness != NCM_SOUND && facts.soundness != NCM_UNJUDGED)
		hint_of(&facts, err);
	ncm_facts_clear(&facts);
	return failed;
}
