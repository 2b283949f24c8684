/* SPDX-License-Identifier: MIT */
#include "source/ollama.h"

#include "base/mem.h"
#include "ollama/name.h"

#include <string.h>
#include <strings.h>

static const char default_host[] = OLLAMA_DEFAULT_HOST;
static const char default_namespace[] = "library";
static const char default_tag[] = "latest";

static bool is_host(const char *host)
{
	const char *colon = strchr(host, ':');
	uint64_t port;

	if (!ollama_is_part(OLLAMA_HOST, host, strlen(host)) || strstr(host, ".."))
		return false;
	return !colon || ncm_source_number(colon + 1, strlen(colon + 1), 65535, &port);
}

/* Ollama's names hold no address in brackets. That of this machine has a name that they do hold. */
static char *host_that_ollama_takes(const char *host)
{
	static const char loopback[] = "[::1]";
	const size_t size = strlen(loopback);

	if (strncmp(host, loopback, size) == 0 && (host[size] == '\0' || host[size] == ':'))
		return ncm_asprintf("localhost%s", host + size);
	return ncm_strdup(host);
}

/* Whether the first of two parts is a host: it has a port. One that has but a dot may be a user's name, misspelled. */
static bool has_port(const char *text)
{
	return strchr(text, ':') != NULL;
}

/* Cuts the text at the last `mark` and returns what follows it, or NULL. */
static char *cut_last(char *text, char mark)
{
	char *at = strrchr(text, mark);

	if (!at)
		return NULL;
	*at = '\0';
	return at + 1;
}

static int refuse(struct ncm_error *err, const char *uri, const char *why)
{
	ncm_error_set(err, NCM_E_USAGE, "%.*s: %s", ncm_source_shown(uri), uri, why);
	return ncm_error_hint(err, "an Ollama model is written ollama:[HOST/][NAMESPACE/]MODEL[:TAG][@sha256:DIGEST]");
}

static int parse_parts(char *text, struct ollama_name *name, const char *uri, struct ncm_error *err)
{
	char *colon = strrchr(text, ':');
	char *slash = strrchr(text, '/');
	char *tag = colon && (!slash || colon > slash) ? cut_last(text, ':') : NULL;
	char *model = cut_last(text, '/');
	char *namespace = model ? cut_last(text, '/') : NULL;
	char *host = namespace ? text : NULL;

	if (!model) {
		model = text;
	} else if (!namespace && has_port(text)) {
		host = text;
	} else if (!namespace) {
		namespace = text;
	}
	name->host = host_that_ollama_takes(host ? host : default_host);
	name->namespace = ncm_strdup(namespace ? namespace : default_namespace);
	name->model = ncm_strdup(model);
	name->tag = ncm_strdup(tag ? tag : default_tag);
	for (char *c = name->host; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	/* The public registry has two names; stores of Ollama 0.40 have its other one. */
	if (ollama_is_default_host(name->host, strlen(name->host))) {
		free(name->host);
		name->host = ncm_strdup(default_host);
	}
	if (*name->host == '[') {
		refuse(err, uri, "Ollama's names hold no address in brackets");
		return ncm_error_hint(err, "give the address a name (/etc/hosts), or make it the registry with "
					   "NCMODEL_OLLAMA_REGISTRY=http://[ADDRESS]:PORT");
	}
	if (!is_host(name->host))
		return refuse(err, uri, "its host is not valid");
	if (!ollama_is_part(OLLAMA_NAMESPACE, name->namespace, strlen(name->namespace)))
		return refuse(err, uri, "its namespace is not valid");
	if (!ollama_is_part(OLLAMA_MODEL, name->model, strlen(name->model)))
		return refuse(err, uri, "its model name is not valid");
	if (!ollama_is_part(OLLAMA_TAG, name->tag, strlen(name->tag)))
		return refuse(err, uri, "its tag is not valid");
	return 0;
}

/* What ollama.com has besides models. */
static bool is_other_page(const char *path, size_t length)
{
	static const char *const others[] = {"api",     "blog",     "cloud",      "connect",  "contact", "discord",
					     "docs",    "download", "install.sh", "library",  "models",  "pricing",
					     "privacy", "public",   "search",     "settings", "signin",  "signup",
					     "team",    "terms",    "turbo",      "upgrade",  "v2"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (strlen(others[i]) == length && strncasecmp(path, others[i], length) == 0)
			return true;
	}
	return length == 0;
}

/* "library/NAME[:TAG]", "NAME[:TAG]", "USER/NAME[:TAG]", "…/tags": the model's name as it is spelled behind "ollama:".
 */
static char *name_of_page(const char *path)
{
	static const char library[] = "library/";
	const size_t all = strcspn(path, "?#");
	size_t first, length;

	if (strncmp(path, library, strlen(library)) == 0)
		return path[strlen(library)] && all > strlen(library)
			   ? ncm_strndup(path + strlen(library), strcspn(path + strlen(library), "/?#"))
			   : NULL;
	first = strcspn(path, "/?#");
	if (is_other_page(path, first))
		return NULL;
	length = path[first] == '/' ? first + 1 + strcspn(path + first + 1, "/?#") : first;
	if (length == first + 1) /* a slash and nothing more */
		length = first;
	/* "NAME/tags" and "NAME:TAG/blobs/…" are of a model without a user. */
	if (memchr(path, ':', first) || strncmp(path + first, "/tags", length - first) == 0)
		length = first;
	return ncm_strndup(path, length);
}

char *ollama_page_name(const char *uri)
{
	static const char *const pages[] = {"ollama.com", "www.ollama.com", NULL};
	static const char *const hubs[] = {"hf.co", "huggingface.co", NULL};
	NCM_AUTO_FREE char *name = NULL;
	const char *path;
	size_t length;

	if (ncm_source_is_at(uri, pages, &path))
		name = name_of_page(path);
	if (name)
		return ncm_asprintf("ollama:%s", name);
	if (!ncm_source_is_at(uri, hubs, &path))
		return NULL;
	length = strcspn(path, "?#");
	if (!memchr(path, ':', length) || !memchr(path, '/', strcspn(path, ":")) ||
	    memchr(path + strcspn(path, ":"), '/', length - strcspn(path, ":")))
		return NULL;
	return ncm_asprintf("ollama:hf.co/%.*s", (int)length, path);
}

int ollama_name_parse(const char *uri, struct ollama_name *name, struct ncm_error *err)
{
	static const char scheme[] = "ollama:";
	NCM_AUTO_FREE char *page = NULL;
	NCM_AUTO_FREE char *text = NULL;
	char *digest;

	*name = (struct ollama_name){0};
	page = ollama_page_name(uri);
	if (!page && strncasecmp(uri, scheme, strlen(scheme)) != 0)
		return refuse(err, uri, "not an Ollama model");
	text = ncm_strdup((page ? page : uri) + strlen(scheme));
	digest = strchr(text, '@');
	if (digest) {
		*digest++ = '\0';
		if (strncmp(digest, "sha256:", 7) != 0 || ncm_sha256_parse(digest, &name->digest) < 0)
			return refuse(err, uri, "its digest is not \"sha256:\" and 64 lower-case hex digits");
		name->has_digest = true;
	}
	if (parse_parts(text, name, uri, err) < 0) {
		ollama_name_clear(name);
		return -1;
	}
	return 0;
}

void ollama_name_clear(struct ollama_name *name)
{
	free(name->host);
	free(name->namespace);
	free(name->model);
	free(name->tag);
	*name = (struct ollama_name){0};
}

bool ollama_name_is_default_host(const struct ollama_name *name)
{
	return strcmp(name->host, default_host) == 0;
}

bool ollama_name_is_huggingface(const struct ollama_name *name)
{
	return strcmp(name->host, "hf.co") == 0 || strcmp(name->host, "huggingface.co") == 0;
}

char *ollama_name_short(const struct ollama_name *name)
{
	if (!ollama_name_is_default_host(name))
		return ncm_asprintf("%s/%s/%s:%s", name->host, name->namespace, name->model, name->tag);
	if (strcmp(name->namespace, default_namespace) != 0)
		return ncm_asprintf("%s/%s:%s", name->namespace, name->model, name->tag);
	return ncm_asprintf("%s:%s", name->model, name->tag);
}

char *ollama_name_base(const struct ollama_name *name, const struct ncm_config *config, bool insecure_http)
{
	if (ollama_name_is_default_host(name))
		return ncm_source_endpoint(config, &ncm_source_ollama);
	return ncm_asprintf("%s://%s",
			    insecure_http || ncm_host_is_loopback(name->host) ||
				    ncm_config_is_insecure_registry(config, name->host)
				? "http"
				: "https",
			    name->host);
}
