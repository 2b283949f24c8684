/* SPDX-License-Identifier: MIT */
/* Which files of a whole repository are wanted, as a part of its URI. */
#include "source/hf_name.h"

#include "base/mem.h"
#include "base/strings.h"

#include <string.h>
#include <strings.h>

int hf_choose(const char *canonical, const struct ncm_strings *include, const struct ncm_strings *exclude, char **uri,
	      struct ncm_error *err)
{
	struct hf_name name = {0};
	int failed = hf_name_parse(canonical, &name, err);

	if (!failed && (name.path || name.tag || name.has_sha256)) {
		failed = ncm_error_set(err, NCM_E_USAGE,
				       "%.*s: --include and --exclude choose among the files of a whole "
				       "repository",
				       ncm_source_shown(canonical), canonical);
		ncm_error_hint(err, "write hf:%s --include 'FOLDER/*'", name.repo);
	}
	if (!failed) {
		ncm_source_add_choice(include, &name.include);
		ncm_source_add_choice(exclude, &name.exclude);
		*uri = hf_name_spell(&name, NULL);
	}
	hf_name_clear(&name);
	return failed;
}

bool hf_recall(const char *canonical, const char *known, char **uri)
{
	struct hf_name name = {0}, before = {0};
	bool recalls = hf_name_parse(canonical, &name, NULL) == 0 && hf_name_parse(known, &before, NULL) == 0 &&
		       !name.path && !name.tag && name.include.count + name.exclude.count == 0 && !before.path &&
		       before.include.count + before.exclude.count > 0 && strcasecmp(name.repo, before.repo) == 0;

	if (recalls) {
		ncm_strings_add_all(&name.include, &before.include);
		ncm_strings_add_all(&name.exclude, &before.exclude);
		*uri = hf_name_spell(&name, NULL);
	}
	hf_name_clear(&name);
	hf_name_clear(&before);
	return recalls;
}
