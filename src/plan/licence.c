/* SPDX-License-Identifier: MIT */
/* Models whose licences do not fit what they are wanted for. What a licence allows, the manifests say. */
#include "plan/plan.h"

#include "base/strings.h"

#include <string.h>

static const struct {
	const char *name, *classes;
	bool with_conditions;
} policies[] = {
    {"free", "free", false},
    {"commercial", "free,free-with-conditions", true},
};

/* Not known is no yes, and neither is a policy that nobody knows. */
static bool allows(const char *policy, const char *class, const char **classes)
{
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		if (strcmp(policies[i].name, policy) != 0)
			continue;
		*classes = policies[i].classes;
		return strcmp(class, "free") == 0 ||
		       (policies[i].with_conditions && strcmp(class, "free-with-conditions") == 0);
	}
	*classes = "free";
	return false;
}

static void refuse(struct run *run, struct chosen_model *chosen, const char *class, const char *classes)
{
	const struct ncm_model *model = chosen->model;
	const char *policy = run->options.license_policy;

	chosen->variants_are_no_help = true;
	for (size_t i = 0; i < chosen->file_count; i++) {
		struct ncm_error *why = &run->wanted[chosen->first_wanted + i].error;

		if (strcmp(class, "unknown") == 0)
			ncm_error_set(why, NCM_E_POLICY,
				      "%s: what its licence allows is not known, and the licence policy is %s",
				      model->id, policy);
		else
			ncm_error_set(why, NCM_E_POLICY, "%s: its licence%s%s%s is %s, and the licence policy is %s",
				      model->id, model->license ? " (" : "", model->license ? model->license : "",
				      model->license ? ")" : "", class, policy);
		ncm_error_hint(why,
			       "--license %s chooses what fits; if this one does for you all the same, leave out "
			       "--license-policy for it",
			       classes);
	}
}

void plan_refuse_licences(struct run *run)
{
	for (size_t i = 0; run->options.license_policy && i < run->model_count; i++) {
		const char *class = ncm_model_license_class(run->models[i].model);
		const char *classes;

		if (!allows(run->options.license_policy, class, &classes))
			refuse(run, &run->models[i], class, classes);
	}
}
