/* SPDX-License-Identifier: MIT */
/* Whether the gated models of the profile are handed out to us. */
#include "doctor/doctor.h"

#include "base/mem.h"

static void ask(struct examination *exam, const struct ncm_model *model, const struct ncm_file_spec *spec)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *found = ncm_source_resolve(exam->sources, spec->from.items[0], spec, NULL, &why);

	const int access =
	    found && found->count > 0 ? ncm_source_ask_access(exam->sources, found, &found->artifacts[0], &why) : -1;

	if (access == 0) {
		doctor_find(exam, NCM_FINDING_GOOD, model->id, "its source hands it out");
	} else if (access > 0) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, model->id, "whether its source hands it out could not be told");
		doctor_remedy(exam, "`ncmodel plan %s` asks again, and a pull begins with that, too", model->id);
	} else if (why.code != NCM_OK) {
		doctor_find_error(exam, model->id, &why);
	} else {
		doctor_find(exam, NCM_FINDING_UNKNOWN, model->id, "its source has no file of it");
		doctor_remedy(exam, "look at what its manifest names: `ncmodel show %s`", model->id);
	}
	if (found)
		ncm_resolution_free(found);
}

void doctor_gates(struct examination *exam)
{
	for (size_t i = 0; exam->catalog && i < exam->catalog->count; i++) {
		const struct ncm_model *model = &exam->catalog->models[i];

		if (!model->gated || model->file_count == 0)
			continue;
		if (exam->offline)
			doctor_find_unasked(exam, model->id, "whether it is handed out");
		else
			ask(exam, model, &model->files[0]);
	}
}
