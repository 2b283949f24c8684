/* SPDX-License-Identifier: MIT */
#include "oci/name.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { LONGEST_HOST = 300, LONGEST_REPOSITORY = 255, LONGEST_TAG = 128, LARGEST_PORT = 65535 };

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool is_port(const char *text)
{
	uint32_t port = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || c - text > 4)
			return false;
		port = port * 10 + (uint32_t)(*c - '0');
	}
	return *text != '\0' && *text != '0' && port <= LARGEST_PORT;
}

/* "[::1]:5000" */
static bool is_address(const char *host)
{
	const size_t size = 1 + strspn(host + 1, "0123456789abcdef:.");

	return size > 2 && host[size] == ']' &&
	       (host[size + 1] == '\0' || (host[size + 1] == ':' && is_port(host + size + 2)));
}

static bool is_registry(const char *host)
{
	const size_t size = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_");

	if (strlen(host) > LONGEST_HOST || strstr(host, ".."))
		return false;
	if (*host == '[')
		return is_address(host);
	return size > 0 && !strchr(".-", host[0]) && !strchr(".-", host[size - 1]) &&
	       (host[size] == '\0' || (host[size] == ':' && is_port(host + size + 1)));
}

/* "[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*" */
static bool is_component(const char *text, size_t size)
{
	for (size_t at = 0;;) {
		size_t end = at;

		while (end < size && strchr(lower, text[end]))
			end++;
		if (end == at)
			return false;
		if (end == size)
			return true;
		at = end;
		while (at < size && text[at] == text[end] && strchr("._-", text[at]))
			at++;
		if (at == end || (text[end] == '.' && at - end > 1) || (text[end] == '_' && at - end > 2))
			return false;
	}
}

static bool is_repository(const char *text)
{
	if (strlen(text) > LONGEST_REPOSITORY)
		return false;
	for (;;) {
		const size_t size = strcspn(text, "/");

		if (!is_component(text, size))
			return false;
		if (text[size] == '\0')
			return true;
		text += size + 1;
	}
}

static bool is_tag(const char *text)
{
	return strchr(word, text[0]) && *text && strlen(text) <= LONGEST_TAG &&
	       text[1 + strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

static bool is_hub(const char *host)
{
	static const char *const names[] = {OCI_DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "hub.docker.com",
					    "registry.hub.docker.com"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(host, names[i]) == 0)
			return true;
	}
	return false;
}

/* The length of the registry that a reference begins with; 0: it names none. */
static size_t registry_length(const char *text)
{
	const size_t size = strcspn(text, "/");
	const bool is_one = memchr(text, '.', size) || memchr(text, ':', size) ||
			    (size == strlen("localhost") && strncasecmp(text, "localhost", size) == 0);

	return text[size] == '/' && is_one ? size : 0;
}

static void take_registry(const char *text, size_t size, struct oci_name *name)
{
	name->registry = size > 0 ? ncm_strndup(text, size) : ncm_strdup(OCI_DOCKER_HUB);
	for (char *c = name->registry; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	if (!is_hub(name->registry))
		return;
	free(name->registry);
	name->registry = ncm_strdup(OCI_DOCKER_HUB);
}

/* "repository[:tag]" */
static const char *take_rest(char *text, struct oci_name *name)
{
	char *slash = strrchr(text, '/'), *colon = strchr(slash ? slash : text, ':');

	if (colon)
		*colon = '\0';
	if (!is_repository(text))
		return "its repository is not valid: lower-case letters and digits, with '.', '_' and '-' between them";
	if (colon && !is_tag(colon + 1))
		return "its tag is not valid";
	name->tag = colon ? ncm_strdup(colon + 1) : name->has_digest ? NULL : ncm_strdup("latest");
	name->repository =
	    !slash && strcmp(name->registry, OCI_DOCKER_HUB) == 0 ? ncm_asprintf("library/%s", text) : ncm_strdup(text);
	return NULL;
}

const char *oci_name_parse(const char *reference, struct oci_name *name)
{
	NCM_AUTO_FREE char *text = ncm_strdup(reference);
	const size_t registry = registry_length(text);
	char *digest = strchr(text, '@');

	*name = (struct oci_name){0};
	if (digest) {
		*digest++ = '\0';
		if (strncmp(digest, "sha256:", 7) != 0 || strlen(digest) != 7 + NCM_SHA256_HEX ||
		    ncm_sha256_parse(digest, &name->digest) < 0)
			return "its digest is not \"sha256:\" and 64 lower-case hex digits";
		name->has_digest = true;
	}
	take_registry(text, registry, name);
	if (!is_registry(name->registry))
		return "its registry is not valid";
	return take_rest(text + registry + (registry > 0), name);
}

void oci_name_clear(struct oci_name *name)
{
	free(name->registry);
	free(name->repository);
	free(name->tag);
	*name = (struct oci_name){0};
}

char *oci_name_spell(const struct oci_name *name, const struct ncm_sha256 *digest)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf("%s/%s%s%s%s%s", name->registry, name->repository, name->tag ? ":" : "",
			    name->tag ? name->tag : "", digest ? "@sha256:" : "",
			    digest ? ncm_sha256_hex(digest, hex) : "");
}
