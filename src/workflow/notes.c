/* SPDX-License-Identifier: MIT */
/* What is found on a walk through a graph, and what a workflow is made of in the end. */
#include "workflow/workflow.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/name.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

struct workflow_notes *workflow_notes_new(void)
{
	struct workflow_notes *notes = ncm_calloc(1, sizeof *notes);

	notes->workflow = ncm_calloc(1, sizeof *notes->workflow);
	notes->asked = json_object();
	notes->offers[0] = json_object();
	notes->offers[1] = json_object();
	notes->named = json_object();
	notes->told = json_object();
	notes->packs = json_object();
	return notes;
}

void workflow_notes_free(struct workflow_notes *notes)
{
	json_decref(notes->asked);
	json_decref(notes->offers[0]);
	json_decref(notes->offers[1]);
	json_decref(notes->named);
	json_decref(notes->told);
	json_decref(notes->packs);
	ncm_workflow_free(notes->workflow);
	free(notes);
}

char *workflow_plain_name(const char *name)
{
	char *plain = ncm_strdup(name);

	for (char *at = plain; *at; at++)
		*at = *at == '\\' ? '/' : *at;
	return plain;
}

/* Folder and name as one text; NULL stands for any folder. The caller frees it. */
static char *key_of(const char *folder, const char *name)
{
	return ncm_asprintf("%s\n%s", folder ? folder : "", name);
}

int workflow_ask(struct workflow_notes *notes, const char *folder, const char *name, const char *node,
		 struct ncm_error *err)
{
	struct ncm_workflow *workflow = notes->workflow;
	NCM_AUTO_FREE char *plain = workflow_plain_name(name);
	NCM_AUTO_FREE char *key = key_of(folder, plain);
	struct ncm_workflow_model *model;

	if (json_object_get(notes->asked, key))
		return 0;
	if (workflow->count >= NCM_LIMIT_WORKFLOW_MODELS)
		return ncm_error_set(err, NCM_E_MANIFEST, "it asks for more than %u files", NCM_LIMIT_WORKFLOW_MODELS);
	json_object_set_new(notes->asked, key, json_true());
	workflow_note_name(notes, plain);
	model = NCM_PUSH(workflow->models, workflow->count);
	model->folder = ncm_strdup_null(folder);
	model->name = ncm_strdup(plain);
	model->node = ncm_strdup_null(node);
	return 0;
}

/* The first one of a key stays. */
static void keep(json_t *map, const char *folder, const char *name, const json_t *value)
{
	NCM_AUTO_FREE char *key = key_of(folder, name);

	if (!json_object_get(map, key))
		json_object_set(map, key, (json_t *)value);
}

void workflow_offer_model(struct workflow_notes *notes, const json_t *entry, bool active)
{
	const char *folder = ncm_json_string(entry, "directory");
	const char *name = ncm_json_string(entry, "name");
	json_t *offers = notes->offers[active ? 0 : 1];
	NCM_AUTO_FREE char *plain = name ? workflow_plain_name(name) : NULL;
	NCM_AUTO_FREE char *moved = plain ? ncm_asprintf("*/%s", ncm_path_base(plain)) : NULL;

	if (!plain || json_object_size(offers) >= 3 * NCM_LIMIT_WORKFLOW_MODELS)
		return;
	keep(offers, folder, plain, entry);
	keep(offers, NULL, plain, entry);
	keep(offers, folder, moved, entry); /* a file of that folder may have been put into a sub-folder */
}

void workflow_note_name(struct workflow_notes *notes, const char *name)
{
	NCM_AUTO_FREE char *plain = workflow_plain_name(name);

	json_object_set_new(notes->named, plain, json_true());
}

bool workflow_has_name(const struct workflow_notes *notes, const char *name)
{
	NCM_AUTO_FREE char *plain = workflow_plain_name(name);

	return json_object_get(notes->named, plain) != NULL;
}

/* Addresses in a text for people, by the last part of their path. */
void workflow_note_prose(struct workflow_notes *notes, const char *text)
{
	enum { MOST = 1000, LONGEST = 2048 };

	for (const char *at = text; (at = strstr(at, "http")) && json_object_size(notes->told) < MOST;) {
		const size_t size = strcspn(at, " \t\r\n\"'<>()[]`|");
		NCM_AUTO_FREE char *url = ncm_strndup(at, size);
		NCM_AUTO_FREE char *path = ncm_strndup(url, strcspn(url, "?#"));
		const char *base = ncm_path_base(path);

		if (size < LONGEST && workflow_is_model_name(base) && !json_object_get(notes->told, base))
			ncm_json_set_string(notes->told, base, url);
		at += size;
	}
}

void workflow_note_pack(struct workflow_notes *notes, const json_t *properties)
{
	enum { MOST = 1000 };
	const char *id = ncm_json_string(properties, "cnr_id"), *repository = ncm_json_string(properties, "aux_id");
	const char *version = ncm_json_string(properties, "ver");
	NCM_AUTO_FREE char *key = ncm_asprintf("%s\n%s", id ? id : "", repository ? repository : "");
	struct ncm_workflow *workflow = notes->workflow;
	struct ncm_workflow_pack *pack;

	if ((!id && !repository) || (id && strcmp(id, "comfy-core") == 0) || json_object_get(notes->packs, key) ||
	    workflow->pack_count >= MOST)
		return;
	json_object_set_new(notes->packs, key, json_true());
	pack = NCM_PUSH(workflow->packs, workflow->pack_count);
	pack->id = ncm_strdup_null(id);
	pack->version = ncm_strdup_null(version);
	pack->repository = ncm_strdup_null(repository);
	pack->source = workflow_pack_source(pack);
}

static const json_t *offer_by(const struct workflow_notes *notes, const char *folder, const char *name)
{
	NCM_AUTO_FREE char *key = key_of(folder, name);
	const json_t *offer = json_object_get(notes->offers[0], key);

	return offer ? offer : json_object_get(notes->offers[1], key);
}

/* What the workflow says of a file: of that folder and name, of that name, of one in another sub-folder. */
static const json_t *offer_for(const struct workflow_notes *notes, const struct ncm_workflow_model *model)
{
	NCM_AUTO_FREE char *moved = ncm_asprintf("*/%s", ncm_path_base(model->name));
	const json_t *offer = offer_by(notes, model->folder, model->name);

	if (!offer)
		offer = offer_by(notes, NULL, model->name);
	return offer || !model->folder ? offer : offer_by(notes, model->folder, moved);
}

static void take_offer(const json_t *offer, struct ncm_workflow_model *model)
{
	const char *type = ncm_json_string(offer, "hash_type"), *hash = ncm_json_string(offer, "hash");
	const char *url = ncm_json_string(offer, "url");

	if (!model->folder)
		model->folder = ncm_strdup_null(ncm_json_string(offer, "directory"));
	model->url = url && *url ? ncm_strdup(url) : NULL;
	if (hash && type && (strcasecmp(type, "sha256") == 0 || strcasecmp(type, "sha-256") == 0))
		model->has_sha256 = ncm_sha256_parse_any_case(hash, &model->sha256) == 0;
}

static void clear_model(struct ncm_workflow_model *model)
{
	free(model->name);
	free(model->folder);
	free(model->url);
	free(model->noted);
	free(model->node);
}

/* Whether it was seen before: in its folder, or, where no folder is known, in any. */
static bool is_double(json_t *seen, const struct ncm_workflow_model *model)
{
	NCM_AUTO_FREE char *key = key_of(model->folder, model->name);

	if (json_object_get(seen, key))
		return true;
	json_object_set_new(seen, key, json_true());
	return false;
}

/* Those of a known folder first: they answer for the same name of which none is known. */
static void drop_doubles(struct ncm_workflow *workflow)
{
	NCM_AUTO_JSON json_t *seen = json_object(), *anywhere = json_object();
	size_t kept = 0;

	for (size_t i = 0; i < workflow->count; i++) {
		if (workflow->models[i].folder)
			json_object_set_new(anywhere, workflow->models[i].name, json_true());
	}
	for (size_t i = 0; i < workflow->count; i++) {
		struct ncm_workflow_model *model = &workflow->models[i];

		if (is_double(seen, model) || (!model->folder && json_object_get(anywhere, model->name)))
			clear_model(model);
		else
			workflow->models[kept++] = *model;
	}
	workflow->count = kept;
}

struct ncm_workflow *workflow_notes_finish(struct workflow_notes *notes)
{
	struct ncm_workflow *workflow = notes->workflow;

	for (size_t i = 0; i < workflow->count; i++) {
		struct ncm_workflow_model *model = &workflow->models[i];

		take_offer(offer_for(notes, model), model);
		if (!model->url)
			model->noted = ncm_strdup_null(ncm_json_string(notes->told, ncm_path_base(model->name)));
	}
	drop_doubles(workflow);
	notes->workflow = NULL;
	workflow_notes_free(notes);
	return workflow;
}

void ncm_workflow_free(struct ncm_workflow *workflow)
{
	if (!workflow)
		return;
	for (size_t i = 0; i < workflow->count; i++)
		clear_model(&workflow->models[i]);
	for (size_t i = 0; i < workflow->pack_count; i++) {
		free(workflow->packs[i].id);
		free(workflow->packs[i].version);
		free(workflow->packs[i].repository);
		free(workflow->packs[i].source);
	}
	free(workflow->models);
	free(workflow->packs);
	free(workflow);
}
