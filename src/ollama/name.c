/* SPDX-License-Identifier: MIT */
#include "ollama/name.h"

#include "base/mem.h"

#include <ncmodel/digest.h>
#include <string.h>
#include <strings.h>

enum { LONGEST_HOST = 350, LONGEST_PART = 80 };

static const char v2_host[] = "ollama.com";
static const char colon[] = "%3A";

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool ollama_is_part(enum ollama_part part, const char *text, size_t size)
{
	if (size < 1 || size > (part == OLLAMA_HOST ? LONGEST_HOST : LONGEST_PART) || !is_word_byte(text[0]))
		return false;
	for (size_t i = 1; i < size; i++) {
		const char c = text[i];

		if (!is_word_byte(c) && c != '-' && !(c == '.' && part != OLLAMA_NAMESPACE) &&
		    !(c == ':' && part == OLLAMA_HOST))
			return false;
	}
	return true;
}

bool ollama_is_default_host(const char *host, size_t size)
{
	return (size == strlen(OLLAMA_DEFAULT_HOST) && strncasecmp(host, OLLAMA_DEFAULT_HOST, size) == 0) ||
	       (size == strlen(v2_host) && strncasecmp(host, v2_host, size) == 0);
}

const char *ollama_bad_part(const char *name)
{
	static const char *const parts[OLLAMA_PARTS] = {"host", "namespace", "model", "tag"};

	for (enum ollama_part part = OLLAMA_HOST; part < OLLAMA_PARTS; part++) {
		const size_t size = strcspn(name, "/");
		const bool last = part == OLLAMA_TAG;

		if (!ollama_is_part(part, name, size) || (name[size] == '\0') != last)
			return parts[part];
		name += size + !last;
	}
	return NULL;
}

char *ollama_name_canonical(const char *name)
{
	const size_t host = strcspn(name, "/");
	char *canonical;

	if (ollama_bad_part(name))
		return NULL;
	if (ollama_is_default_host(name, host))
		return ncm_asprintf("%s%s", OLLAMA_DEFAULT_HOST, name + host);
	canonical = ncm_strdup(name);
	for (size_t i = 0; i < host; i++) {
		if (canonical[i] >= 'A' && canonical[i] <= 'Z')
			canonical[i] = (char)(canonical[i] - 'A' + 'a');
	}
	return canonical;
}

static const char *below(const char *relative, const char *folder)
{
	const size_t size = strlen(folder);

	return strncmp(relative, folder, size) == 0 && relative[size] == '/' ? relative + size + 1 : NULL;
}

bool ollama_is_manifest_path(const char *relative)
{
	return below(relative, OLLAMA_MANIFESTS) || below(relative, OLLAMA_MANIFESTS_V2);
}

/* "localhost%3A5000/…" → "localhost:5000/…". The caller frees it. */
static char *with_colon(const char *name)
{
	const char *at = strcasestr(name, colon);

	if (!at || at > name + strcspn(name, "/"))
		return ncm_strdup(name);
	return ncm_asprintf("%.*s:%s", (int)(at - name), name, at + strlen(colon));
}

char *ollama_name_at(const char *relative, bool *is_v2)
{
	const char *legacy = below(relative, OLLAMA_MANIFESTS);
	const char *v2 = below(relative, OLLAMA_MANIFESTS_V2);
	NCM_AUTO_FREE char *name = v2 ? with_colon(v2) : legacy ? ncm_strdup(legacy) : NULL;

	if (is_v2)
		*is_v2 = v2 != NULL;
	return name ? ollama_name_canonical(name) : NULL;
}

size_t ollama_name_paths(const char *name, bool v2, char *paths[2])
{
	const char *folder = v2 ? OLLAMA_MANIFESTS_V2 : OLLAMA_MANIFESTS;
	const size_t host = strcspn(name, "/");
	const char *port = memchr(name, ':', host);
	size_t count = 0;

	if (ollama_is_default_host(name, host)) {
		paths[count++] = ncm_asprintf("%s/%s%s", folder, v2 ? v2_host : OLLAMA_DEFAULT_HOST, name + host);
		paths[count++] = ncm_asprintf("%s/%s%s", folder, v2 ? OLLAMA_DEFAULT_HOST : v2_host, name + host);
		return count;
	}
	if (port && v2)
		paths[count++] = ncm_asprintf("%s/%.*s%s%s", folder, (int)(port - name), name, colon, port + 1);
	paths[count++] = ncm_asprintf("%s/%s", folder, name);
	return count;
}

bool ollama_name_is_shadow(const char *name)
{
	static const char *const runners[] = {"llamacpp", "ggml", "mlx", "ollama"};
	const char *model = below(name, OLLAMA_DEFAULT_HOST "/library");
	struct ncm_sha256 digest;

	for (size_t i = 0; model && i < sizeof runners / sizeof *runners; i++) {
		const char *tag = below(model, runners[i]);

		if (tag && strlen(tag) == NCM_SHA256_HEX && ncm_sha256_parse(tag, &digest) == 0)
			return true;
	}
	return false;
}
