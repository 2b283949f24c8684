/* SPDX-License-Identifier: MIT */
/* Which application reads which folder, and whether it is told of the others'. */
#include "doctor/doctor.h"

#include <ncmodel/configure.h>

static void tell_folder(struct examination *exam, const struct ncm_store_info *store)
{
	const bool told = store->told_by && store->why != NCM_PLACED_BY_CONFIGURATION;

	doctor_find(exam, NCM_FINDING_GOOD, store->id, "reads %s (%s%s%s)", store->path, ncm_store_why_name(store->why),
		    told ? " " : "", told ? store->told_by : "");
	if (store->settings_unread) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, store->id, "its own settings were not read: %s",
			    store->settings_unread);
		doctor_remedy(exam, "mend them or let this user read them: they may name folders elsewhere");
	}
}

static size_t count_untold(const struct ncm_configure_report *report)
{
	size_t untold = 0;

	for (size_t i = 0; i < report->setting_count; i++)
		untold += report->settings[i].state == NCM_SETTING_ADDED;
	return untold;
}

/* An application that cannot be told is a matter of `link --configure`, which says why. */
static void tell_links(struct examination *exam, const char *application)
{
	const struct ncm_configure_options options = {.application = application, .dry_run = true};
	struct ncm_configure_report *report = ncm_configure(exam->config, &options, exam->sink, NULL);
	const size_t untold = report ? count_untold(report) : 0;

	if (untold > 0) {
		doctor_find(exam, NCM_FINDING_NOTE, application, "it is not told of %zu folder%s of other stores",
			    untold, untold == 1 ? "" : "s");
		doctor_remedy(exam, "ncmodel link --configure %s --dry-run", application);
	}
	ncm_configure_free(report);
}

void doctor_applications(struct examination *exam)
{
	for (size_t i = 0; exam->stores && i < exam->stores->count; i++) {
		if (exam->stores->stores[i].there)
			tell_folder(exam, &exam->stores->stores[i]);
	}
	for (const char *const *name = ncm_configure_applications(); exam->stores && *name; name++) {
		if (doctor_has_store(exam, *name))
			tell_links(exam, *name);
	}
}
