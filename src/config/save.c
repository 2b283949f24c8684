/* SPDX-License-Identifier: MIT */
#include "config/save.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

/* People keep their configuration elsewhere, and a link here; it may not be there just now. */
static char *real_file(const char *file, struct ncm_error *err)
{
	char *real = os_real_path(file);
	struct os_stat status;

	if (real)
		return real;
	if (os_lstat(OS_HERE, file, &status) < 0 || status.kind != OS_IS_LINK)
		return ncm_strdup(file);
	ncm_error_errno(err, errno, "cannot write to what the link %s leads to", file);
	return NULL;
}

static int write_file(const char *file, const json_t *value, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(file);
	NCM_AUTO_FREE char *text = ncm_json_dump(value);
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(folder, true, err);

	if (dirfd < 0)
		return -1;
	if (ncm_write_atomic(dirfd, ncm_path_base(file), text, strlen(text), NCM_OWN_FILE, err) < 0)
		return ncm_error_wrap(err, "%s", file);
	return 0;
}

static int save(const char *file, const char *store, const char *path, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	NCM_AUTO_JSON json_t *value = ncm_json_read(file, NCM_E_MANIFEST, &why);
	const bool missing = !value && errno == ENOENT;
	json_t *stores;

	if (!value && !missing)
		return ncm_error_move(err, &why);
	ncm_error_clear(&why);
	if (missing)
		value = json_object();
	stores = json_object_get(value, "stores");
	if (!json_is_object(stores)) {
		stores = json_object();
		json_object_set_new(value, "stores", stores);
	}
	ncm_json_set_string(stores, store, path);
	return write_file(file, value, err);
}

int ncm_config_save_store(const char *given, const char *store, const char *path, struct ncm_error *err)
{
	NCM_AUTO_FREE char *file = real_file(given, err);

	return file ? save(file, store, path, err) : -1;
}
