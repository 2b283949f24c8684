/* SPDX-License-Identifier: MIT */
#include "given.h"

#include <ncmodel/console.h>
#include <string.h>

/* What is there is the business of whoever opens it: only a clear mistake is told here. */
static enum ncm_console_kind look(const char *path)
{
	/* A home folder is put in for "~" later. */
	return *path == '~' ? NCM_CONSOLE_UNKNOWN : ncm_console_kind_of(path);
}

static int no_folder(const char *option, const char *path, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%s: %s is a file, not a folder", option, path);
	return ncm_error_hint(err, "name a folder");
}

static int no_file(const char *option, const char *path, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%s: %s is a folder, not a file", option, path);
	return ncm_error_hint(err, "name a file in it");
}

static int absent(const char *option, const char *path, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%s: there is no file \"%s\"", option, path);
	return ncm_error_hint(err, "check its spelling; a relative path begins at the current folder");
}

int given_file(const char *what, const char *path, struct ncm_error *err)
{
	const enum ncm_console_kind found = look(path);

	if (found == NCM_CONSOLE_ABSENT)
		return absent(what, path, err);
	return found == NCM_CONSOLE_FOLDER ? no_file(what, path, err) : 0;
}

/* One that may be made, or is missed elsewhere. */
int given_output(const char *option, const char *path, struct ncm_error *err)
{
	return path && look(path) == NCM_CONSOLE_FOLDER ? no_file(option, path, err) : 0;
}

static int folder_if_any(const char *option, const char *path, struct ncm_error *err)
{
	return path && look(path) == NCM_CONSOLE_FILE ? no_folder(option, path, err) : 0;
}

static int check_lists(const struct settings *settings, struct ncm_error *err)
{
	for (size_t i = 0; i < settings->manifest_files.count; i++) {
		if (given_file("--manifest", settings->manifest_files.items[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < settings->manifest_dirs.count; i++) {
		if (folder_if_any("--manifest-dir", settings->manifest_dirs.items[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < settings->store_paths.count; i++) {
		const char *equals = strchr(settings->store_paths.items[i], '=');

		if (equals && folder_if_any("--store-path", equals + 1, err) < 0)
			return -1;
	}
	return 0;
}

int given_check(const struct settings *settings, struct ncm_error *err)
{
	const bool has_layout_path = settings->layout && strchr(settings->layout, '/');

	if (folder_if_any("--root", settings->root, err) < 0 || given_output("--config", settings->config, err) < 0 ||
	    given_output("--lock", settings->lock, err) < 0 ||
	    given_output("--layout", has_layout_path ? settings->layout : NULL, err) < 0 ||
	    (settings->cacert && given_file("--cacert", settings->cacert, err) < 0))
		return -1;
	return check_lists(settings, err);
}
