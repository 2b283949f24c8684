/* SPDX-License-Identifier: MIT */
#include "store/extra_paths.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/environment.h"
#include "os/os.h"
#include "store/parts.h"
#include "yaml/yaml.h"

#include <errno.h>
#include <string.h>

enum { MOST_BYTES = 1 << 20 };

/* "$NAME" or "${NAME}": its length, and the name. What is no variable has length 0. */
static size_t variable_at(const char *text, char **name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	const size_t braced = text[1] == '{' ? strcspn(text + 2, "}") : 0;
	const size_t bare = strspn(text + 1, letters);

	*name = NULL;
	if (braced > 0 && text[2 + braced] == '}') {
		*name = ncm_strndup(text + 2, braced);
		return braced + 3;
	}
	if (bare > 0)
		*name = ncm_strndup(text + 1, bare);
	return bare > 0 ? bare + 1 : 0;
}

/* As os.path.expandvars: what is not set stays as it is. */
static char *expand_variables(const char *text)
{
	struct ncm_buffer out = {0};

	while (*text) {
		NCM_AUTO_FREE char *name = NULL;
		const size_t size = *text == '$' ? variable_at(text, &name) : 0;
		const char *value = name ? getenv(name) : NULL;

		if (value)
			ncm_buffer_printf(&out, "%s", value);
		else
			ncm_buffer_add(&out, text, size ? size : 1);
		text += size ? size : 1;
	}
	return ncm_buffer_take(&out);
}

static char *expand(const char *text)
{
	NCM_AUTO_FREE char *home = text[0] == '~' && (text[1] == '/' || text[1] == '\0') ? config_home() : NULL;
	NCM_AUTO_FREE char *path = home ? ncm_asprintf("%s%s", home, text + 1) : ncm_strdup(text);

	return expand_variables(path);
}

/* base_path, absolute; or the file's own folder. */
static char *base_of(const json_t *section, const char *folder)
{
	const char *text = ncm_json_string(section, "base_path");
	NCM_AUTO_FREE char *expanded = text ? expand(text) : NULL;
	NCM_AUTO_FREE char *joined = ncm_path_join(folder, expanded ? expanded : "");

	return ncm_path_absolute(joined);
}

void store_each_extra_path(const json_t *settings, const char *folder,
			   void (*each)(void *context, const char *key, const char *path, bool is_default),
			   void *context)
{
	const char *name, *key;
	const json_t *section, *value;

	json_object_foreach((json_t *)settings, name, section)
	{
		NCM_AUTO_FREE char *base = base_of(section, folder);

		json_object_foreach((json_t *)section, key, value)
		{
			NCM_AUTO_FREE char *lines = ncm_strdup(json_is_string(value) ? json_string_value(value) : "");
			char *rest = lines;
			const char *line;

			if (strcmp(key, "base_path") == 0 || strcmp(key, "is_default") == 0)
				continue;
			while ((line = strsep(&rest, "\n"))) {
				NCM_AUTO_FREE char *joined = ncm_path_join(base, line);
				NCM_AUTO_FREE char *path = ncm_path_absolute(joined);

				if (*line)
					each(context, key, path, ncm_json_bool(section, "is_default"));
			}
		}
	}
}

struct adding {
	const struct ncm_config *config;
	struct ncm_layout *layout;
	const char *store, *file;
};

/* ComfyUI's older names of two of its folders. */
static const char *today(const char *key)
{
	return strcmp(key, "unet") == 0 ? "diffusion_models" : strcmp(key, "clip") == 0 ? "text_encoders" : key;
}

static bool is_name(const char *key)
{
	return *key && key[strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

static bool is_folder(const char *path)
{
	struct os_stat status;

	return os_stat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_FOLDER;
}

static void add(void *context, const char *key, const char *path, bool is_default)
{
	const struct adding *adding = context;
	NCM_AUTO_FREE char *within = ncm_path_join(path, "x");
	const struct store_part part = {
	    .store = adding->store,
	    .folder = today(key),
	    .path = path,
	    .is_first = is_default,
	    .why = NCM_PLACED_BY_APPLICATION,
	    .told_by = adding->file,
	};

	if (is_name(key) && path[1] != '\0' &&
	    (is_default || (is_folder(path) && ncm_layout_store_of(adding->layout, within, NULL) == NCM_NO_STORE)))
		store_add_part(adding->config, adding->layout, &part);
}

/* Whose word it is. */
static const char *distrust(int fd)
{
	struct os_stat status;

	if (os_fstat(fd, &status) < 0 || status.kind != OS_IS_FILE)
		return "not a file";
	if (status.owner != 0 && !os_is_mine(&status))
		return "another user's";
	return status.mode & OS_ALL_WRITE ? "everybody may write it" : NULL;
}

/* Whoever made the last link chose the file. */
static bool is_others_link(const char *file)
{
	struct os_stat status;

	return os_lstat(OS_HERE, file, &status) == 0 && status.kind == OS_IS_LINK && status.owner != 0 &&
	       !os_is_mine(&status);
}

static json_t *read_settings(const char *file, char **unread)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, file, OS_READ);
	const char *why = fd < 0 ? NULL : is_others_link(file) ? "another user's link" : distrust(fd);
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *text = NULL;
	json_t *settings = NULL;
	size_t size;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return NULL;
	text = fd < 0 || why ? NULL : ncm_read_fd(fd, MOST_BYTES, &size);
	if (text)
		settings = ncm_yaml_parse(text, size, file, &err);
	if (!settings)
		*unread =
		    why || !text ? ncm_asprintf("%s: %s", file, why ? why : strerror(errno)) : ncm_strdup(err.message);
	ncm_error_clear(&err);
	return settings;
}

void store_read_extra_paths(const struct ncm_config *config, struct ncm_layout *layout, size_t store, const char *name)
{
	NCM_AUTO_FREE char *id = ncm_strdup(layout->stores[store].id);
	NCM_AUTO_FREE char *folder = ncm_strdup(layout->stores[store].path);
	NCM_AUTO_FREE char *file = ncm_path_join(folder, name);
	NCM_AUTO_JSON json_t *settings = read_settings(file, &layout->stores[store].unread);

	store_each_extra_path(settings, folder, add, &(struct adding){config, layout, id, file});
}
