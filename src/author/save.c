/* SPDX-License-Identifier: MIT */
/* A draft becomes a file: where the user says, or as a phase of a profile of the user's own. */
#include "author/author.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/load.h"
#include "os/os.h"

#include <string.h>

int ncm_draft_save(const struct ncm_draft *draft, const char *path, struct ncm_error *err)
{
	return ncm_save(path, false, draft->text, strlen(draft->text), err);
}

/* A profile is the first folder of its name: a new one would hide it. */
static int refuse_hiding(const struct ncm_config *config, const struct ncm_draft *draft, const char *folder,
			 struct ncm_error *err)
{
	struct ncm_strings files = {0};
	int result = 0;

	if (manifest_profile_files(config, draft->profile, &files, NULL) == 0 &&
	    strncmp(files.items[0], folder, strlen(folder)) != 0) {
		ncm_error_set(err, NCM_E_POLICY, "there is a profile \"%s\" already, which this one would hide: %s",
			      draft->profile, files.items[0]);
		result = ncm_error_hint(err, "choose another name");
	}
	ncm_strings_free(&files);
	return result;
}

int ncm_draft_save_profile(const struct ncm_config *config, const struct ncm_draft *draft, char **path,
			   struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = NULL;
	NCM_AUTO_FREE char *file = NULL;

	if (config->manifest_dir_count == 0)
		return ncm_error_set(err, NCM_E_USAGE, "there is no folder for profiles of your own");
	folder = ncm_asprintf("%s/%s/", config->manifest_dirs[0], draft->profile);
	file = ncm_asprintf("%sphase-%u-%s.json", folder, draft->phase, manifest_priority(draft->phase));
	if (os_access(OS_HERE, file, 0) == 0) {
		ncm_error_set(err, NCM_E_POLICY, "%s is there already, and stays as it is", file);
		return ncm_error_hint(err, "choose another name or phase, or move the file away");
	}
	if (refuse_hiding(config, draft, folder, err) < 0 || manifest_check_text(NULL, file, draft->text, err) < 0 ||
	    ncm_save(file, true, draft->text, strlen(draft->text), err) < 0)
		return -1;
	*path = file;
	file = NULL;
	return 0;
}
