/* SPDX-License-Identifier: MIT */
#include "source/oci.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

void oci_spelling_clear(struct oci_spelling *name)
{
	oci_name_clear(&name->oci);
	free(name->path);
	ncm_strings_free(&name->include);
	ncm_strings_free(&name->exclude);
}
#define AUTO_NAME __attribute__((cleanup(oci_spelling_clear)))

static int refuse(const char *uri, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%.*s: %s", ncm_source_shown(uri), uri, why);
	return ncm_error_hint(err,
			      "a model in a registry is written oci:REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST][//FILE]");
}

/* "r/USER/NAME/tags" and "_/NAME" are pages of Docker Hub. The caller frees the reference; NULL: it is another one. */
static char *reference_of_page(const char *path)
{
	const bool official = strncmp(path, "_/", 2) == 0;
	size_t size;

	if (!official && strncmp(path, "r/", 2) != 0)
		return NULL;
	path += 2;
	size = strcspn(path, "/?#");
	if (!official && path[size] == '/')
		size += 1 + strcspn(path + size + 1, "/?#");
	return ncm_strndup(path, size);
}

/* What follows "oci:", "oci://", "docker:" or "docker://", or a page of Docker Hub's says; or NULL. The caller frees
 * it.
 */
static char *reference_of(const char *uri)
{
	static const char *const schemes[] = {"oci:", "docker:"};
	static const char *const pages[] = {"hub.docker.com", NULL};
	const char *path;

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		const size_t size = strlen(schemes[i]);

		if (strncasecmp(uri, schemes[i], size) == 0)
			return ncm_strdup(uri + size + (strncmp(uri + size, "//", 2) == 0 ? 2 : 0));
	}
	return ncm_source_is_at(uri, pages, &path) ? reference_of_page(path) : NULL;
}

bool oci_claims(const char *uri)
{
	NCM_AUTO_FREE char *reference = reference_of(uri);

	return reference != NULL;
}

/* Cuts the choice of files, or the path, off the reference. */
static const char *cut_files(char *text, struct oci_spelling *name)
{
	char *path = strstr(text, "//"), *query = strchr(text, '?');

	if (path && (!query || path < query)) {
		const size_t size = strlen(path + 2);

		*path = '\0';
		name->path = path[1 + size] == '/' ? ncm_asprintf("%s*", path + 2) : ncm_strdup(path + 2);
		return size > 0 && size <= NCM_LIMIT_PATH_BYTES && path[2] != '/' ? NULL : "its file is not valid";
	}
	if (!query)
		return NULL;
	if (!ncm_source_is_choice(query) || ncm_source_parse_choice(query + 1, &name->include, &name->exclude) < 0)
		return "its choice of files is not valid";
	*query = '\0';
	return NULL;
}

int oci_spelling_parse(const char *uri, struct oci_spelling *name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = reference_of(uri);
	const char *wrong = "not a reference to a registry";

	*name = (struct oci_spelling){0};
	if (text && strstr(text, "#sha256="))
		wrong = "what it is pinned by is the digest of its manifest: @sha256:…";
	else if (text && !(wrong = cut_files(text, name)))
		wrong = oci_name_parse(text, &name->oci);
	if (!wrong)
		return 0;
	oci_spelling_clear(name);
	*name = (struct oci_spelling){0};
	return refuse(uri, wrong, err);
}

char *oci_spelling_text(const struct oci_spelling *name, const struct ncm_sha256 *digest)
{
	NCM_AUTO_FREE char *reference = oci_name_spell(&name->oci, digest);
	struct ncm_buffer out = {0};

	ncm_buffer_printf(&out, "oci:%s%s%s", reference, name->path ? "//" : "", name->path ? name->path : "");
	ncm_source_spell_choice(&name->include, &name->exclude, &out);
	return ncm_buffer_take(&out);
}

int oci_check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	AUTO_NAME struct oci_spelling name = {0};

	(void)allow_http;
	if (oci_spelling_parse(uri, &name, err) < 0)
		return -1;
	*canonical = oci_spelling_text(&name, name.oci.has_digest ? &name.oci.digest : NULL);
	return 0;
}

static bool is_glob(const char *path)
{
	return path[strcspn(path, "*?[")] != '\0';
}

bool oci_spelling_is_one_file(const struct oci_spelling *name)
{
	return name->path && !is_glob(name->path);
}

/* Of a manifest that has no tag its digest is all that it is known by. */
char *oci_newest(const char *canonical)
{
	AUTO_NAME struct oci_spelling name = {0};

	if (oci_spelling_parse(canonical, &name, NULL) < 0)
		return NULL;
	return oci_spelling_text(&name, name.oci.tag ? NULL : &name.oci.digest);
}

char *oci_key(const char *canonical)
{
	AUTO_NAME struct oci_spelling name = {0};

	if (oci_spelling_parse(canonical, &name, NULL) < 0)
		return NULL;
	ncm_strings_free(&name.include);
	ncm_strings_free(&name.exclude);
	return oci_spelling_text(&name, name.oci.tag ? NULL : &name.oci.digest);
}

/* "smollm2", or "smollm2-360M" of a tag that says which. The caller frees it. */
char *oci_spelling_model(const struct oci_spelling *name)
{
	const char *tag = name->oci.tag && strcmp(name->oci.tag, "latest") != 0 ? name->oci.tag : NULL;

	return ncm_asprintf("%s%s%s", ncm_path_base(name->oci.repository), tag ? "-" : "", tag ? tag : "");
}

void oci_names(const char *canonical, char **id, char **display)
{
	AUTO_NAME struct oci_spelling name = {0};
	NCM_AUTO_FREE char *text = oci_key(canonical);

	if (oci_spelling_parse(canonical, &name, NULL) < 0) {
		*id = ncm_source_slug(canonical);
		*display = ncm_strdup(canonical);
		return;
	}
	*id = ncm_source_shown_id(text, true, text);
	*display = oci_spelling_is_one_file(&name) ? ncm_strdup(ncm_path_base(name.path)) : oci_spelling_model(&name);
}

char *oci_repository(const char *canonical)
{
	AUTO_NAME struct oci_spelling name = {0};

	return oci_spelling_parse(canonical, &name, NULL) < 0 || name.path ? NULL : oci_spelling_model(&name);
}

int oci_choose(const char *canonical, const struct ncm_strings *include, const struct ncm_strings *exclude, char **uri,
	       struct ncm_error *err)
{
	AUTO_NAME struct oci_spelling name = {0};

	if (oci_spelling_parse(canonical, &name, err) < 0)
		return -1;
	if (name.path)
		return refuse(canonical, "--include and --exclude choose among all files of a model", err);
	ncm_source_add_choice(include, &name.include);
	ncm_source_add_choice(exclude, &name.exclude);
	*uri = oci_spelling_text(&name, name.oci.has_digest ? &name.oci.digest : NULL);
	return 0;
}

bool oci_recall(const char *canonical, const char *known, char **uri)
{
	AUTO_NAME struct oci_spelling name = {0};
	AUTO_NAME struct oci_spelling before = {0};
	NCM_AUTO_FREE char *own = oci_key(canonical);
	NCM_AUTO_FREE char *others = strncmp(known, "oci:", 4) == 0 ? oci_key(known) : NULL;

	if (!own || !others || strcmp(own, others) != 0 || oci_spelling_parse(canonical, &name, NULL) < 0 ||
	    name.path || name.include.count + name.exclude.count > 0 || oci_spelling_parse(known, &before, NULL) < 0 ||
	    before.include.count + before.exclude.count == 0)
		return false;
	ncm_source_add_choice(&before.include, &name.include);
	ncm_source_add_choice(&before.exclude, &name.exclude);
	*uri = oci_spelling_text(&name, name.oci.has_digest ? &name.oci.digest : NULL);
	return true;
}

bool oci_spelling_means(const struct oci_spelling *name, const char *path)
{
	if (name->path)
		return strcmp(name->path, path) == 0 || (is_glob(name->path) && ncm_source_glob(name->path, path));
	return ncm_source_passes(&name->include, &name->exclude, path);
}

/* All of a model, or what a glob matches in it, holds the files of the same tag. */
bool oci_holds(const char *canonical, const char *other)
{
	AUTO_NAME struct oci_spelling name = {0};
	AUTO_NAME struct oci_spelling file = {0};
	NCM_AUTO_FREE char *own = NULL;
	NCM_AUTO_FREE char *others = NULL;

	if (oci_spelling_parse(canonical, &name, NULL) < 0 || oci_spelling_parse(other, &file, NULL) < 0 || !file.path)
		return false;
	own = oci_name_spell(&name.oci, name.oci.tag ? NULL : &name.oci.digest);
	others = oci_name_spell(&file.oci, file.oci.tag ? NULL : &file.oci.digest);
	if (strcmp(own, others) != 0)
		return false;
	return oci_spelling_means(&name, file.path);
}

bool oci_many(const char *canonical)
{
	AUTO_NAME struct oci_spelling name = {0};

	return oci_spelling_parse(canonical, &name, NULL) < 0 || !oci_spelling_is_one_file(&name);
}

char *oci_file_name(const char *canonical)
{
	AUTO_NAME struct oci_spelling name = {0};

	return oci_spelling_parse(canonical, &name, NULL) == 0 && oci_spelling_is_one_file(&name)
		   ? ncm_strdup(name.path)
		   : NULL;
}

char *oci_file_at(const char *canonical, const char *path, const char *revision)
{
	AUTO_NAME struct oci_spelling name = {0};
	struct ncm_sha256 digest;

	if (oci_spelling_parse(canonical, &name, NULL) < 0 || !revision || ncm_sha256_parse(revision, &digest) < 0)
		return NULL;
	return oci_spelling_text(&(struct oci_spelling){.oci = name.oci, .path = (char *)path}, &digest);
}

char *oci_spelled_revision(const char *canonical)
{
	AUTO_NAME struct oci_spelling name = {0};
	char hex[NCM_SHA256_HEX + 1];

	if (oci_spelling_parse(canonical, &name, NULL) < 0 || !name.oci.has_digest)
		return NULL;
	return ncm_asprintf("sha256:%s", ncm_sha256_hex(&name.oci.digest, hex));
}

/* What Docker itself publishes there are GGUF files. */
const struct ncm_habit *oci_habit(const char *canonical)
{
	static const char docker[] = "oci:" OCI_DOCKER_HUB "/ai/";
	AUTO_NAME struct oci_spelling name = {0};

	if (oci_spelling_parse(canonical, &name, NULL) < 0)
		return NULL;
	if (name.path)
		return ncm_source_habit_of_name(name.path);
	return strncmp(canonical, docker, strlen(docker)) == 0 ? ncm_source_habit_of_name(".gguf") : NULL;
}

const char *oci_stem(const char *uri, size_t *size)
{
	const char *end = strstr(uri, "//");

	*size = strcspn(uri, "@?");
	if (end && (size_t)(end - uri) < *size)
		*size = (size_t)(end - uri);
	return strncmp(uri, "oci:", 4) == 0 ? uri : NULL;
}
