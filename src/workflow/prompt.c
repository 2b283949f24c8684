/* SPDX-License-Identifier: MIT */
/* A graph as the server takes it: {"ID": {"class_type", "inputs", "_meta"}}. What is muted is not in it any more. */
#include "workflow/workflow.h"

static bool is_node(const json_t *value)
{
	return json_is_string(json_object_get(value, "class_type")) && json_is_object(json_object_get(value, "inputs"));
}

bool workflow_is_prompt(const json_t *json)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)json, key, value)
	{
		if (is_node(value))
			return true;
	}
	return false;
}

/* An input that is connected is an array of a node and its output: it names nothing. */
int workflow_walk_prompt(const json_t *prompt, struct workflow_notes *notes, struct ncm_error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)prompt, key, value)
	{
		const struct workflow_node node = {.class = ncm_json_string(value, "class_type"),
						   .values = json_object_get(value, "inputs"),
						   .active = true};

		if (is_node(value) && !workflow_is_prose(node.class) && workflow_ask_node(notes, &node, err) < 0)
			return -1;
	}
	return 0;
}
