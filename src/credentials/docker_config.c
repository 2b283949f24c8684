/* SPDX-License-Identifier: MIT */
/*
 * The file in which docker, podman and their like keep sign-ins: "auths" with user and password in base64 or an
 * identity token, "credHelpers" and "credsStore" with the names of programs that are asked instead. Sources: docker/cli
 * cli/config/configfile/file.go, containers/image docs/containers-auth.json.5.md.
 */
#include "credentials/parts.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

/* The public hub of docker, whose sign-in stands under this name whichever of its hosts is asked. */
static const char hub[] = "https://index.docker.io/v1/";

/* One file, read. */
struct file {
	const char *path;
	json_t *root;
	uint32_t owner;
};

static int open_file(const char *path, struct file *file, char **text, size_t *size, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ);
	struct os_stat status;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd >= 0 && os_fstat(fd, &status) == 0 && status.kind == OS_IS_FILE) {
		file->owner = status.owner;
		*text = ncm_read_fd(fd, NCM_LIMIT_SIGN_IN_BYTES, size);
	} else if (fd >= 0) {
		errno = EINVAL;
	}
	if (*text)
		return 1;
	ncm_error_set(err, NCM_E_MANIFEST, "cannot read the sign-ins in %s: %s", path,
		      errno == EFBIG    ? "it is too large"
		      : errno == EINVAL ? "it is no regular file"
					: os_error_text(errno));
	return ncm_error_hint(err, "correct or remove the file, or name another with REGISTRY_AUTH_FILE");
}

/* Returns 1, 0 if it is not there, or -1. What the parser says of a file may quote it: its line alone is told. */
static int read_file(const char *path, struct file *file, struct ncm_error *err)
{
	char *text = NULL;
	size_t size = 0;
	int found;

	*file = (struct file){.path = path};
	found = open_file(path, file, &text, &size, err);
	if (found <= 0)
		return found;
	file->root = ncm_json_parse(text, size, path, NCM_E_MANIFEST, NULL);
	os_wipe(text, size);
	free(text);
	if (json_is_object(file->root))
		return 1;
	json_decref(file->root);
	ncm_error_set(err, NCM_E_MANIFEST, "cannot read the sign-ins in %s: it is not JSON, or no object", path);
	return ncm_error_hint(err, "correct or remove the file, or name another with REGISTRY_AUTH_FILE");
}

static bool is_hub(const char *host, size_t size)
{
	static const char *const names[] = {"docker.io", "index.docker.io", "registry-1.docker.io"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strlen(names[i]) == size && strncasecmp(names[i], host, size) == 0)
			return true;
	}
	return false;
}

static bool is_same_host(const char *key, size_t size, const char *host)
{
	if (is_hub(key, size))
		return is_hub(host, strlen(host));
	return strlen(host) == size && strncasecmp(key, host, size) == 0;
}

/*
 * How well a key ("host", "https://host/v1/", "host/namespace[/model]") fits: 0 is not at all, and of several the
 * longest counts. What follows the host of an URL says nothing.
 */
static size_t fit(const char *key, const char *host, const char *repository)
{
	const char *scheme = strstr(key, "://"), *start = scheme ? scheme + 3 : key;
	const size_t host_size = strcspn(start, "/");
	const char *path = start + host_size + (start[host_size] == '/');
	size_t size = strlen(path);

	while (size > 0 && path[size - 1] == '/')
		size--;
	if (!is_same_host(start, host_size, host))
		return 0;
	if (scheme || size == 0)
		return 1;
	if (strncmp(repository, path, size) != 0 || (repository[size] != '\0' && repository[size] != '/'))
		return 0;
	return 1 + size;
}

static const json_t *best_of(const json_t *object, const char *host, const char *repository)
{
	const json_t *best = NULL, *value;
	const char *key;
	size_t most = 0;

	json_object_foreach((json_t *)object, key, value)
	{
		const size_t here = fit(key, host, repository);

		if (here > most) {
			most = here;
			best = value;
		}
	}
	return best;
}

/* "user:password" in base64. Returns 1, 0 if there is nothing in it, or -1 if it is none. */
static int take_pair(const char *text, struct ncm_login *login)
{
	size_t size;
	char *pair = ncm_base64_decode(text, strlen(text), &size);
	char *colon = pair && strlen(pair) == size ? strchr(pair, ':') : NULL;
	int found = colon ? 0 : -1;

	if (colon && colon[1]) {
		login->user = ncm_strndup(pair, (size_t)(colon - pair));
		login->secret = ncm_strdup(colon + 1);
		found = 1;
	}
	ncm_wipe(pair);
	return found;
}

static int take_entry(const struct file *file, const json_t *entry, struct ncm_login *login, struct ncm_error *err)
{
	const char *token = ncm_json_string(entry, "identitytoken");
	const char *pair = ncm_json_string(entry, "auth");
	const char *user = ncm_json_string(entry, "username"), *password = ncm_json_string(entry, "password");
	int found = 0;

	if (token && *token) {
		login->secret = ncm_strdup(token);
		found = 1;
	} else if (pair && *pair) {
		found = take_pair(pair, login);
	} else if (user && password && *password) {
		login->user = ncm_strdup(user);
		login->secret = ncm_strdup(password);
		found = 1;
	}
	if (found > 0)
		login->from = ncm_strdup(file->path);
	if (found >= 0)
		return found;
	ncm_error_set(err, NCM_E_MANIFEST, "the sign-in in %s is not \"user:password\" in base64", file->path);
	return ncm_error_hint(err, "sign in again, with `docker login` or `podman login`");
}

/* A helper of this one registry, else the store of all of them. */
static int ask_programs(struct ncm_logins *logins, const struct file *file, const char *host, struct ncm_login *login,
			struct ncm_error *err)
{
	const json_t *of_host = best_of(json_object_get(file->root, "credHelpers"), host, "");
	const char *name = json_string_value(of_host);

	if (!name)
		name = ncm_json_string(file->root, "credsStore");
	if (!name || !*name)
		return 0;
	return helper_ask(logins, name, is_hub(host, strlen(host)) ? hub : host, file->path, file->owner, login, err);
}

int docker_config_find(struct ncm_logins *logins, const char *path, const char *host, const char *repository,
		       struct ncm_login *login, struct ncm_error *err)
{
	struct file file;
	const json_t *entry;
	int found = read_file(path, &file, err);

	if (found <= 0)
		return found;
	found = ask_programs(logins, &file, host, login, err);
	entry = found == 0 ? best_of(json_object_get(file.root, "auths"), host, repository) : NULL;
	if (entry)
		found = take_entry(&file, entry, login, err);
	json_decref(file.root);
	return found;
}
