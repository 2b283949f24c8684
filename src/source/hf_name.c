/* SPDX-License-Identifier: MIT */
#include "source/hf_name.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

static const char *const hosts[] = {"huggingface.co", "www.huggingface.co", "hf.co", NULL};
static const char default_revision[] = "main";

enum { LONGEST_REPO = 96, LONGEST_REVISION = 255, LONGEST_TAG = 80 };

int hf_refuse(struct ncm_error *err, const char *uri, const char *why)
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

	if (length == 0 || length > LONGEST_REVISION || strchr("-./ ", text[0]) || strchr("./ ", text[length - 1]) ||
	    strstr(text, "..") || strstr(text, "//"))
		return false;
	for (const char *c = text; *c; c++) {
		if (!is_word(*c) && !(*c & 0x80) && !strchr("-./+=@,() ", *c))
			return false;
	}
	return true;
}

static bool is_tag(const char *text, size_t length)
{
	if (length == 0 || length > LONGEST_TAG || !is_word(text[0]))
		return false;
	for (size_t i = 1; i < length; i++) {
		if (!is_word(text[i]) && text[i] != '-' && text[i] != '.')
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

size_t hf_revision_length(const char *text)
{
	size_t prefix = strncmp(text, "refs/pr/", 8) == 0 ? 8 : strncmp(text, "refs/convert/", 13) == 0 ? 13 : 0;

	return prefix + strcspn(text + prefix, "/");
}

/* What tells a file's name from that of a branch or tag. */
static bool ends_as_a_file(const char *text)
{
	static const char *const endings[] = {".json",  ".txt", ".md",  ".yaml",    ".yml",  ".model",
					      ".jinja", ".py",  ".png", ".jpg",     ".jpeg", ".webp",
					      ".gif",   ".svg", ".ot",  ".tiktoken"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(text, endings[i]))
			return true;
	}
	return ncm_source_is_binary_name(text);
}

/*
 * The '@' that begins the revision at the end of a path, or NULL. File names hold an '@', and branches a '/': behind
 * the name of a file a revision with slashes is one, too, and what ends as a file does is none.
 */
static char *find_revision(char *path)
{
	char *at = strrchr(path, '@');
	NCM_AUTO_FREE char *before = at ? ncm_strndup(path, (size_t)(at - path)) : NULL;

	if (!at || ends_as_a_file(at))
		return NULL;
	if (at[1 + hf_revision_length(at + 1)] == '\0' || ends_as_a_file(before))
		return at;
	return NULL;
}

int hf_set_revision(struct hf_name *name, const char *text, size_t length, const char *uri, struct ncm_error *err)
{
	name->revision = ncm_source_decode(text, length);
	if (!name->revision || !is_revision(name->revision))
		return hf_refuse(err, uri, "its revision is not valid");
	return 0;
}

int hf_set_path(struct hf_name *name, const char *path, const char *uri, struct ncm_error *err)
{
	size_t length = strlen(path);

	if (length == 0)
		return 0;
	name->path = path[length - 1] == '/' ? ncm_asprintf("%s*", path) : ncm_strdup(path);
	if (!is_path(name->path))
		return hf_refuse(err, uri, "its path is not valid");
	return 0;
}

int hf_set_repo(struct hf_name *name, const char *text, size_t length, const char *uri, struct ncm_error *err)
{
	name->repo = ncm_strndup(text, length);
	if (!is_repo(name->repo))
		return hf_refuse(err, uri, "its repository is not valid");
	return 0;
}

bool hf_is_other_kind(const char *text)
{
	static const char *const kinds[] = {"datasets", "spaces", "kernels", "buckets"};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t length = strlen(kinds[i]);

		if (strncmp(text, kinds[i], length) == 0 && (text[length] == '/' || text[length] == '\0'))
			return true;
	}
	return false;
}

/* "include=GLOB&exclude=GLOB…" */
static int parse_choice(const char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	if (ncm_source_parse_choice(text, &name->include, &name->exclude) == 0)
		return 0;
	return hf_refuse(err, uri, "its choice of files is not valid");
}

/* Where the choice of files begins, or the text ends. */
static size_t before_choice(const char *text)
{
	size_t length = strcspn(text, "?");

	while (text[length] && !ncm_source_is_choice(text + length))
		length += 1 + strcspn(text + length + 1, "?");
	return length;
}

static bool is_whole_revision(const char *text, size_t length)
{
	NCM_AUTO_FREE char *revision = ncm_strndup(text, length);

	return strncmp(revision, "refs/", 5) == 0 || strcmp(revision, default_revision) == 0 ||
	       ncm_source_is_commit(revision);
}

/*
 * How far the revision behind a repository goes. Its path may follow ("org/repo@rev/path"); a branch with a slash is
 * all there is if that ends as no file does.
 */
static size_t revision_behind_repo(const struct hf_name *name, const char *text)
{
	const size_t all = before_choice(text), first = hf_revision_length(text);
	NCM_AUTO_FREE char *whole = ncm_strndup(text, all);

	if (first >= all || !strchr(name->repo, '/') || is_whole_revision(text, first))
		return first < all ? first : all;
	return is_revision(whole) && !ends_as_a_file(whole) ? all : first;
}

/* ":TAG[@rev]", behind a repository. */
static int parse_tag(const char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	const size_t length = strcspn(text, "@");

	if (!is_tag(text, length))
		return hf_refuse(err, uri, "what stands behind ':' is not a quantization (Q4_K_M)");
	name->tag = ncm_strndup(text, length);
	return text[length] ? hf_set_revision(name, text + length + 1, strlen(text + length + 1), uri, err) : 0;
}

/* "@rev[/path]" or "@rev[?choice]", behind a repository. */
static int parse_after_at(const char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	const size_t length = revision_behind_repo(name, text);

	if (hf_set_revision(name, text, length, uri, err) < 0)
		return -1;
	text += length;
	if (ncm_source_is_choice(text))
		return parse_choice(text + 1, uri, name, err);
	return hf_set_path(name, text + (*text == '/'), uri, err);
}

/* "org/repo[@rev][/path]", "org/repo/path[@rev]", "org/repo:TAG[@rev]" or "org/repo[@rev]?include=GLOB" */
static int parse_short(char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	static const char ends[] = "/@:?";
	size_t length = strcspn(text, ends);
	char *rest, *at;

	if (hf_is_other_kind(text))
		return hf_refuse(err, uri, "only model repositories are known, not datasets or spaces");
	if (text[length] == '/')
		length += 1 + strcspn(text + length + 1, ends);
	if (hf_set_repo(name, text, length, uri, err) < 0)
		return -1;
	rest = text + length;
	if (*rest == ':')
		return parse_tag(rest + 1, uri, name, err);
	if (*rest == '@')
		return parse_after_at(rest + 1, uri, name, err);
	if (*rest == '?')
		return ncm_source_is_choice(rest) ? parse_choice(rest + 1, uri, name, err)
						  : hf_refuse(err, uri, "its repository is not valid");
	if (*rest == '\0')
		return 0;
	at = find_revision(rest);
	if (at) {
		*at = '\0';
		if (hf_set_revision(name, at + 1, strlen(at + 1), uri, err) < 0)
			return -1;
	}
	return hf_set_path(name, rest + 1, uri, err);
}

bool hf_claims(const char *uri)
{
	const char *path;

	if (strncasecmp(uri, "hf:", 3) == 0)
		return true;
	return ncm_source_is_at(uri, hosts, &path) && hf_is_model_page(path);
}

static int parse(char *text, const char *uri, struct hf_name *name, struct ncm_error *err)
{
	const char *path;

	if (strncasecmp(text, "hf://", 5) == 0)
		return parse_short(text + 5 + (strncmp(text + 5, "models/", 7) == 0 ? 7 : 0), uri, name, err);
	if (strncasecmp(text, "hf:", 3) == 0)
		return parse_short(text + 3, uri, name, err);
	if (!ncm_source_is_at(text, hosts, &path))
		return hf_refuse(err, uri, "not an address of Hugging Face");
	text[strcspn(text, "?#")] = '\0';
	return hf_parse_page(path, uri, name, err);
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
	free(name->tag);
	ncm_strings_free(&name->include);
	ncm_strings_free(&name->exclude);
	*name = (struct hf_name){0};
}

static void add_revision(struct ncm_buffer *out, const char *revision)
{
	const bool verbatim = strchr(revision, '/') && revision[hf_revision_length(revision)] == '\0';

	/* What ends as a file does is to be read back as a revision. */
	const size_t point = ends_as_a_file(revision) ? (size_t)(strrchr(revision, '.') - revision) : strlen(revision);
	NCM_AUTO_FREE char *stem = ncm_strndup(revision, point);

	ncm_buffer_puts(out, "@");
	ncm_source_add_encoded(out, stem, verbatim ? "/+=" : "+=");
	if (revision[point])
		ncm_buffer_printf(out, "%%2E%s", revision + point + 1);
}

/* Behind a name without an organization a path would be taken for the repository: its revision stands between. */
static bool has_revision_first(const struct hf_name *name)
{
	return name->path && !strchr(name->repo, '/');
}

/* Whether the path alone would be read back as another, or with another revision. */
static bool needs_revision(const struct hf_name *name)
{
	return has_revision_first(name) || (name->path && strchr(name->path, '@'));
}

char *hf_name_spell(const struct hf_name *name, const char *revision)
{
	struct ncm_buffer out = {0};
	char hex[NCM_SHA256_HEX + 1];

	if (!revision)
		revision = name->revision;
	ncm_buffer_printf(&out, "hf:%s", name->repo);
	if (name->tag)
		ncm_buffer_printf(&out, ":%s", name->tag);
	if (name->path && !has_revision_first(name))
		ncm_buffer_printf(&out, "/%s", name->path);
	if (strcmp(revision, default_revision) != 0 || needs_revision(name))
		add_revision(&out, revision);
	if (has_revision_first(name))
		ncm_buffer_printf(&out, "/%s", name->path);
	ncm_source_spell_choice(&name->include, &name->exclude, &out);
	if (name->has_sha256)
		ncm_buffer_printf(&out, "#sha256=%s", ncm_sha256_hex(&name->sha256, hex));
	return ncm_buffer_take(&out);
}

char *hf_name_key(struct hf_name *name)
{
	name->has_sha256 = false;
	ncm_strings_free(&name->include);
	ncm_strings_free(&name->exclude);
	return hf_name_spell(name, default_revision);
}

const char *hf_stem(const char *canonical, size_t *size)
{
	const size_t repo = strcspn(canonical, "/") + 1;
	const size_t choice = strcspn(canonical, "?");

	*size = strcspn(canonical, "@#");
	/* Of a repository, whichever of its files are wanted. */
	if (choice < *size && ncm_source_is_choice(canonical + choice) &&
	    (repo > choice || !memchr(canonical + repo, '/', choice - repo)))
		*size = choice;
	return canonical[*size - 1] == '/' ? NULL : canonical;
}
