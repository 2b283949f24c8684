/* SPDX-License-Identifier: MIT */
#include "config/faults.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

json_t *ncm_faults_read(struct ncm_faults *faults, const char *file, struct ncm_error *err)
{
	*faults = (struct ncm_faults){.file = file};
	faults->text = ncm_read_file(file, NCM_LIMIT_MANIFEST_BYTES, &faults->size);
	if (!faults->text) {
		int saved = errno;

		if (saved == EFBIG)
			ncm_error_set(err, NCM_E_MANIFEST, "%s: larger than %u bytes", file, NCM_LIMIT_MANIFEST_BYTES);
		else
			ncm_error_errno(err, saved, "cannot read %s", file);
		errno = saved;
		return NULL;
	}
	errno = 0;
	return ncm_json_parse(faults->text, faults->size, file, NCM_E_MANIFEST, err);
}

void ncm_fault(struct ncm_faults *faults, const char *path, const char *format, ...)
{
	size_t line = ncm_json_line(faults->text, faults->size, path);
	NCM_AUTO_FREE char *reason = NULL;
	va_list args;

	va_start(args, format);
	reason = ncm_vasprintf(format, args);
	va_end(args);
	if (faults->lines.size > 0)
		ncm_buffer_puts(&faults->lines, "\n");
	if (line > 0)
		ncm_buffer_printf(&faults->lines, "%s:%zu: %s: %s", faults->file, line, path, reason);
	else
		ncm_buffer_printf(&faults->lines, "%s: %s: %s", faults->file, path, reason);
}

void ncm_fault_unknown(struct ncm_faults *faults, const char *path, const char *key, const char *const *known)
{
	struct ncm_nearest nearest = {.to = key};
	const char *meant;

	for (; *known; known++)
		ncm_nearest_offer(&nearest, *known);
	meant = ncm_nearest_close(&nearest);
	if (meant)
		ncm_fault(faults, path, "unknown key; did you mean \"%s\"?", meant);
	else
		ncm_fault(faults, path, "unknown key");
}

int ncm_faults_end(struct ncm_faults *faults, struct ncm_error *err)
{
	int failed = faults->lines.size > 0 ? -1 : 0;

	if (failed)
		ncm_error_set(err, NCM_E_MANIFEST, "%s", faults->lines.data);
	free(faults->text);
	ncm_buffer_free(&faults->lines);
	*faults = (struct ncm_faults){0};
	return failed;
}
