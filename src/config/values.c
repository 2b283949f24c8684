/* SPDX-License-Identifier: MIT */
#include "config/parts.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

const char *config_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

bool config_is_on(const char *name)
{
	const char *value = config_env(name);

	return value && (strcmp(value, "1") == 0 || strcasecmp(value, "on") == 0 || strcasecmp(value, "yes") == 0 ||
			 strcasecmp(value, "true") == 0);
}

char *config_home(void)
{
	const char *home = config_env("HOME");
	char own[4096];

	if (home && ncm_path_is_absolute(home))
		return ncm_path_absolute(home);
	if (os_own_home(own, sizeof own) && ncm_path_is_absolute(own))
		return ncm_path_absolute(own);
	return ncm_strdup("/");
}

char *config_xdg(const char *variable, const char *fallback)
{
	const char *value = config_env(variable);
	NCM_AUTO_FREE char *home = NULL;

	/* The base directory specification: a relative path there is invalid and is to be ignored. */
	if (value && ncm_path_is_absolute(value))
		return ncm_strdup(value);
	home = config_home();
	return ncm_path_join(home, fallback);
}

char *config_path(const char *base, const char *path)
{
	NCM_AUTO_FREE char *home = NULL;
	NCM_AUTO_FREE char *joined = NULL;

	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
		home = config_home();
		joined = ncm_asprintf("%s%s", home, path + 1);
	} else {
		joined = ncm_path_join(base, path);
	}
	return ncm_path_absolute(joined);
}

char *config_layout(const char *base, const char *layout)
{
	if (!strchr(layout, '/') && !ncm_path_has_suffix(layout, ".json"))
		return ncm_strdup(layout);
	return config_path(base, layout);
}

static bool is_host(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr(".-_:[]", text[i]))
			return false; /* '@' among them: no user, no password */
	}
	return size > 0;
}

char *config_endpoint(const char *url)
{
	size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
	size_t size = strlen(url);

	if (scheme == 0 || !is_host(url + scheme, strcspn(url + scheme, "/")))
		return NULL;
	for (size_t i = 0; i < size; i++) {
		if (url[i] <= ' ' || url[i] >= 0x7f || strchr("?#\\\"<>", url[i]))
			return NULL;
	}
	while (url[size - 1] == '/')
		size--;
	return ncm_strndup(url, size);
}

bool config_unsigned(const char *text, unsigned least, unsigned most, unsigned *value)
{
	size_t size = strspn(text, "0123456789");
	unsigned long number;

	if (size == 0 || size > 9 || text[size] != '\0')
		return false;
	number = strtoul(text, NULL, 10);
	if (number < least || number > most)
		return false;
	*value = (unsigned)number;
	return true;
}

void config_put_store(struct ncm_config *config, const char *store, char *path_to_keep, enum ncm_said_by by)
{
	struct ncm_store_override *override = NULL;

	for (size_t i = 0; i < config->store_count; i++) {
		if (strcmp(config->stores[i].store, store) == 0)
			override = &config->stores[i];
	}
	if (!override) {
		override = NCM_PUSH(config->stores, config->store_count);
		override->store = ncm_strdup(store);
	}
	free(override->path);
	override->path = path_to_keep;
	override->by = by;
}
