/* SPDX-License-Identifier: MIT */
/* What other tools put beside a model that goes: named, and left there unless the user wants it gone, too. */
#include "upkeep/upkeep.h"

#include "base/mem.h"
#include "base/path.h"
#include "format/format.h"
#include "os/os.h"
#include "registry/model.h"

#include <string.h>

/* As sidecar.c of the survey has them, with the pictures and texts that applications show. */
static const char *const endings[] = {
    ".civitai.info", ".metadata.json", ".cm-info.json", ".api_info.json", ".json",        ".sha256",
    ".preview.png",  ".preview.jpg",   ".preview.jpeg", ".preview.webp",  ".preview.gif", ".preview.mp4",
    ".png",          ".jpg",           ".jpeg",         ".webp",          ".txt",         ".description.txt",
};

static bool is_there(const char *path)
{
	struct os_stat status;

	return os_lstat(OS_HERE, path, &status) == 0;
}

/* They may be another's, too, that has the same name but for the ending. */
static bool has_namesake(const char *stem, const char *path)
{
	for (const char *const *ending = ncm_format_endings; *ending; ending++) {
		NCM_AUTO_FREE char *other = ncm_asprintf("%s%s", stem, *ending);

		if (strcmp(other, path) != 0 && is_there(other))
			return true;
	}
	return false;
}

/* Registered by this name, or by another that leads there through a link to a folder. */
static bool is_own(const struct ncm_reg_model *model, const char *path)
{
	struct os_stat status, own;

	if (registry_file_at(model, path))
		return true;
	if (os_lstat(OS_HERE, path, &status) < 0 || status.links > 1 || status.inode == 0)
		return false;
	for (size_t i = 0; i < model->file_count; i++) {
		if (os_lstat(OS_HERE, model->files[i].abs, &own) == 0 && own.device == status.device &&
		    own.inode == status.inode)
			return true;
	}
	return false;
}

void upkeep_consider_beside(struct upkeep *upkeep, const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	const size_t store = upkeep_store_of(upkeep, file->abs, file->store);
	const char *dot = strrchr(ncm_path_base(file->abs), '.');
	NCM_AUTO_FREE char *stem = dot ? ncm_strndup(file->abs, (size_t)(dot - file->abs)) : NULL;

	if (!stem || store == NOWHERE || upkeep->layout->stores[store].kind->place || !file->role ||
	    strcmp(file->role, "weights") != 0 || has_namesake(stem, file->abs))
		return;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		NCM_AUTO_FREE char *path = ncm_asprintf("%s%s", stem, endings[i]);

		if (is_own(model, path) || !is_there(path))
			continue;
		upkeep_consider(upkeep,
				&(struct candidate){
				    .kind = NCM_REMOVAL_FILE,
				    .path = path,
				    .store = file->store,
				    .model = model->id,
				    .foreign = true,
				    .lost = true,
				    .keep = upkeep->request.sidecars
						? NULL
						: "stays: ncmodel did not put it there; --sidecars takes it, too",
				});
	}
}
