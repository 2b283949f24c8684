/* SPDX-License-Identifier: MIT */
/*
 * All faults of one JSON file that people write by hand (configuration, layout), each with its line: whoever repairs
 * the file sees them in one go.
 */
#ifndef NCM_CONFIG_FAULTS_H
#define NCM_CONFIG_FAULTS_H

#include "base/buffer.h"
#include "base/json.h"

#include <stddef.h>

struct ncm_faults {
	const char *file;
	char *text; /* of the whole file */
	size_t size;
	struct ncm_buffer lines;
};

/*
 * Reads and parses `file`, which is borrowed until ncm_faults_end. NULL with errno (ENOENT if it is not there) and an
 * error of class MANIFEST or IO. New reference.
 */
json_t *ncm_faults_read(struct ncm_faults *faults, const char *file, struct ncm_error *err);
/* Adds "FILE:LINE: PATH: reason". `path` is a JSON path as ncm_json_line takes it. */
void ncm_fault(struct ncm_faults *faults, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds the fault of an unknown key, with the nearest of `known` (ended by NULL) if one is near. */
void ncm_fault_unknown(struct ncm_faults *faults, const char *path, const char *key, const char *const *known);
/* Frees what *faults holds. Returns 0, or -1 with all faults as one error of class MANIFEST. */
int ncm_faults_end(struct ncm_faults *faults, struct ncm_error *err);

#endif
