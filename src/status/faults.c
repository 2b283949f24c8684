/* SPDX-License-Identifier: MIT */
#include "status/status.h"

#include "base/mem.h"
#include "registry/model.h"

#include <string.h>

/* What models.json has of a verify is one of these words; the struct's are static. */
static const char *verdict_of(const char *word)
{
	for (int verdict = NCM_VERDICT_MISSING; verdict <= NCM_VERDICT_UNREADABLE; verdict++) {
		if (strcmp(ncm_verdict_name((enum ncm_verdict)verdict), word) == 0)
			return ncm_verdict_name((enum ncm_verdict)verdict);
	}
	return ncm_verdict_name(NCM_VERDICT_DAMAGED);
}

static void add_seen(struct ncm_status *status, const struct ncm_verify_file *file)
{
	*NCM_PUSH(status->faults, status->fault_count) = (struct ncm_status_fault){
	    .model = ncm_strdup(file->model->id),
	    .path = ncm_strdup(file->file->abs),
	    .what = ncm_verdict_name(file->verdict),
	    .seen = true,
	    .detail = ncm_strdup_null(file->detail),
	};
}

bool status_is_damaged(const struct ncm_status *status, const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < status->fault_count; i++) {
		if (strcmp(status->faults[i].model, model->id) == 0)
			return true;
	}
	return false;
}

/* A verify's word counts where this look sees nothing. */
static void add_told(struct ncm_status *status, const struct ncm_reg_model *model)
{
	if (!registry_was_found_wrong(model) || status_is_damaged(status, model))
		return;
	*NCM_PUSH(status->faults, status->fault_count) = (struct ncm_status_fault){
	    .model = ncm_strdup(model->id),
	    .what = verdict_of(model->verify_result),
	    .detail = model->verified_at ? ncm_asprintf("the verify of %s found it so", model->verified_at) : NULL,
	};
}

void status_add_faults(struct ncm_status *status, const struct ncm_verify_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->files[i].verdict != NCM_VERDICT_OK)
			add_seen(status, &report->files[i]);
	}
	for (size_t i = 0; i < report->registry->count; i++)
		add_told(status, &report->registry->models[i]);
}
