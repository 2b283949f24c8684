/* SPDX-License-Identifier: MIT */
#include "workflow_view.h"

#include "given.h"
#include "ui/text.h"

#include <string.h>

static int check_alone(const struct session *session, struct ncm_error *err)
{
	if (!session_selects(session) && !session->settings.all)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "--workflow chooses the models: another selector contradicts it");
	return ncm_error_hint(err, "leave out one of them");
}

int workflow_widen(struct session *session, struct ncm_error *err)
{
	struct ncm_strings names = {0};

	if (session_config(session, err) < 0)
		return -1;
	if (session->settings.profiles.count > 0 || session->config->manifest_file_count > 0)
		return 0;
	if (ncm_profiles(session->config, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (!session->config->profile || strcmp(names.items[i], session->config->profile) != 0)
			ncm_config_add_profile(session->config, names.items[i]);
	}
	ncm_strings_free(&names);
	return 0;
}

int workflow_choose(struct session *session, struct ncm_model ***chosen, size_t *count, struct ncm_error *err)
{
	const char *file = session->settings.workflow;

	if (check_alone(session, err) < 0 || given_file("--workflow", file, err) < 0)
		return -1;
	session->workflow = ncm_workflow_read(file, err);
	if (!session->workflow ||
	    ncm_workflow_choose(session->config, session->workflow, session->settings.selector.to,
				session->settings.custom_nodes, session->catalog, &session->workflow_choice, err) < 0)
		return -1;
	*count = session->workflow_choice.count;
	*chosen = session->workflow_choice.models;
	session->workflow_choice.models = NULL;
	return 0;
}

/* "loras/x.safetensors" */
static char *shown_name(const struct ncm_workflow_model *model)
{
	return text_format("%s%s%s", model->folder ? model->folder : "", model->folder ? "/" : "", model->name);
}

static void print_pack(const struct ncm_workflow_pack *pack, FILE *out)
{
	AUTO_FREE char *id = text_safe(pack->id ? pack->id : pack->repository);
	AUTO_FREE char *version = text_safe(pack->version ? pack->version : "version not known");
	AUTO_FREE char *source = text_safe(pack->source ? pack->source : "no source of that version is known");

	fprintf(out, "  %s  %s  %s\n", id, version, source);
}

void workflow_print(const struct session *session, FILE *out)
{
	const struct ncm_workflow *workflow = session->workflow;
	AUTO_FREE char *file = text_safe_path(session->settings.workflow);

	if (!workflow)
		return;
	if (workflow->count == 0)
		fprintf(out, "%s names no models.\n", file);
	for (size_t i = 0; i < session->workflow_choice.rest_count; i++) {
		const struct ncm_workflow_rest *rest = &session->workflow_choice.rest[i];
		AUTO_FREE char *name = shown_name(rest->model);
		AUTO_FREE char *safe = text_safe(name);

		if (rest->here)
			fprintf(out, "%s is there; where it is from is not known.\n", safe);
	}
	if (workflow->pack_count > 0)
		fprintf(out, "Packs of nodes that are not ComfyUI's own%s:\n",
			session->settings.custom_nodes ? "" : "; --custom-nodes unpacks those that have a source");
	for (size_t i = 0; i < workflow->pack_count; i++)
		print_pack(&workflow->packs[i], out);
}

/* What to look for elsewhere: the name without folder and ending. */
static char *words_of(const struct ncm_workflow_model *model)
{
	const char *base = strrchr(model->name, '/') ? strrchr(model->name, '/') + 1 : model->name;
	const char *dot = strrchr(base, '.');
	char *words = text_format("%.*s", (int)(dot ? dot - base : (long)strlen(base)), base);

	for (char *at = words; *at; at++)
		*at = strchr("0123456789.-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *at) ? *at : '+';
	return words;
}

/* The caller frees it. */
static char *place_of(const struct ncm_workflow_rest *rest)
{
	if (rest->path)
		return text_copy(rest->path);
	return rest->model->folder ? text_format("ComfyUI's folder %s", rest->model->folder)
				   : text_copy("a folder that the workflow does not tell");
}

static void hint(const struct ncm_workflow_rest *rest, struct ncm_error *err)
{
	const struct ncm_workflow_model *model = rest->model;
	AUTO_FREE char *words = words_of(model), *place = place_of(rest);

	if (rest->like)
		ncm_error_hint(err, "%s may be it: if so, link or copy it to %s", rest->like,
			       rest->path ? rest->path : "its folder");
	else if (model->noted)
		ncm_error_hint(
		    err,
		    "a note in the workflow has an address of that name, which nobody checked: %s; it belongs "
		    "into %s",
		    model->noted, place);
	else
		ncm_error_hint(err,
			       "it belongs into %s; people find such files at "
			       "https://huggingface.co/models?search=%s and https://civitai.com/search/models?query=%s",
			       place, words, words);
}

static int report_rest(struct session *session, const struct ncm_workflow_rest *rest)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *name = shown_name(rest->model);
	AUTO_FREE char *by =
	    rest->model->node ? text_format(", which a %s asks for", rest->model->node) : text_copy("");
	int code;

	if (rest->why)
		ncm_error_set(&err, NCM_E_NOT_FOUND, "%s%s, cannot be had: %s", name, by, rest->why);
	else
		ncm_error_set(&err, NCM_E_NOT_FOUND, "%s%s, has no source: the workflow does not say one", name, by);
	hint(rest, &err);
	code = report_error(&session->report, &err, rest->model->name);
	ncm_error_clear(&err);
	return code;
}

int workflow_report(struct session *session)
{
	int exit_code = 0;

	for (size_t i = 0; i < session->workflow_choice.rest_count; i++) {
		if (!session->workflow_choice.rest[i].here)
			exit_code = report_rest(session, &session->workflow_choice.rest[i]);
	}
	return exit_code;
}

static json_t *rest_json(const struct ncm_workflow_rest *rest)
{
	json_t *object = json_object();

	json_put_text(object, "name", rest->model->name);
	json_put_text(object, "folder", rest->model->folder);
	json_put_text(object, "node", rest->model->node);
	json_put_source(object, "source", rest->model->url);
	json_put_source(object, "noted", rest->model->noted);
	json_put_text(object, "reason", rest->why);
	json_put_text(object, "path", rest->path);
	json_put_flag(object, "present", rest->here);
	json_put_text(object, "like", rest->like);
	return object;
}

static json_t *pack_json(const struct ncm_workflow_pack *pack)
{
	json_t *object = json_object();

	json_put_text(object, "id", pack->id);
	json_put_text(object, "version", pack->version);
	json_put_text(object, "repository", pack->repository);
	json_put_source(object, "source", pack->source);
	return object;
}

void workflow_put(const struct session *session, json_t *plan)
{
	json_t *object, *rest, *packs;

	if (!session->workflow)
		return;
	object = json_object();
	rest = json_array();
	packs = json_array();
	for (size_t i = 0; i < session->workflow_choice.rest_count; i++)
		json_push(rest, rest_json(&session->workflow_choice.rest[i]));
	for (size_t i = 0; i < session->workflow->pack_count; i++)
		json_push(packs, pack_json(&session->workflow->packs[i]));
	json_put_text(object, "file", session->settings.workflow);
	json_put_number(object, "files", session->workflow->count);
	json_put(object, "without_source", rest);
	json_put(object, "custom_nodes", packs);
	json_put(plan, "workflow", object);
}
