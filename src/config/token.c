/* SPDX-License-Identifier: MIT */
/*
 * Tokens, in the order of each service's own tools: the environment, then the file that they keep one in. Messages name
 * the place of a token, never its value.
 */
#include "config/parts.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/secrets.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

static const char trimmed[] = " \t\r\n";

/* Takes the token in `text` (changed in place). Leaves *token alone if there is none. */
static int take_token(char *text, const char *where, char **token, struct ncm_error *err)
{
	size_t size;

	text += strspn(text, trimmed);
	size = strlen(text);
	while (size > 0 && strchr(trimmed, text[size - 1]))
		size--;
	if (size > NCM_LIMIT_TOKEN_BYTES)
		return ncm_error_set(err, NCM_E_USAGE, "the token in %s is longer than %u bytes", where,
				     NCM_LIMIT_TOKEN_BYTES);
	for (size_t i = 0; i < size; i++) {
		if (text[i] <= ' ' || text[i] >= 0x7f) {
			ncm_error_set(err, NCM_E_USAGE,
				      "the token in %s holds a space, a control or a foreign character", where);
			return ncm_error_hint(err, "set it again: the token alone, on one line");
		}
	}
	if (size > 0)
		*token = ncm_strndup(text, size);
	return 0;
}

static int take_variables(const char *const *name, struct ncm_endpoint *endpoint, struct ncm_error *err)
{
	for (; *name && !endpoint->token; name++) {
		const char *value = config_env(*name);
		char *copy;
		int failed;

		if (!value)
			continue;
		copy = ncm_strdup(value);
		failed = take_token(copy, *name, &endpoint->token, err);
		ncm_wipe(copy);
		if (failed)
			return -1;
		endpoint->token_from = endpoint->token ? *name : NULL;
	}
	return 0;
}

/* A file, and where else its token could be. */
struct token_file {
	char *path;
	const char *variable;
};

static int refuse_file(const struct token_file *file, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "refused the token file %s: %s", file->path, why);
	return ncm_error_hint(err, "put the token into a file of your own with mode 0600, or into %s", file->variable);
}

static int open_token_file(const struct token_file *file, struct os_stat *status, struct ncm_error *err)
{
	int fd = os_open(OS_HERE, file->path, OS_READ | OS_NO_LINK);
	const char *why = NULL;

	if (fd < 0 && errno == ELOOP)
		return refuse_file(file, "it is a link", err);
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot read the token file %s", file->path);
	if (os_fstat(fd, status) < 0 || status->kind != OS_IS_FILE)
		why = "it is not a regular file";
	else if (!os_is_mine(status) && status->owner != 0 && !os_is_root())
		why = "it belongs to somebody else";
	else if (status->size > NCM_LIMIT_TOKEN_BYTES)
		why = "it is too large for a token";
	if (!why)
		return fd;
	os_close(fd);
	return refuse_file(file, why, err);
}

/* Root gives a service its token by the group: nobody reads it who was not meant to. */
static bool is_exposed(const struct os_stat *status)
{
	return (status->mode & (status->owner == 0 && !os_is_root() ? 007 : 077)) != 0;
}

static int take_file(const struct token_file *file, struct ncm_endpoint *endpoint, struct ncm_error *err)
{
	char text[NCM_LIMIT_TOKEN_BYTES + 1];
	NCM_AUTO_FREE char *where = ncm_asprintf("the file %s", file->path);
	NCM_AUTO_CLOSE int fd = -1;
	struct os_stat status;
	ssize_t got;
	int failed;

	if (os_access(OS_HERE, file->path, 0) < 0 && errno == ENOENT)
		return 0;
	fd = open_token_file(file, &status, err);
	if (fd < 0)
		return -1;
	got = ncm_pread_all(fd, text, sizeof text - 1, 0);
	if (got < 0)
		return ncm_error_errno(err, errno, "cannot read the token file %s", file->path);
	text[got] = '\0';
	failed = take_token(text, where, &endpoint->token, err);
	os_wipe(text, sizeof text);
	if (!failed && endpoint->token)
		endpoint->token_exposed = is_exposed(&status);
	return failed;
}

static int find_token(struct ncm_endpoint *endpoint, struct ncm_error *err)
{
	const struct config_service *service = endpoint->settings;
	const char *called = NULL;
	NCM_AUTO_FREE char *path = NULL;

	if (!service->token_variables || (service->no_token_variable && config_is_on(service->no_token_variable)))
		return 0;
	if (take_variables(service->token_variables, endpoint, err) < 0)
		return -1;
	if (service->others_if && config_is_on(service->others_if) &&
	    take_variables(service->others_token_variables, endpoint, err) < 0)
		return -1;
	if (endpoint->token || !service->token_file)
		return 0;
	path = service->token_file(&called);
	if (take_file(&(const struct token_file){path, service->token_variables[0]}, endpoint, err) < 0)
		return -1;
	endpoint->token_from = endpoint->token ? called : NULL;
	return 0;
}

static void note_variables(const struct config_service *service)
{
	for (const char *const *name = service->token_variables; name && *name; name++)
		ncm_secret_note_variable(*name);
}

int config_find_tokens(struct ncm_config *config, struct ncm_error *err)
{
	for (size_t i = 0; i < config->endpoint_count; i++) {
		note_variables(config->endpoints[i].settings);
		if (find_token(&config->endpoints[i], err) < 0)
			return -1;
		ncm_secret_note(config->endpoints[i].token);
	}
	return 0;
}
