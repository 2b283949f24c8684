/* SPDX-License-Identifier: MIT */
/* Models on a disk. */
#include "inspect/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "source/source.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

int inspect_local(struct ncm_inspection *inspection, const char *path, const char *role, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ);
	struct ncm_inspected_file *file;
	struct os_stat status;
	struct ncm_bytes bytes;

	if (fd < 0 && errno == ENOENT) {
		file = inspection_add(inspection, path, role);
		file->state = NCM_INSPECTED_MISSING;
		file->fault = ncm_strdup("it is not there");
		return 0;
	}
	if (fd < 0 || os_fstat(fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot read %s", path);
	if (status.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_POLICY, "%s is not a file", path);
	inspection_add(inspection, path, role);
	bytes = ncm_bytes_of_file(&fd, status.size);
	return inspect_read(inspection, &bytes, err) < 0 ? ncm_error_wrap(err, "%s", path) : 0;
}

/* Its names as paths. False, with errno: it cannot be listed. */
static bool list_folder(const char *folder, struct ncm_strings *names)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, folder, OS_READ | OS_FOLDER);
	struct os_list *list = fd >= 0 ? os_list(fd) : NULL;
	const char *name;

	if (!list)
		return false;
	while (names->count < NCM_LIMIT_FILES && (name = os_list_next(list)))
		ncm_strings_take(names, ncm_path_join(folder, name));
	os_list_end(list);
	return true;
}

static json_t *read_json(const char *path)
{
	return path ? ncm_json_read(path, NCM_E_OTHER, NULL) : NULL;
}

static int read_parts(struct ncm_inspection *inspection, struct parts *parts, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *config = read_json(parts->config), *index = read_json(parts->index);

	if (index)
		parts_index(parts, index);
	for (size_t i = 0; i < parts->names.count; i++) {
		if (ncm_interrupted())
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
		if (inspect_local(inspection, parts->names.items[i], NULL, err) < 0)
			return -1;
	}
	if (parts->projector && inspect_local(inspection, parts->projector, "projector", err) < 0)
		return -1;
	if (config)
		inspect_config(inspection, config);
	return 0;
}

static int choose(const char *path, bool is_folder, bool other_parts, struct parts *parts, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = is_folder ? ncm_strdup(path) : ncm_path_folder(path);
	struct ncm_strings names = {0};
	bool found = true;

	if ((is_folder || other_parts) && !list_folder(folder, &names) && is_folder)
		return ncm_error_errno(err, errno, "cannot read the folder %s", path);
	if (is_folder)
		found = parts_choose(&names, parts);
	else if (other_parts)
		parts_of(path, &names, parts);
	else
		ncm_strings_add(&parts->names, path);
	ncm_strings_free(&names);
	if (found)
		return 0;
	ncm_error_set(err, NCM_E_NOT_FOUND, "%s holds no model file", path);
	return ncm_error_hint(err, "name the file, or a folder that has one in it");
}

static bool is_model(const struct ncm_inspection *inspection)
{
	return inspection->file_count > 0 && inspection->files[0].format;
}

static int refuse_other(const struct ncm_inspection *inspection, struct ncm_error *err)
{
	const struct ncm_inspected_file *file = &inspection->files[0];

	return ncm_error_set(err, NCM_E_POLICY, "%s is no model file that ncmodel knows%s", file->name,
			     file->size == 0 ? ": it is empty" : "");
}

static int refuse_absent(const char *path, struct ncm_error *err)
{
	NCM_AUTO_FREE char *beginnings = ncm_source_beginnings(0);

	ncm_error_set(err, NCM_E_NOT_FOUND, "%s is not there", path);
	return ncm_error_hint(err, "name a file or a folder that is there, or a source; sources begin with %s",
			      beginnings);
}

struct ncm_inspection *ncm_inspect_file(const char *path, const struct ncm_inspect_options *options,
					struct ncm_error *err)
{
	struct ncm_inspection *inspection = inspection_new(ncm_path_absolute(path));
	struct parts parts = {0};
	struct os_stat status;
	int failed;

	if (os_stat(OS_HERE, path, &status) < 0)
		failed =
		    errno == ENOENT ? refuse_absent(path, err) : ncm_error_errno(err, errno, "cannot look at %s", path);
	else
		failed = choose(inspection->location, status.kind == OS_IS_FOLDER, !options || options->other_parts,
				&parts, err);
	if (!failed)
		failed = read_parts(inspection, &parts, err);
	if (!failed && !is_model(inspection))
		failed = refuse_other(inspection, err);
	parts_clear(&parts);
	if (failed) {
		ncm_inspection_free(inspection);
		return NULL;
	}
	inspect_finish(inspection);
	return inspection;
}
