/* SPDX-License-Identifier: MIT */
/* A workflow's files as a manifest. */
#include "author/author.h"

#include "base/mem.h"

static void leave_out(struct author *author, const struct ncm_workflow_rest *rest)
{
	const struct ncm_workflow_model *model = rest->model;
	NCM_AUTO_FREE char *what =
	    ncm_asprintf("%s%s%s", model->folder ? model->folder : "", model->folder ? "/" : "", model->name);

	if (rest->why)
		author_leave_out(author, 0, what, "%s", rest->why);
	else if (model->noted)
		author_leave_out(author, 0, what,
				 "the workflow has no source for it; a note in it has %s, which nobody checked",
				 model->noted);
	else
		author_leave_out(author, 0, what, "the workflow has no source for it");
}

static void take(struct author *author, const struct ncm_workflow_choice *choice)
{
	for (size_t i = 0; i < choice->count; i++)
		author_take(author, choice->models[i], 0, choice->models[i]->id);
	for (size_t i = 0; i < choice->rest_count; i++)
		leave_out(author, &choice->rest[i]);
}

struct ncm_draft *ncm_draft_workflow(const struct ncm_config *config, const struct ncm_workflow *workflow,
				     struct ncm_catalog *catalog, const struct ncm_draft_options *options,
				     struct ncm_error *err)
{
	struct author author;
	struct ncm_workflow_choice choice = {0};
	struct ncm_catalog *own = catalog ? NULL : ncm_calloc(1, sizeof *own);
	struct ncm_draft *draft = NULL;

	if (author_start(&author, config, options, err) == 0) {
		if (ncm_workflow_choose(config, workflow, options->to, options->custom_nodes, catalog ? catalog : own,
					&choice, err) < 0) {
			draft = author_drop(&author);
		} else {
			take(&author, &choice);
			draft = author_finish(&author, "Imported",
					      "What a ComfyUI workflow asks for. What has no digest yet is pinned by "
					      "`ncmodel lock`.",
					      err);
		}
	}
	ncm_workflow_choice_free(&choice);
	ncm_catalog_free(own);
	return draft;
}
