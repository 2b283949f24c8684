/* SPDX-License-Identifier: MIT */
/* What one node asks for, by what its widgets hold. */
#include "workflow/workflow.h"

#include "base/mem.h"

#include <ncmodel/limits.h>
#include <string.h>

/* One pass over the values of a node. */
struct pass {
	struct workflow_notes *notes;
	const struct workflow_node *node;
	json_t *folders; /* that its own models[] name */
	bool asked;      /* for anything */
	bool off;        /* the value before says that the next is not in use: "Off", of Comfyroll's stacks */
	struct ncm_error *err;
};

bool workflow_is_prose(const char *class)
{
	return strcmp(class, "Note") == 0 || strcmp(class, "MarkdownNote") == 0;
}

/* The folders that the node's own models[] name, by the name of each as it is spelled here. New reference. */
static json_t *folders_offered(const struct workflow_node *node)
{
	json_t *folders = json_object();
	const json_t *entry;
	size_t i;

	json_array_foreach(node->offers, i, entry)
	{
		const char *name = ncm_json_string(entry, "name");
		NCM_AUTO_FREE char *plain = name ? workflow_plain_name(name) : NULL;
		json_t *folder = json_object_get(entry, "directory");

		if (plain && !json_object_get(folders, plain))
			json_object_set_new(folders, plain, folder ? json_incref(folder) : json_null());
	}
	return folders;
}

static int ask(struct pass *pass, const char *input, const char *name)
{
	NCM_AUTO_FREE char *plain = workflow_plain_name(name);
	const char *folder = ncm_json_string(pass->folders, plain);

	pass->asked = true;
	if (!pass->node->active) {
		workflow_note_name(pass->notes, name);
		return 0;
	}
	return workflow_ask(pass->notes, folder ? folder : workflow_folder_of(pass->node->class, input), name,
			    pass->node->class, pass->err);
}

/* "embedding:NAME" in a prompt, as the tokenizers of comfy/sd1_clip.py find it. */
static int ask_embeddings(struct pass *pass, const char *text)
{
	static const char word[] = "embedding:";

	for (const char *at = text; pass->node->active && (at = strstr(at, word));) {
		const size_t size = strcspn(at += strlen(word), " \t\r\n,:()[]<>\"");
		NCM_AUTO_FREE char *name = ncm_strndup(at, size);

		if (size > 0 && size < NCM_LIMIT_NAME_BYTES &&
		    workflow_ask(pass->notes, "embeddings", name, pass->node->class, pass->err) < 0)
			return -1;
		at += size;
	}
	return 0;
}

static int take_text(struct pass *pass, const char *input, const char *text)
{
	return workflow_is_model_name(text) ? ask(pass, input, text) : ask_embeddings(pass, text);
}

/* rgthree's: {"on": true, "lora": NAME, "strength": 1}. */
static int take_choice(struct pass *pass, const json_t *choice)
{
	const char *lora = ncm_json_string(choice, "lora");

	if (!lora || json_is_false(json_object_get(choice, "on")) || !workflow_is_model_name(lora))
		return 0;
	return ask(pass, "lora_", lora);
}

static int take_value(struct pass *pass, const char *input, const json_t *value)
{
	const bool off = pass->off;

	pass->off = json_is_string(value) && strcmp(json_string_value(value), "Off") == 0;
	if (off)
		return 0;
	if (json_is_string(value))
		return take_text(pass, input, json_string_value(value));
	return json_is_object(value) ? take_choice(pass, value) : 0;
}

static int take_values(struct pass *pass)
{
	const json_t *values = pass->node->values, *value;
	const char *key;
	size_t i;

	json_array_foreach(values, i, value)
	{
		if (take_value(pass, json_string_value(json_array_get(pass->node->names, i)), value) < 0)
			return -1;
	}
	json_object_foreach((json_t *)values, key, value)
	{
		if (take_value(pass, key, value) < 0)
			return -1;
	}
	return 0;
}

/* A pack that fetches for itself may have no widget that names the file. */
static int take_offers(struct pass *pass)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(pass->node->offers, i, entry)
	{
		const char *name = ncm_json_string(entry, "name");

		if (name && ask(pass, NULL, name) < 0)
			return -1;
	}
	return 0;
}

int workflow_ask_node(struct workflow_notes *notes, const struct workflow_node *node, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *folders = folders_offered(node);
	struct pass pass = {.notes = notes, .node = node, .folders = folders, .err = err};
	const json_t *entry;
	size_t i;

	json_array_foreach(node->offers, i, entry)
	{
		workflow_offer_model(notes, entry, node->active);
	}
	if (take_values(&pass) < 0)
		return -1;
	return pass.asked ? 0 : take_offers(&pass);
}
