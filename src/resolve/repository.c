/* SPDX-License-Identifier: MIT */
/*
 * The files of a whole repository have a folder of their own: that which the target names, or one of the repository's
 * name. Earlier versions put them into the target's folder itself; what is registered there stays there.
 */
#include "resolve/content.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/name.h"

#include <string.h>

/* What a manifest chose one file of has the target's name, as any one file. */
static bool is_one_file(const struct wanted *wanted)
{
	return wanted->spec->extract || (wanted->resolution->count == 1 && wanted->spec->include.count > 0);
}

static char *name_in_folder(const struct wanted *wanted, size_t target, const struct ncm_artifact *artifact)
{
	const char *given = wanted->spec->to[target].name;
	NCM_AUTO_FREE char *portable = artifact->name ? ncm_path_portable(artifact->name, artifact->has_twin) : NULL;
	NCM_AUTO_FREE char *repository = ncm_source_repository(wanted->resolution->uri);

	if (!repository || is_one_file(wanted) || !artifact->name)
		return NULL;
	return ncm_path_join(given ? given : repository, portable ? portable : artifact->name);
}

static bool is_registered(const struct run *run, const struct ncm_reg_model *known, struct ncm_store *store,
			  const char *folder, const char *name)
{
	NCM_AUTO_FREE char *relative = ncm_layout_path(run->layout, &store, folder, name, NULL);
	NCM_AUTO_FREE char *path = relative ? ncm_path_join(store->path, relative) : NULL;

	for (size_t i = 0; path && i < known->file_count; i++) {
		if (strcmp(known->files[i].abs, path) == 0)
			return true;
	}
	return false;
}

/* Where more of its files are registered: a repository may have a folder of its own name. */
static bool lies_flat(const struct run *run, const struct wanted *wanted, size_t target, struct ncm_store *store)
{
	const struct ncm_reg_model *known = run->models[wanted->model].known;
	const struct ncm_target *to = &wanted->spec->to[target];
	size_t flat = 0, own = 0;

	for (size_t i = 0; known && i < wanted->resolution->count; i++) {
		const struct ncm_artifact *artifact = &wanted->resolution->artifacts[i];
		NCM_AUTO_FREE char *before = target_name(wanted->spec, to, wanted->resolution, artifact);
		NCM_AUTO_FREE char *now = name_in_folder(wanted, target, artifact);

		flat += is_registered(run, known, store, to->folder, before);
		own += now && is_registered(run, known, store, to->folder, now);
	}
	return flat > own;
}

char *repository_name(const struct run *run, struct wanted *wanted, size_t target, struct ncm_store *store,
		      const struct ncm_artifact *artifact)
{
	char *name = name_in_folder(wanted, target, artifact);
	enum repository_form *form;

	if (!name)
		return NULL;
	if (!wanted->forms)
		wanted->forms = ncm_calloc(wanted->spec->to_count, sizeof *wanted->forms);
	form = &wanted->forms[target];
	if (*form == REPOSITORY_UNKNOWN)
		*form = lies_flat(run, wanted, target, store) ? REPOSITORY_FLAT : REPOSITORY_OWN;
	if (*form == REPOSITORY_OWN)
		return name;
	free(name);
	return NULL;
}
