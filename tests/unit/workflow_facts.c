/* SPDX-License-Identifier: MIT */
/* Prints what the library reads from workflows, a line of JSON for each file: for
 * tests/integration/test_workflow_forms.py. */
#include "base/json.h"

#include <ncmodel/ncmodel.h>
#include <stdio.h>

static json_t *describe_model(const struct ncm_workflow_model *model)
{
	char hex[NCM_SHA256_HEX + 1];
	json_t *object = json_object();

	ncm_json_set_string(object, "folder", model->folder);
	ncm_json_set_string(object, "name", model->name);
	ncm_json_set_string(object, "url", model->url);
	ncm_json_set_string(object, "noted", model->noted);
	ncm_json_set_string(object, "node", model->node);
	ncm_json_set_string(object, "sha256", model->has_sha256 ? ncm_sha256_hex(&model->sha256, hex) : NULL);
	return object;
}

static json_t *describe_pack(const struct ncm_workflow_pack *pack)
{
	json_t *object = json_object();

	ncm_json_set_string(object, "id", pack->id);
	ncm_json_set_string(object, "version", pack->version);
	ncm_json_set_string(object, "repository", pack->repository);
	ncm_json_set_string(object, "source", pack->source);
	return object;
}

static json_t *describe(const struct ncm_workflow *workflow)
{
	json_t *models = json_array(), *packs = json_array();

	for (size_t i = 0; i < workflow->count; i++)
		json_array_append_new(models, describe_model(&workflow->models[i]));
	for (size_t i = 0; i < workflow->pack_count; i++)
		json_array_append_new(packs, describe_pack(&workflow->packs[i]));
	return json_pack("{s:o,s:o}", "models", models, "packs", packs);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct ncm_error error = NCM_ERROR_INIT;
		struct ncm_workflow *workflow = ncm_workflow_read(argv[i], &error);
		json_t *object = workflow ? describe(workflow) : json_pack("{s:s}", "error", error.message);

		json_object_set_new(object, "is", json_boolean(ncm_workflow_is_in(argv[i])));
		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(object);
		ncm_workflow_free(workflow);
		ncm_error_clear(&error);
	}
	return 0;
}
