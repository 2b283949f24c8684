/* SPDX-License-Identifier: MIT */
/* Packs of custom nodes: where the archive of the very version is that a workflow was made with. */
#include "workflow/workflow.h"

#include "base/mem.h"
#include "manifest/spelled.h"
#include "source/shared.h"

#include <string.h>

/* "OWNER/NAME" of what GitHub takes for names. */
static bool is_repository(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const size_t owner = strspn(text, letters), name = text[owner] == '/' ? strspn(text + owner + 1, letters) : 0;

	return owner > 0 && name > 0 && text[owner + 1 + name] == '\0' && text[owner + 1] != '.' && *text != '.';
}

char *workflow_pack_source(const struct ncm_workflow_pack *pack)
{
	NCM_AUTO_FREE char *registered = NULL;

	if (!pack->version)
		return NULL;
	if (pack->repository && is_repository(pack->repository) && ncm_source_is_commit(pack->version))
		return ncm_asprintf("https://github.com/%s/archive/%s.zip", pack->repository, pack->version);
	if (!pack->id || *pack->version < '0' || *pack->version > '9' || ncm_source_is_commit(pack->version))
		return NULL;
	registered = ncm_asprintf("%s%s@%s", ncm_source_comfy.begins, pack->id, pack->version);
	if (ncm_source_check(registered, false, NULL, NULL) < 0)
		return NULL;
	return ncm_strdup(registered);
}

char *workflow_pack_folder(const struct ncm_workflow_pack *pack)
{
	return ncm_strdup(pack->id ? pack->id : strchr(pack->repository, '/') + 1);
}

/* What GitHub makes lies in a folder of its own; the registry's archives have none. */
void workflow_describe_pack(const struct ncm_workflow_pack *pack, struct ncm_model *model)
{
	struct ncm_file_spec *spec = &model->files[0];

	free(model->kind);
	free(model->format);
	free(spec->role);
	model->kind = ncm_strdup("custom-node");
	model->format = ncm_strdup("archive");
	spec->role = ncm_strdup("code");
	spec->extract = true;
	spec->strip = ncm_source_is_address(pack->source) ? 1 : 0;
}
