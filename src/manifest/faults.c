/* SPDX-License-Identifier: MIT */
/* Faults are gathered, so that whoever writes a manifest sees all of them at once. */
#include "manifest/load.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"

#include <ncmodel/text.h>
#include <string.h>

enum { SHOWN_BYTES = 600 };

/* The bytes before the value at a JSON path in a valid text, or before the nearest thing that holds it (for a key that
 * is missing, or has a point in its name); *line is its line, at least 1. */
static size_t nearest_json(const char *text, size_t size, const char *path, size_t *line)
{
	NCM_AUTO_FREE char *shorter = ncm_strdup(path);
	const char *found;

	while (!(found = ncm_json_find(text, size, shorter)) && *shorter) {
		char *end = shorter + strlen(shorter);

		while (end > shorter && *end != '.' && *end != '[')
			end--;
		*end = '\0';
	}
	*line = 1;
	for (const char *at = text; found && at < found; at++)
		*line += *at == '\n';
	return found ? (size_t)(found - text) : 0;
}

/* Fills in where in its file a fault is. */
static void find_place(const struct manifest_file *file, const char *path, struct manifest_fault *fault)
{
	fault->line = 1;
	fault->offset = file->is_json ? nearest_json(file->text, file->size, path, &fault->line) : 0;
}

char *manifest_place(const struct manifest_file *file, const char *path)
{
	struct manifest_fault here;

	find_place(file, path, &here);
	return ncm_asprintf("%s:%zu", file->path, here.line);
}

/* The fault to fill in, or NULL: enough are told. */
static struct manifest_fault *new_fault(struct manifest_set *set, size_t file, const char *path, const char *reason)
{
	NCM_AUTO_FREE char *text = NULL;
	struct manifest_fault *fault;

	if (set->files[file].context || set->fault_count++ >= MANIFEST_FAULTS_TOLD)
		return NULL;
	text = ncm_asprintf("%s: %s", path, reason);
	fault = &set->faults[set->fault_count - 1];
	/* A line break in a key would make one fault look like two. */
	*fault = (struct manifest_fault){.file = file, .text = ncm_escape(text, SHOWN_BYTES)};
	return fault;
}

void manifest_fault(struct manifest_set *set, size_t file, const char *path, const char *format, ...)
{
	NCM_AUTO_FREE char *reason = NULL;
	struct manifest_fault *fault;
	va_list args;

	va_start(args, format);
	reason = ncm_vasprintf(format, args);
	va_end(args);
	fault = new_fault(set, file, path, reason);
	if (fault)
		find_place(&set->files[file], path, fault);
}

void manifest_fault_at(struct manifest_set *set, size_t file, const char *place, const char *path, const char *reason)
{
	struct manifest_fault *fault = new_fault(set, file, path, reason);
	const char *text = set->files[file].text;

	if (!fault)
		return;
	fault->offset = (size_t)(place - text);
	fault->line = 1;
	for (; text < place; text++)
		fault->line += *text == '\n';
}

void manifest_json_fault(struct manifest_set *set, size_t file, const char *message)
{
	NCM_AUTO_FREE char *text = NULL;
	char *rest;
	unsigned long line = strtoul(*message == ':' ? message + 1 : message, &rest, 10);

	if (set->files[file].context || set->fault_count++ >= MANIFEST_FAULTS_TOLD)
		return;
	text = ncm_asprintf("$: %s", rest + strspn(rest, ": "));
	set->faults[set->fault_count - 1] =
	    (struct manifest_fault){.file = file, .line = line ? line : 1, .text = ncm_escape(text, SHOWN_BYTES)};
}

static int compare_faults(const void *a, const void *b)
{
	const struct manifest_fault *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return strcmp(x->text, y->text);
}

int manifest_tell_faults(const struct manifest_set *set, struct ncm_error *err)
{
	const size_t told = set->fault_count < MANIFEST_FAULTS_TOLD ? set->fault_count : MANIFEST_FAULTS_TOLD;
	struct manifest_fault sorted[MANIFEST_FAULTS_TOLD];
	struct ncm_buffer message = {0};

	if (set->fault_count == 0)
		return 0;
	memcpy(sorted, set->faults, told * sizeof *sorted);
	qsort(sorted, told, sizeof *sorted, compare_faults);
	for (size_t i = 0; i < told; i++) {
		ncm_buffer_printf(&message, "%s%s:%zu: %s", i > 0 ? "\n" : "", set->files[sorted[i].file].path,
				  sorted[i].line, sorted[i].text);
	}
	if (told < set->fault_count)
		ncm_buffer_printf(&message, "\nand %zu more", set->fault_count - told);
	ncm_error_set(err, NCM_E_MANIFEST, "%s", message.data);
	ncm_buffer_free(&message);
	return -1;
}
