/* SPDX-License-Identifier: MIT */
/*
 * Plain URLs: "https://HOST/PATH[#sha256=<hex>]", http:// where the user allows it. The fragment pins the file's
 * digest; "#signed" says that the address had a signature, which nobody kept; any other fragment is dropped. The
 * configuration's mirrors stand in for what is asked; the canonical URI stays the original.
 */
#include "source/shared.h"

#include "base/address.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "transfer/answer.h"

#include <ncmodel/text.h>

#include <string.h>
#include <strings.h>

struct plain_url {
	char *url; /* scheme and host in lower case, no fragment */
	bool was_signed;
	bool has_sha256;
	struct ncm_sha256 sha256;
};

static bool claims(const char *uri)
{
	return strncasecmp(uri, "https:", 6) == 0 || strncasecmp(uri, "http:", 5) == 0;
}

static void lower_origin(char *url)
{
	char *host = strstr(url, "://");
	size_t end = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?") : 0;

	for (size_t i = 0; i < end; i++) {
		if (url[i] >= 'A' && url[i] <= 'Z')
			url[i] = (char)(url[i] - 'A' + 'a');
	}
}

static int parse(const char *uri, bool allow_http, struct plain_url *plain, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_strdup(uri);

	if (ncm_source_cut_pin(url, &plain->has_sha256, &plain->sha256, err) < 0)
		return -1;
	plain->was_signed = ncm_address_is_signed(url);
	url[strcspn(url, "#")] = '\0';
	if (ncm_url_check(url, allow_http, err) < 0)
		return -1;
	lower_origin(url);
	plain->url = url;
	url = NULL;
	return 0;
}

static int check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	struct plain_url plain = {0};
	char hex[NCM_SHA256_HEX + 1];

	if (parse(uri, allow_http, &plain, err) < 0)
		return -1;
	*canonical =
	    ncm_asprintf("%s%s%s%s", plain.url, plain.was_signed ? "#signed" : "", plain.has_sha256 ? "#sha256=" : "",
			 plain.has_sha256 ? ncm_sha256_hex(&plain.sha256, hex) : "");
	free(plain.url);
	return 0;
}

/* The path of an URL without its leading slash and query, split at its slashes. */
static void split_path(const char *url, struct ncm_strings *parts)
{
	const char *path = strstr(url, "://");
	NCM_AUTO_FREE char *text = NULL;
	char *rest, *part;

	path = path ? strchr(path + 3, '/') : NULL;
	if (!path)
		return;
	text = ncm_strndup(path, strcspn(path, "?#"));
	rest = text;
	while ((part = strsep(&rest, "/")) != NULL) {
		char *decoded = *part ? ncm_source_decode(part, strlen(part)) : NULL;

		if (*part)
			ncm_strings_take(parts, decoded ? decoded : ncm_strdup(part));
	}
}

/* GitHub names an archive by repository and revision, in a header that comes too late for a plan. */
static char *github_name(const char *url, const struct ncm_strings *parts)
{
	static const char *const codeload[] = {"codeload.github.com", NULL};
	static const char *const github[] = {"github.com", NULL};
	const char *path, *last;

	if (parts->count < 4)
		return NULL;
	last = ncm_path_base(parts->items[parts->count - 1]);
	if (ncm_source_is_at(url, codeload, &path))
		return ncm_asprintf("%s-%s.%s", parts->items[1], last, parts->items[2]);
	if (ncm_source_is_at(url, github, &path) && strcmp(parts->items[2], "archive") == 0)
		return ncm_asprintf("%s-%s", parts->items[1], last);
	return NULL;
}

/* The name that the URL gives, or NULL. The caller frees it. */
static char *name_of(const char *url)
{
	struct ncm_strings parts = {0};
	char *name;

	split_path(url, &parts);
	name = github_name(url, &parts);
	if (!name && parts.count > 0 && *ncm_path_base(parts.items[parts.count - 1]))
		name = ncm_strdup(ncm_path_base(parts.items[parts.count - 1]));
	ncm_strings_free(&parts);
	return name;
}

/* "download?id=3" says what the server does, not what it sends. */
static bool names_file(const char *url, const char *name)
{
	const char *path = strstr(url, "://") + 3;
	const size_t size = strcspn(path, "?#");

	return size > 0 && path[size - 1] != '/' && strchr(name + 1, '.');
}

static bool is_script(const char *name)
{
	static const char *const endings[] = {".php", ".asp", ".aspx", ".cgi", ".jsp", ".pl", ".py", ".do"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(name, endings[i]))
			return true;
	}
	return false;
}

/* The artifact's name as far as the URL tells it. */
static void take_name(const char *url, struct ncm_artifact *artifact)
{
	artifact->name = name_of(url);
	if (artifact->name && strchr(url, '?') && is_script(artifact->name)) {
		free(artifact->name);
		artifact->name = NULL;
	}
	artifact->name_is_rough = artifact->name && !names_file(url, artifact->name);
}

/* Host and path; a query is in no id as it is, because it may be a secret. */
static char *id_of(const char *canonical)
{
	NCM_AUTO_FREE char *kept = ncm_source_key(canonical);
	NCM_AUTO_FREE char *text = NULL;
	bool whole;
	char *id;

	if (!kept)
		return ncm_source_slug(canonical);
	text = ncm_strdup(strstr(kept, "://") + 3);
	/* A host without a dot could be an organization of Hugging Face; what ends in a tag, a model of Ollama's. */
	whole = strncmp(kept, "https:", 6) == 0 && strcspn(text, ".:") < strcspn(text, "/?") && !strchr(text, '?') &&
		!strchr(ncm_path_base(text), ':');
	text[strcspn(text, "?")] = '\0';
	id = ncm_source_shown_id(text, whole, kept);
	return id;
}

static void names(const char *canonical, char **id, char **display)
{
	NCM_AUTO_FREE char *name = name_of(canonical);
	NCM_AUTO_FREE char *origin = name ? NULL : ncm_url_origin(canonical);
	const char *text = name ? name : origin ? strstr(origin, "://") + 3 : canonical;

	*display = ncm_strdup(text);
	*id = id_of(canonical);
}

/* A prefix ends where a part of the URL ends: "https://a.example" is no prefix of "https://a.example.org/". */
static size_t mirror_match(const struct ncm_mirror *mirror, const char *url)
{
	size_t length = strlen(mirror->from);

	if (length == 0 || strncmp(url, mirror->from, length) != 0)
		return 0;
	if (mirror->from[length - 1] == '/' || url[length] == '\0' || strchr("/?", url[length]))
		return length;
	return 0;
}

/* What is asked in place of the URL. The caller frees it. */
static char *through_mirror(const struct ncm_config *config, const char *url)
{
	const struct ncm_mirror *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < config->mirror_count; i++) {
		size_t length = mirror_match(&config->mirrors[i], url);

		if (length > longest) {
			longest = length;
			best = &config->mirrors[i];
		}
	}
	return best ? ncm_asprintf("%s%s", best->to, url + longest) : ncm_strdup(url);
}

int ncm_source_ask_for_new(const char *uri, struct ncm_error *err)
{
	NCM_AUTO_FREE char *told = ncm_source_told(uri, NULL);

	ncm_error_set(err, NCM_E_AUTH, "%s: its address was signed, and the signature was not kept", told);
	return ncm_error_hint(err, "give a new one: ncmodel pull URL");
}

/* Without its signature nobody is asked, but for a mirror, which may have the file for everybody. */
static char *asked_url(const struct ncm_config *config, const struct plain_url *plain)
{
	NCM_AUTO_FREE char *url = through_mirror(config, plain->url);
	char *taken = url;

	if (plain->was_signed && strcmp(url, plain->url) == 0)
		return NULL;
	url = NULL;
	return taken;
}

static struct ncm_resolution *make(const struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				   struct ncm_error *err)
{
	struct plain_url plain = {0};
	struct ncm_resolution *resolution;
	struct ncm_artifact *artifact;

	if (parse(uri, ncm_source_may_use_http(spec, uri), &plain, err) < 0)
		return NULL;
	resolution = ncm_calloc(1, sizeof *resolution);
	resolution->uri = ncm_source_remembered(uri);
	artifact = ncm_resolution_add(resolution);
	artifact->kind = NCM_ARTIFACT_FILE;
	take_name(plain.url, artifact);
	artifact->url = asked_url(sources->config, &plain);
	artifact->expect_binary = artifact->name && ncm_source_is_binary_name(artifact->name);
	ncm_source_take_pins(spec, plain.has_sha256 ? &plain.sha256 : NULL, artifact);
	free(plain.url);
	if (!artifact->url)
		return resolution;
	ncm_address_note(artifact->url);
	/* What stands in for it is the user's own choice, http too. */
	if (ncm_url_check(artifact->url, true, err) < 0) {
		ncm_error_wrap(err, "mirror of %.*s", ncm_source_shown(uri), uri);
		return ncm_resolution_drop(resolution);
	}
	return resolution;
}

static bool is_named(const struct ncm_artifact *artifact)
{
	return artifact->name && !artifact->name_is_rough;
}

static void take_server_name(const struct ncm_reply *reply, struct ncm_artifact *artifact)
{
	NCM_AUTO_FREE char *value = ncm_reply_header(reply, "Content-Disposition");
	NCM_AUTO_FREE char *told = value ? ncm_disposition_name(value) : NULL;

	if (!told || is_named(artifact))
		return;
	free(artifact->name);
	artifact->name = told;
	told = NULL;
	artifact->name_is_rough = false;
	artifact->expect_binary = ncm_source_is_binary_name(artifact->name);
}

/* Another try, or the file itself, may tell more. */
static bool may_be_had(enum ncm_errc code)
{
	return code != NCM_E_NOT_FOUND && code != NCM_E_AUTH && code != NCM_E_REFUSED && code != NCM_E_UNTRUSTED &&
	       code != NCM_E_INTERRUPTED;
}

/* A server need not tell its size; what it says for sure is that the file is not there, or not for us. */
static int ask_head(const struct ncm_sources *sources, struct ncm_resolution *resolution, struct ncm_error *err)
{
	struct ncm_artifact *artifact = resolution->artifacts;
	NCM_AUTO_FREE char *what = ncm_asprintf("file %s", artifact->name ? artifact->name : "without a name");
	const struct ncm_request request = {
	    .url = artifact->url, .method = "HEAD", .what = what, .head_or_first_byte = true};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_error refused = NCM_ERROR_INIT;

	if (sources->get(sources->http, &request, &reply, &refused) < 0) {
		if (!may_be_had(refused.code))
			return ncm_error_move(err, &refused);
		ncm_error_move(&resolution->untold, &refused);
		return 0;
	}
	take_server_name(&reply, artifact);
	if (!artifact->has_size)
		artifact->has_size = ncm_source_told_size(&reply, &artifact->size);
	return 0;
}

/* Whether what the server calls it does not matter. */
static bool names_all(const struct ncm_file_spec *spec)
{
	for (size_t i = 0; i < spec->to_count; i++) {
		if (!spec->to[i].name)
			return spec->extract;
	}
	return true;
}

static struct ncm_resolution *resolve(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin, struct ncm_error *err)
{
	struct ncm_resolution *resolution = make(sources, uri, spec, err);

	(void)pin; /* a plain URL has no revision */
	if (resolution && !resolution->artifacts[0].url) {
		ncm_source_ask_for_new(uri, err);
		return ncm_resolution_drop(resolution);
	}
	if (!resolution || (spec->has_size && (is_named(resolution->artifacts) || names_all(spec))))
		return resolution;
	if (ask_head(sources, resolution, err) < 0)
		return ncm_resolution_drop(resolution);
	/* For the plan alone: nobody promised that the file stays as it is until it is fetched. */
	resolution->artifacts[0].size_is_rough = resolution->artifacts[0].has_size && !spec->has_size;
	return resolution;
}

/* Without a size the server is worth asking: the plan and the check of the disk's space need it. So does the plan a
 * name. */
static struct ncm_resolution *offline(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin)
{
	struct ncm_resolution *resolution = make(sources, uri, spec, NULL);

	if (resolution && pin && pin->for_plan && resolution->artifacts[0].has_sha256)
		return resolution;
	if (resolution && (!spec->has_size || !resolution->artifacts[0].url))
		return ncm_resolution_drop(resolution);
	if (resolution && !is_named(resolution->artifacts) && !names_all(spec)) {
		ncm_resolution_free(resolution);
		return NULL;
	}
	return resolution;
}

static char *newest(const char *canonical)
{
	struct plain_url plain = {0};
	NCM_AUTO_FREE char *url = NULL;

	if (parse(canonical, true, &plain, NULL) < 0)
		return NULL;
	url = plain.url;
	return plain.was_signed ? ncm_address_marked(url) : ncm_strdup(url);
}

/* However it is signed. */
static char *key(const char *canonical)
{
	struct plain_url plain = {0};
	NCM_AUTO_FREE char *kept = NULL;

	if (parse(canonical, true, &plain, NULL) < 0)
		return NULL;
	kept = ncm_address_remembered(plain.url);
	free(plain.url);
	return ncm_address_unmarked(kept);
}

static char *file_name(const char *canonical)
{
	return name_of(canonical);
}

static const char *stem(const char *uri, size_t *size)
{
	*size = strcspn(uri, "#");
	return strncmp(uri, "https://", 8) != 0 && strncmp(uri, "http://", 7) != 0 ? NULL
	       : ncm_text_has_secret(uri)                                          ? NULL
										   : uri;
}

static const char *const aliases[] = {"url", "http", NULL};

const struct ncm_source ncm_source_url = {
    .scheme = "https",
    .begins = "https://",
    .aliases = aliases,
    .revision = NCM_REVISION_NONE,
    .may_be_http = true,
    .file_name = file_name,
    .stem = stem,
    .claims = claims,
    .check = check,
    .names = names,
    .resolve = resolve,
    .offline = offline,
    .newest = newest,
    .key = key,
};
