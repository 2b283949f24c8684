/* SPDX-License-Identifier: MIT */
/* Which generation of Ollama has worked in its stores. */
#include "doctor/doctor.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/kind.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_V2 = 40 }; /* 0.40 */

static bool is_older_than_v2(const char *version)
{
	unsigned major, minor;

	return version && sscanf(version, "%u.%u", &major, &minor) == 2 && major == 0 && minor < FIRST_V2;
}

static void look_at_generation(struct examination *exam, const struct ncm_store_info *store, const char *version)
{
	NCM_AUTO_FREE char *path = ncm_path_join(store->path, "manifests-v2");
	struct os_stat status;
	const bool is_v2 = os_stat(OS_HERE, path, &status) == 0;

	if (!is_v2) {
		doctor_find(exam, NCM_FINDING_GOOD, store->id, "its manifests are where every Ollama reads them");
	} else if (is_older_than_v2(version)) {
		doctor_find(exam, NCM_FINDING_NOTE, store->id,
			    "Ollama 0.40 or newer has worked in it; the one that runs (%s) does not see what was made "
			    "there since",
			    version);
		doctor_remedy(exam, "if it has this store: update it to 0.40 or newer");
	} else {
		doctor_find(exam, NCM_FINDING_GOOD, store->id,
			    "Ollama 0.40 or newer has worked in it (it has manifests-v2)");
	}
}

void doctor_ollama(struct examination *exam)
{
	for (size_t i = 0; exam->stores && i < exam->stores->count; i++) {
		if (exam->stores->stores[i].there && ncm_store_kind_named(exam->stores->stores[i].kind)->takes_tags)
			look_at_generation(exam, &exam->stores->stores[i], exam->ollama_version);
	}
}
