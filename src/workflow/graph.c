/* SPDX-License-Identifier: MIT */
/*
 * A graph as the editor saves it: {"nodes": […], "definitions": {"subgraphs": […]}, "models": […]}. A node whose type
 * is the id of a sub-graph stands for all nodes of that; what it shows of their widgets (proxyWidgets) overrides them.
 */
#include "workflow/workflow.h"

#include "base/mem.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { MUTED = 2, BYPASSED = 4, DEEPEST = 32, ITS_INPUTS = -10, LINK = 16 /* the work of looking at one */ };

struct walk {
	struct workflow_notes *notes;
	json_t *definitions; /* id → sub-graph */
	size_t nodes;        /* seen so far */
	size_t work;         /* done so far: a sub-graph that is used often is walked through often */
	struct ncm_error *err;
};

/* Items looked at, or bytes. */
static bool may_work(struct walk *walk, size_t amount)
{
	enum { MOST = 1 << 26 };

	walk->work += amount <= MOST ? amount : MOST + 1;
	return walk->work <= MOST;
}

bool workflow_is_graph(const json_t *json)
{
	return json_is_array(json_object_get(json, "nodes"));
}

static void define(struct walk *walk, const json_t *graph);

static void define_one(struct walk *walk, const char *id, json_t *definition)
{
	if (id && workflow_is_graph(definition) && !json_object_get(walk->definitions, id)) {
		json_object_set(walk->definitions, id, definition);
		define(walk, definition);
	}
}

/* Sub-graphs, and the group nodes that were before them: of the type "workflow/NAME" or "workflow>NAME". */
static void define(struct walk *walk, const json_t *graph)
{
	const json_t *subgraphs = json_object_get(json_object_get(graph, "definitions"), "subgraphs");
	json_t *groups = json_object_get(json_object_get(graph, "extra"), "groupNodes"), *definition;
	const char *name;
	size_t i;

	json_array_foreach(subgraphs, i, definition)
	{
		define_one(walk, ncm_json_string(definition, "id"), definition);
	}
	json_object_foreach(groups, name, definition)
	{
		NCM_AUTO_FREE char *old = ncm_asprintf("workflow/%s", name), *new = ncm_asprintf("workflow>%s", name);

		define_one(walk, old, definition);
		define_one(walk, new, definition);
	}
}

/* Ids are numbers or texts. The caller frees it. */
static char *id_of(const json_t *id)
{
	if (json_is_integer(id))
		return ncm_asprintf("%lld", (long long)json_integer_value(id));
	return json_is_string(id) ? ncm_strdup(json_string_value(id)) : ncm_strdup("");
}

static const json_t *node_of(const json_t *graph, const char *id)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(graph, "nodes"), i, node)
	{
		NCM_AUTO_FREE char *own = id_of(json_object_get(node, "id"));

		if (strcmp(own, id) == 0)
			return node;
	}
	return NULL;
}

static const char *widget_of(const json_t *input)
{
	return ncm_json_string(json_object_get(input, "widget"), "name");
}

/* The names of the widgets by the inputs that go with them, if there is one with each value. New reference, or NULL. */
static json_t *names_of(const json_t *node, const json_t *values)
{
	json_t *names = json_array();
	const json_t *input;
	size_t i;

	json_array_foreach(json_object_get(node, "inputs"), i, input)
	{
		if (widget_of(input))
			json_array_append_new(names, json_string(widget_of(input)));
	}
	if (json_array_size(names) > 0 && json_array_size(names) == json_array_size(values))
		return names;
	json_decref(names);
	return NULL;
}

/* Sets what the widget of that name holds in "ID" → {"WIDGET": value}. */
static void override(json_t *overrides, const char *id, const char *widget, json_t *value)
{
	json_t *of_node = json_object_get(overrides, id);

	if (!of_node) {
		of_node = json_object();
		json_object_set_new(overrides, id, of_node);
	}
	json_object_set(of_node, widget, value);
}

/* An input of the sub-graph's own: what its links lead to. */
static void override_input(struct walk *walk, json_t *overrides, const json_t *graph, const char *name, json_t *value)
{
	const json_t *input, *link;
	size_t number = 0, i;

	json_array_foreach(json_object_get(graph, "inputs"), i, input)
	{
		const char *own = ncm_json_string(input, "name");

		if (own && strcmp(own, name) == 0)
			break;
		number++;
	}
	if (!may_work(walk, number + LINK * json_array_size(json_object_get(graph, "links"))))
		return;
	json_array_foreach(json_object_get(graph, "links"), i, link)
	{
		uint64_t slot = 0, target = 0;
		NCM_AUTO_FREE char *id = NULL;
		const json_t *node;

		if (json_integer_value(json_object_get(link, "origin_id")) != ITS_INPUTS ||
		    !ncm_json_u64(link, "origin_slot", &slot) || slot != number ||
		    !ncm_json_u64(link, "target_slot", &target) ||
		    !may_work(walk, LINK * json_array_size(json_object_get(graph, "nodes"))))
			continue;
		id = id_of(json_object_get(link, "target_id"));
		node = node_of(graph, id);
		input = json_array_get(json_object_get(node, "inputs"), (size_t)target);
		if (widget_of(input))
			override(overrides, id, widget_of(input), value);
	}
}

/* What an instance says of the widgets inside. New reference. */
static json_t *overrides_of(struct walk *walk, const json_t *instance, const json_t *values, const json_t *graph)
{
	const json_t *proxies = json_object_get(json_object_get(instance, "properties"), "proxyWidgets"), *proxy;
	json_t *overrides = json_object();
	size_t i;

	json_array_foreach(proxies, i, proxy)
	{
		json_t *value = json_array_get(values, i);
		NCM_AUTO_FREE char *id = id_of(json_array_get(proxy, 0));
		const char *widget = json_string_value(json_array_get(proxy, 1));

		if (!widget || !json_is_string(value))
			continue;
		if (strcmp(id, "-1") == 0)
			override_input(walk, overrides, graph, widget, value);
		else
			override(overrides, id, widget, value);
	}
	return overrides;
}

/* Of values without names: the one file that there is, or of several the one that the widget numbers. */
static size_t index_of(const json_t *values, const json_t *names, const char *widget)
{
	const char last = *widget ? widget[strlen(widget) - 1] : '\0';
	size_t wanted = last >= '1' && last <= '9' ? (size_t)(last - '1') : 0, i;
	const json_t *value;

	json_array_foreach(names, i, value)
	{
		if (strcmp(json_string_value(value), widget) == 0)
			return i;
	}
	json_array_foreach(values, i, value)
	{
		if (json_is_string(value) && workflow_is_model_name(json_string_value(value)) && wanted-- == 0)
			return i;
	}
	return SIZE_MAX;
}

/* How much there is to look at in a node: each of its values may be one of its models. */
static size_t work_of(const json_t *node)
{
	const json_t *properties = json_object_get(node, "properties"), *value;
	const size_t models = json_array_size(json_object_get(properties, "models"));
	size_t work = 1 + json_array_size(json_object_get(node, "inputs")) + models +
		      json_array_size(json_object_get(properties, "proxyWidgets")),
	       i;
	const char *key;

	json_array_foreach(json_object_get(node, "widgets_values"), i, value)
	{
		work += 1 + models + json_string_length(value);
	}
	json_object_foreach(json_object_get(node, "widgets_values"), key, value)
	{
		work += 1 + models + json_string_length(value);
	}
	return work;
}

/* The values of a node as they are where it is used. Each that is said elsewhere is looked for in all of them. New
 * reference; NULL: there are none, or it is too much work. */
static json_t *values_of(struct walk *walk, const json_t *node, const json_t *names, const json_t *overrides)
{
	NCM_AUTO_FREE char *id = id_of(json_object_get(node, "id"));
	json_t *mine = json_object_get(overrides, id), *value;
	json_t *values;
	const char *widget;

	if (!may_work(walk, json_object_size(mine) * work_of(node)))
		return NULL;
	values = json_copy(json_object_get(node, "widgets_values"));

	json_object_foreach(mine, widget, value)
	{
		const size_t index = index_of(values, names, widget);

		if (json_is_object(values))
			json_object_set(values, widget, value);
		else if (index < json_array_size(values))
			json_array_set(values, index, value);
	}
	return values;
}

static bool is_active(const json_t *node)
{
	const double mode = json_number_value(json_object_get(node, "mode"));

	return mode != MUTED && mode != BYPASSED;
}

static void note_prose(struct walk *walk, const json_t *node)
{
	const json_t *value;
	size_t i;

	json_array_foreach(json_object_get(node, "widgets_values"), i, value)
	{
		if (json_is_string(value))
			workflow_note_prose(walk->notes, json_string_value(value));
	}
}

/* What is only passed on: the node that takes it has it, too. */
static bool is_passed_on(const char *class)
{
	return strcmp(class, "PrimitiveNode") == 0 || strcmp(class, "Reroute") == 0;
}

static int refuse(const struct walk *walk)
{
	return ncm_error_set(walk->err, NCM_E_MANIFEST,
			     "it has more than %u nodes, or too much in them, sub-graphs unfolded",
			     NCM_LIMIT_WORKFLOW_NODES);
}

static int walk_nodes(struct walk *walk, const json_t *graph, const json_t *overrides, bool active, unsigned depth);

static int walk_node(struct walk *walk, const json_t *node, const json_t *overrides, bool active, unsigned depth)
{
	const char *class = ncm_json_string(node, "type");
	const json_t *properties = json_object_get(node, "properties");
	NCM_AUTO_JSON json_t *names = names_of(node, json_object_get(node, "widgets_values"));
	NCM_AUTO_JSON json_t *values = values_of(walk, node, names, overrides);
	const json_t *graph = class ? json_object_get(walk->definitions, class) : NULL;

	if (!may_work(walk, 0))
		return refuse(walk);
	active = active && is_active(node);
	if (!class || is_passed_on(class))
		return 0;
	if (workflow_is_prose(class)) {
		note_prose(walk, node);
		return 0;
	}
	if (active)
		workflow_note_pack(walk->notes, properties);
	if (graph) {
		NCM_AUTO_JSON json_t *inner = overrides_of(walk, node, values, graph);

		return walk_nodes(walk, graph, inner, active, depth + 1);
	}
	return workflow_ask_node(walk->notes,
				 &(const struct workflow_node){.class = class,
							       .values = values,
							       .names = names,
							       .offers = json_object_get(properties, "models"),
							       .active = active},
				 walk->err);
}

static int walk_nodes(struct walk *walk, const json_t *graph, const json_t *overrides, bool active, unsigned depth)
{
	const json_t *node;
	size_t i;

	if (depth > DEEPEST)
		return ncm_error_set(walk->err, NCM_E_MANIFEST, "its sub-graphs are nested deeper than %d levels",
				     DEEPEST);
	if (!may_work(walk, 0))
		return refuse(walk);
	json_array_foreach(json_object_get(graph, "nodes"), i, node)
	{
		if (++walk->nodes > NCM_LIMIT_WORKFLOW_NODES || !may_work(walk, work_of(node)))
			return refuse(walk);
		if (walk_node(walk, node, overrides, active, depth) < 0)
			return -1;
	}
	return 0;
}

/* Older files have models[] for the whole graph: they are wanted unless a node that asks for nothing has their name. */
static int take_models(struct walk *walk, const json_t *models, bool asked)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(models, i, entry)
	{
		const char *name = ncm_json_string(entry, "name");

		if (!asked)
			workflow_offer_model(walk->notes, entry, true);
		else if (name && !workflow_has_name(walk->notes, name) &&
			 workflow_ask(walk->notes, ncm_json_string(entry, "directory"), name, NULL, walk->err) < 0)
			return -1;
	}
	return 0;
}

int workflow_walk_graph(const json_t *graph, struct workflow_notes *notes, struct ncm_error *err)
{
	struct walk walk = {.notes = notes, .definitions = json_object(), .err = err};
	int failed;

	define(&walk, graph);
	failed = walk_nodes(&walk, graph, NULL, true, 0);
	take_models(&walk, json_object_get(graph, "models"), false);
	if (!failed)
		failed = take_models(&walk, json_object_get(graph, "models"), true);
	json_decref(walk.definitions);
	return failed;
}
