/* SPDX-License-Identifier: MIT */
#include "requirements.h"

#include "ui/text.h"

#include <ncmodel/text.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_LINE = 256, MOST_LINES = 100 };

/* A link could lead anywhere; what was unpacked has none. */
static void print_file(const char *path)
{
	FILE *in = fopen(path, "re");
	char line[LONGEST_LINE];
	AUTO_FREE char *safe = text_safe_path(path);

	if (!in)
		return;
	printf("What it needs of Python, which is yours to install (%s):\n", safe);
	for (size_t i = 0; i < MOST_LINES && fgets(line, sizeof line, in); i++) {
		AUTO_FREE char *shown = NULL;

		line[strcspn(line, "\r\n")] = '\0';
		shown = text_safe(line);
		if (*shown)
			printf("  %s\n", shown);
	}
	fclose(in);
}

static void print_model(const struct ncm_plan *plan, const struct ncm_model *model)
{
	for (size_t i = 0; i < plan->count; i++) {
		for (size_t k = 0; plan->models[i].model == model && k < plan->models[i].file_count; k++) {
			AUTO_FREE char *path = text_format(
			    "%s/requirements.txt", plan->models[i].files[k].path ? plan->models[i].files[k].path : "");

			print_file(path);
		}
	}
}

void requirements_print(const struct ncm_plan *plan, const struct ncm_result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		if (result->models[i].outcome == NCM_OUTCOME_PULLED &&
		    strcmp(result->models[i].model->kind, "custom-node") == 0)
			print_model(plan, result->models[i].model);
	}
}
