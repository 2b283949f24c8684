/* SPDX-License-Identifier: MIT */
#include "source/hf.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

static const char *const hosts[] = {"huggingface.co", "www.huggingface.co", "hf.co", NULL};
static const char default_revision[] = "main";

enum { LONGEST_REPO = 96, LONGEST_REVISION = 255 };

static int refuse(struct ncm_error *err, const char *uri, const char *why)
{
	ncm_error_set(err, NCM_E_USAGE, "%.*s: %s", ncm_source_shown(uri), uri, why);
	return ncm_error_hint(err, "a file of Hugging Face is written hf:ORG/REPO[/PATH][@REVISION]");
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_repo_part(const char *text, size_t length)
{
	if (length == 0 || !is_word(text[0]) || !is_word(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_word(text[i]) && text[i] != '-' && text[i] != '.')
			return false;
	}
	return true;
}

static bool is_repo(const char *repo)
{
	size_t length = strlen(repo), first = strcspn(repo, "/");

	if (length > LONGEST_REPO || strstr(repo, "--") || strstr(repo, "..") ||
	    (length > 4 && strcasecmp(repo + length - 4, ".git") == 0))
		return false;
	if (first == length)
		return is_repo_part(repo, length);
	return is_repo_part(repo, first) && is_repo_part(repo + first + 1, length - first - 1);
}

/* As git takes names of branches and tags, but for what would need quoting somewhere. */
static bool is_revision(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > LONGEST_REVISION || strchr("-./", text[0]) || strchr("./", text[length - 1]) ||
	    strstr(text, "..") || strstr(text, "//"))
		return false;
	for (const char *c = text; *c; c++) {
		if (!is_word(*c) && !strchr("-./+=", *c))
			return false;
	}
	return true;
}

static bool is_path(const char *path)
{
	const char *part = path;

	if (strlen(path) > NCM_LIMIT_PATH_BYTES)
		return false;
	for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
		if (*c < ' ' || *c == 0x7f || *c == '\\')
			return false;
	}
	for (;;) {
		size_t length = strcspn(part, "/");

		if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && memcmp(part, "..", 2) == 0))
			return false;
		if (part[length] == '\0')
			return true;
		part += length + 1;
	}
}

bool hf_is_glob(const char *path)
{
	return path[strcspn(path, "*?[")] != '\0';
}

/* How far a revision goes at the start of a text: "refs/pr/N" and "refs/convert/NAME" hold slashes. */
static size_t revision_length(const char *text)
{
	size_t prefix = strncmp(text, "refs/pr/", 8) == 0 ? 8 : strncmp(text, "refs/convert/", 13) == 0 ? 13 : 0;

	return prefix + strcspn(text + prefix, "/");
}

/* The '@' that begins the revision at the end of a path, or NULL. */
static char *find_revision(char *path)
{
	char *at = strrchr(path, '@');

	return at && at[1 + revision_length(at + 1)] == '\0' ? at : NULL;
}

static int set_revision(struct hf_name *name, const char *text, size_t length, const char *uri, struct ncm_error *err)
{
	name->revision = ncm_source_decode(text, length);
	if (!name->revision || !is_revision(name->revision))
		return refuse(err, uri, "its revision is not valid");
	return 0;
}

static int set_path(struct hf_name *name, const char *path, const char *uri, struct ncm_error *err)
{
	size_t length = strlen(path);

	if (length == 0)
		return 0;
	name->path = path[length - 1] == '/' ? ncm_asprintf("%s*", path) : ncm_strdup(path);
	if (!is_path(name->path))
		return refuse(err, uri, "its path is not valid");
	return 0;
}

static int set_repo(struct hf_name *name, const char *text, size_t length, const char *uri, struct ncm_error *err)
{
	name->repo = ncm_strndup(text, length);
	if (!is_repo(name->repo))
		return refuse(err, uri, "its repository is not valid");
	return 0;
}

static bool is_other_kind(const char *text)
{
	static const char *const kinds[] = {"datasets", "spaces", "kernels", "buckets"};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t length = strlen(kinds[i]);

		if (strncmp(text, kinds[i], length) == 0 && (text[length] == '/' || text[length] == '\0'))
			return true;
	}
	return false;
}

/* "org/repo[@rev][/path]" or "org/repo/path[@rev]" */
static int parse_short(char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	size_t length = strcspn(text, "/@");
	char *rest, *at;

	if (is_other_kind(text))
		return refuse(err, uri, "only model repositories are known, not datasets or spaces");
	if (text[length] == '/')
		length += 1 + strcspn(text + length + 1, "/@");
	if (set_repo(name, text, length, uri, err) < 0)
		return -1;
	rest = text + length;
	if (*rest == '@') {
		length = revision_length(rest + 1);
		if (set_revision(name, rest + 1, length, uri, err) < 0)
			return -1;
		rest += 1 + length;
		return set_path(name, rest + (*rest == '/'), uri, err);
	}
	if (*rest == '\0')
		return 0;
	at = find_revision(rest);
	if (at) {
		*at = '\0';
		if (set_revision(name, at + 1, strlen(at + 1), uri, err) < 0)
			return -1;
	}
	return set_path(name, rest + 1, uri, err);
}

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

	if (text[first] == '\0' || is_route(text + first + 1, part_length(text + first + 1), &is_tree))
		return first;
	return first + 1 + part_length(text + first + 1);
}

/* "rev[/path]" behind the route of a page. */
static int parse_route(const char *text, bool is_tree, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	size_t length = revision_length(text);
	NCM_AUTO_FREE char *path = NULL;
	NCM_AUTO_FREE char *folder = NULL;

	if (set_revision(name, text, length, uri, err) < 0)
		return -1;
	text += length + strspn(text + length, "/");
	if (*text == '\0')
		return is_tree ? 0 : refuse(err, uri, "its path is not valid");
	path = ncm_source_decode(text, strlen(text));
	if (!path)
		return refuse(err, uri, "its path is not valid");
	if (!is_tree)
		return set_path(name, path, uri, err);
	folder = ncm_asprintf("%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/");
	return set_path(name, folder, uri, err);
}

/* What stands behind the host of a page: "org/repo[/ROUTE/rev/path]". */
static int parse_page(const char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	size_t length = page_repo_length(text);
	const char *rest = text + length;
	bool is_tree;

	if (memchr(text, ':', length)) {
		refuse(err, uri, "a tag behind a repository is Ollama's spelling");
		return ncm_error_hint(err, "write ollama:hf.co/ORG/REPO:TAG");
	}
	if (set_repo(name, text, length, uri, err) < 0)
		return -1;
	rest += strspn(rest, "/");
	if (*rest == '\0')
		return 0;
	length = part_length(rest);
	if (!is_route(rest, length, &is_tree) || rest[length] != '/')
		return refuse(err, uri, "not the page of a file, a folder or a repository");
	return parse_route(rest + length + 1, is_tree, uri, name, err);
}

/* Pages of models begin with a repository; of what else the hub has, plain URLs are fetched as such. */
static bool is_model_page(const char *path)
{
	static const char *const others[] = {"api", "docs", "blog", "papers", "collections", "models", "settings"};

	if (*path == '\0' || is_other_kind(path))
		return false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (strlen(others[i]) == part_length(path) && memcmp(path, others[i], strlen(others[i])) == 0)
			return false;
	}
	return true;
}

bool hf_claims(const char *uri)
{
	const char *path;

	if (strncasecmp(uri, "hf:", 3) == 0)
		return true;
	return ncm_source_is_at(uri, hosts, &path) && is_model_page(path);
}

static int parse(char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	const char *path;

	if (strncasecmp(text, "hf://", 5) == 0)
		return parse_short(text + 5 + (strncmp(text + 5, "models/", 7) == 0 ? 7 : 0), uri, name, err);
	if (strncasecmp(text, "hf:", 3) == 0)
		return parse_short(text + 3, uri, name, err);
	if (!ncm_source_is_at(text, hosts, &path))
		return refuse(err, uri, "not an address of Hugging Face");
	text[strcspn(text, "?#")] = '\0';
	return parse_page(path, uri, name, err);
}

int hf_name_parse(const char *uri, struct hf_name *name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = ncm_strdup(uri);

	*name = (struct hf_name){0};
	if (ncm_source_cut_pin(text, &name->has_sha256, &name->sha256, err) < 0 || parse(text, uri, name, err) < 0) {
		hf_name_clear(name);
		return -1;
	}
	if (!name->revision)
		name->revision = ncm_strdup(default_revision);
	return 0;
}

void hf_name_clear(struct hf_name *name)
{
	free(name->repo);
	free(name->path);
	free(name->revision);
	*name = (struct hf_name){0};
}

static void add_revision(struct ncm_buffer *out, const char *revision)
{
	ncm_buffer_puts(out, "@");
	if (strchr(revision, '/') && revision[revision_length(revision)] == '\0') {
		ncm_buffer_puts(out, revision);
		return;
	}
	for (;;) {
		const size_t plain = strcspn(revision, "/");

		ncm_buffer_add(out, revision, plain);
		if (revision[plain] == '\0')
			return;
		ncm_buffer_puts(out, "%2F");
		revision += plain + 1;
	}
}

char *hf_name_spell(const struct hf_name *name, const char *revision)
{
	struct ncm_buffer out = {0};
	char hex[NCM_SHA256_HEX + 1];

	if (!revision)
		revision = name->revision;
	ncm_buffer_printf(&out, "hf:%s", name->repo);
	if (name->path)
		ncm_buffer_printf(&out, "/%s", name->path);
	if (strcmp(revision, default_revision) != 0 || (name->path && strchr(name->path, '@')))
		add_revision(&out, revision);
	if (name->has_sha256)
		ncm_buffer_printf(&out, "#sha256=%s", ncm_sha256_hex(&name->sha256, hex));
	return ncm_buffer_take(&out);
}
