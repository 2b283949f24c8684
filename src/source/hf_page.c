/* SPDX-License-Identifier: MIT */
/* Pages of the hub, as people paste them: a repository, or a file or folder behind one of the routes. */
#include "source/hf_name.h"

#include "base/mem.h"

#include <string.h>

static size_t part_length(const char *text)
{
	return strcspn(text, "/");
}

static bool is_route(const char *text, size_t length, bool *is_tree)
{
	static const char *const routes[] = {"blob", "resolve", "raw", "blame", "tree"};

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (strlen(routes[i]) == length && memcmp(text, routes[i], length) == 0) {
			*is_tree = strcmp(routes[i], "tree") == 0;
			return true;
		}
	}
	return false;
}

/* How long the repository at the start of a page's path is; the first models of the hub have no organization. */
static size_t page_repo_length(const char *text)
{
	size_t first = part_length(text);
	bool is_tree;

	if (text[first] == '\0' || text[first + 1] == '\0' ||
	    is_route(text + first + 1, part_length(text + first + 1), &is_tree))
		return first;
	return first + 1 + part_length(text + first + 1);
}

/* "rev[/path]" behind the route of a page. */
static int parse_route(const char *text, bool is_tree, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	size_t length = hf_revision_length(text);
	NCM_AUTO_FREE char *path = NULL;
	NCM_AUTO_FREE char *folder = NULL;

	if (hf_set_revision(name, text, length, uri, err) < 0)
		return -1;
	text += length + strspn(text + length, "/");
	if (*text == '\0')
		return is_tree ? 0 : hf_refuse(err, uri, "its path is not valid");
	path = ncm_source_decode(text, strlen(text));
	if (!path)
		return hf_refuse(err, uri, "its path is not valid");
	if (!is_tree)
		return hf_set_path(name, path, uri, err);
	folder = ncm_asprintf("%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/");
	return hf_set_path(name, folder, uri, err);
}

/* What stands behind the host of a page: "org/repo[/ROUTE/rev/path]". */
int hf_parse_page(const char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	size_t length = page_repo_length(text);
	const char *rest = text + length;
	bool is_tree;

	if (memchr(text, ':', length)) {
		hf_refuse(err, uri, "a tag behind a repository is Ollama's spelling");
		return ncm_error_hint(err, "write ollama:hf.co/ORG/REPO:TAG");
	}
	if (hf_set_repo(name, text, length, uri, err) < 0)
		return -1;
	rest += strspn(rest, "/");
	if (*rest == '\0')
		return 0;
	length = part_length(rest);
	if (!is_route(rest, length, &is_tree) || rest[length] != '/')
		return hf_refuse(err, uri, "not the page of a file, a folder or a repository");
	return parse_route(rest + length + 1, is_tree, uri, name, err);
}

/* Pages of models begin with a repository; of what else the hub has, plain URLs are fetched as such. */
bool hf_is_model_page(const char *path)
{
	static const char *const others[] = {"api", "docs", "blog", "papers", "collections", "models", "settings"};

	if (*path == '\0' || hf_is_other_kind(path))
		return false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (strlen(others[i]) == part_length(path) && memcmp(path, others[i], strlen(others[i])) == 0)
			return false;
	}
	return true;
}
