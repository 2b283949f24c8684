/* SPDX-License-Identifier: MIT */
#include "base/json_file.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { FAULTS_TOLD = 50 };

struct faults {
	const char *file;
	const char *text;
	struct ncm_buffer lines;
	size_t count;
};

static void add_fault(void *context, const char *place, const char *path, const char *reason)
{
	struct faults *faults = context;
	size_t line = 1;

	if (faults->count++ >= FAULTS_TOLD)
		return;
	for (const char *at = faults->text; at < place; at++)
		line += *at == '\n';
	ncm_buffer_printf(&faults->lines, "%s%s:%zu: %s: %s", faults->lines.size > 0 ? "\n" : "", faults->file, line,
			  path, reason);
}

char *ncm_json_file_text(const char *path, size_t *size, enum ncm_errc fault, struct ncm_error *err)
{
	char *text = ncm_read_file(path, NCM_LIMIT_MANIFEST_BYTES, size);
	const int saved = errno;

	if (text)
		return text;
	if (saved == EFBIG)
		ncm_error_set(err, fault, "%s: larger than %u bytes", path, NCM_LIMIT_MANIFEST_BYTES);
	else
		ncm_error_errno(err, saved, "cannot read %s", path);
	errno = saved;
	return NULL;
}

int ncm_json_read_file_text(const char *path, const char *text, size_t size, const struct ncm_json_form *form,
			    void *place, void *context, enum ncm_errc fault, struct ncm_error *err)
{
	struct faults faults = {.file = path, .text = text};

	if (ncm_json_check(text, size, path, fault, err) < 0)
		return -1;
	if (ncm_json_read_text(text, size, form, place, context, add_fault, &faults))
		return 0;
	if (faults.count > FAULTS_TOLD)
		ncm_buffer_printf(&faults.lines, "\nand %zu more", faults.count - FAULTS_TOLD);
	ncm_error_set(err, fault, "%s", faults.lines.data);
	ncm_buffer_free(&faults.lines);
	return -1;
}

int ncm_json_read_file(const char *path, const struct ncm_json_form *form, void *place, void *context,
		       enum ncm_errc fault, struct ncm_error *err)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = ncm_json_file_text(path, &size, fault, err);
	int failed;

	if (!text)
		return -1;
	failed = ncm_json_read_file_text(path, text, size, form, place, context, fault, err);
	errno = 0;
	return failed;
}

bool ncm_json_is_newer(const char *text, size_t size, int64_t known, int64_t *version)
{
	struct ncm_json_scan *scan = ncm_json_scan_new(text, size);
	struct ncm_json_part key, value = {0};
	bool found = false;

	(void)(ncm_json_scan_next(scan) == NCM_JSON_OBJECT && ncm_json_scan_enter(scan));
	while (!found && ncm_json_scan_key(scan, &key) && ncm_json_scan_value(scan, &value))
		found = ncm_json_part_is(&key, "schema_version") && value.kind == NCM_JSON_INTEGER;
	if (found)
		*version = ncm_json_part_integer(&value);
	ncm_json_scan_free(scan);
	return found && *version > known;
}
