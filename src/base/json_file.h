/* SPDX-License-Identifier: MIT */
/* JSON files that people write by hand, read by a form: whoever repairs one sees all its faults in one go. */
#ifndef NCM_BASE_JSON_FILE_H
#define NCM_BASE_JSON_FILE_H

#include "base/json_table.h"

/*
 * Reads a file of at most NCM_LIMIT_MANIFEST_BYTES. Faults are one error of class `fault`, a line each: "FILE:LINE:
 * PATH: reason". `place` is filled as far as it goes. -1 with errno ENOENT and class IO if the file is not there.
 */
int ncm_json_read_file(const char *path, const struct ncm_json_form *form, void *place, void *context,
		       enum ncm_errc fault, struct ncm_error *err);
/* The same of its text, which a NUL follows. */
int ncm_json_read_file_text(const char *path, const char *text, size_t size, const struct ncm_json_form *form,
			    void *place, void *context, enum ncm_errc fault, struct ncm_error *err);
/* The text of such a file, for the caller to free. NULL as above. */
char *ncm_json_file_text(const char *path, size_t *size, enum ncm_errc fault, struct ncm_error *err);
/* Whether a text's "schema_version" is an integer above `known`: a newer format may mean anything. */
bool ncm_json_is_newer(const char *text, size_t size, int64_t known, int64_t *version);

#endif
