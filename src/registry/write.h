/* SPDX-License-Identifier: MIT */
/* Changing models.json: under an advisory lock, re-read and merged inside it, replaced atomically. */
#ifndef NCM_REGISTRY_WRITE_H
#define NCM_REGISTRY_WRITE_H

#include <ncmodel/registry.h>

/*
 * Adds each model or replaces the one of its id, in one replacement of the file; keys of the old entry that we do not
 * know stay. Of a model these count: everything but path/abs pairs (files[].abs is given, files[].path is made from
 * it), file_path (made from the file that a runtime opens, registry_main_file), installed_at (kept from the old entry
 * if its files are the same, else now). Without verified_at the entry counts as verified now, unless the old one was so
 * and its files are the same: who puts a model has hashed its files. Unknown use cases are moved to tags, defaults of
 * the readers' contract are filled in. A file that ncmodel wrote (origin fetched or linked) has a digest: without,
 * class REGISTRY and nothing is written.
 */
int ncm_registry_put_all(const char *path, const struct ncm_reg_model *models, size_t count, struct ncm_error *err);
/*
 * What was pulled: adds each model to its entry, so that models.json forgets nothing. Files are united by path (a new
 * one wins at its path, the others stay as they were, not verified again), and so are profiles; use cases, tags and
 * capabilities are replaced if all of the old profiles ask for the model again, else united. The rest of the entry
 * describes what was pulled last, unless that was a source spelled out (no profiles): it adds to what was said of the
 * model, and if it is but one file of what the entry came from, it leaves where the entry is from. The size is that of
 * all files.
 */
struct registry_addition {
	const struct ncm_reg_model *model;
	const char *alias;          /* another id to know it by (registry_alias_for), or NULL */
	struct ncm_strings renewed; /* absolute: folders that were unpacked anew, and files that got another name: no
				       old file is left there */
};
int ncm_registry_add_all(const char *path, const struct registry_addition *additions, size_t count,
			 struct ncm_error *err);
/* Records a verify result (RFC 3339 UTC now) for the models of these ids: results[i] is "ok", "damaged", "missing". */
int ncm_registry_mark(const char *path, const char *const *ids, const char *const *results, size_t count,
		      struct ncm_error *err);
/* Records what stat says now of files whose bytes were proved right (abs, mtime_ns), in one replacement of models.json:
 * so that the next pull need not hash them. */
struct ncm_reg_touch {
	const char *id;
	const char *abs;
	int64_t mtime_ns;
};
int ncm_registry_touch_all(const char *path, const struct ncm_reg_touch *touches, size_t count, struct ncm_error *err);
/* Takes the entries of these ids out; one that is not there is fine. Files are not touched. */
int ncm_registry_remove(const char *path, const char *const *ids, size_t count, struct ncm_error *err);
/* Reads a registry at a path. */
struct ncm_registry *ncm_registry_read(const char *path, struct ncm_error *err);
/* Whether models.json is still what this registry was read from. False also if that cannot be told. */
bool ncm_registry_is_current(const struct ncm_registry *registry);

#endif
