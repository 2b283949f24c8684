/* SPDX-License-Identifier: MIT */
/*
 * Tokens, in the order of each service's own tools (huggingface_hub: environment, then the token file; Civitai's
 * clients: the environment). Messages name the place of a token, never its value.
 */
#include "config/parts.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/secret_values.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

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

static int take_variables(const char *const *names, size_t count, char **token, const char **from,
			  struct ncm_error *err)
{
	for (size_t i = 0; i < count && !*token; i++) {
		const char *value = config_env(names[i]);
		char *copy;
		int failed;

		if (!value)
			continue;
		copy = ncm_strdup(value);
		failed = take_token(copy, names[i], token, err);
		ncm_wipe(copy);
		if (failed)
			return -1;
		*from = names[i];
	}
	if (!*token)
		*from = NULL;
	return 0;
}

static int refuse_file(const char *path, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "refused the token file %s: %s", path, why);
	return ncm_error_hint(err, "put the token into a file of your own with mode 0600, or into HF_TOKEN");
}

static int open_token_file(const char *path, struct os_stat *status, struct ncm_error *err)
{
	int fd = os_open(OS_HERE, path, OS_READ | OS_NO_LINK);
	const char *why = NULL;

	if (fd < 0 && errno == ELOOP)
		return refuse_file(path, "it is a link", err);
	if (fd < 0)
		return ncm_error_errno(err, errno, "cannot read the token file %s", path);
	if (os_fstat(fd, status) < 0 || status->kind != OS_IS_FILE)
		why = "it is not a regular file";
	else if (!os_is_mine(status) && status->owner != 0 && !os_is_root())
		why = "it belongs to somebody else";
	else if (status->size > NCM_LIMIT_TOKEN_BYTES)
		why = "it is too large for a token";
	if (!why)
		return fd;
	os_close(fd);
	return refuse_file(path, why, err);
}

static int take_file(const char *path, struct ncm_config *config, struct ncm_error *err)
{
	char text[NCM_LIMIT_TOKEN_BYTES + 1];
	NCM_AUTO_FREE char *where = ncm_asprintf("the file %s", path);
	NCM_AUTO_CLOSE int fd = -1;
	struct os_stat status;
	ssize_t got;
	int failed;

	if (os_access(OS_HERE, path, 0) < 0 && errno == ENOENT)
		return 0;
	fd = open_token_file(path, &status, err);
	if (fd < 0)
		return -1;
	got = ncm_pread_all(fd, text, sizeof text - 1, 0);
	if (got < 0)
		return ncm_error_errno(err, errno, "cannot read the token file %s", path);
	text[got] = '\0';
	failed = take_token(text, where, &config->hf_token, err);
	os_wipe(text, sizeof text);
	if (!failed && config->hf_token)
		config->hf_token_exposed = (status.mode & 077) != 0;
	return failed;
}

static bool is_true(const char *value)
{
	return value && (strcmp(value, "1") == 0 || strcasecmp(value, "on") == 0 || strcasecmp(value, "yes") == 0 ||
			 strcasecmp(value, "true") == 0);
}

static int find_hf(struct ncm_config *config, struct ncm_error *err)
{
	static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
	const char *named = config_env("HF_TOKEN_PATH");
	const char *hf_home = config_env("HF_HOME");
	NCM_AUTO_FREE char *cache = NULL;
	NCM_AUTO_FREE char *home = NULL;
	NCM_AUTO_FREE char *file = NULL;

	if (is_true(config_env("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
		return 0;
	if (take_variables(names, 2, &config->hf_token, &config->hf_token_from, err) < 0)
		return -1;
	if (config->hf_token)
		return 0;
	if (named) {
		file = config_path(NULL, named);
	} else {
		cache = config_xdg("XDG_CACHE_HOME", ".cache");
		home = hf_home ? config_path(NULL, hf_home) : ncm_path_join(cache, "huggingface");
		file = ncm_path_join(home, "token");
	}
	if (take_file(file, config, err) < 0)
		return -1;
	if (config->hf_token)
		config->hf_token_from = named ? "HF_TOKEN_PATH" : "the token file of the hf command";
	return 0;
}

int config_find_tokens(struct ncm_config *config, struct ncm_error *err)
{
	static const char *const names[] = {"CIVITAI_TOKEN", "CIVITAI_API_TOKEN", "CIVITAI_API_KEY"};

	if (find_hf(config, err) < 0 ||
	    take_variables(names, 3, &config->civitai_token, &config->civitai_token_from, err) < 0)
		return -1;
	ncm_secret_note(config->hf_token);
	ncm_secret_note(config->civitai_token);
	return 0;
}
