/* SPDX-License-Identifier: MIT */
/*
 * The record as rows of a PostgreSQL registry of nodes: tables ai_nodes (by name), ai_models (by node, provider and
 * name) and ai_gpu_snapshots (by node and time). Applied twice it changes nothing the second time.
 *
 * What the registry's owner decides stays his: priority and enabled are written when a node is new, and the priority
 * later only if it was said. Models that are gone are deleted if they are ours by their tag.
 */
#include "node/node.h"

#include "base/escape.h"

#include <stdlib.h>
#include <string.h>

#define OURS "ncmodel"

/* Whether a terminal does more with the character at `text` than to show it. *size: how long it is. */
static bool is_unsafe(const char *text, size_t *size, uint32_t *character)
{
	*size = ncm_utf8_decode(text, strnlen(text, 4), character);
	return *size > 0 && ncm_char_is_unsafe(*character);
}

static bool is_plain(const char *text)
{
	uint32_t character = 0;

	for (size_t size; *text; text += size > 0 ? size : 1) {
		if (is_unsafe(text, &size, &character))
			return false;
	}
	return true;
}

/* E'…': here a backslash has a meaning, too. */
static void escaped_literal(const char *text, struct ncm_buffer *out)
{
	uint32_t character = 0;

	ncm_buffer_puts(out, "E'");
	for (size_t size; *text; text += size > 0 ? size : 1) {
		if (is_unsafe(text, &size, &character))
			ncm_buffer_printf(out, "\\U%08x", (unsigned)character);
		else if (*text == '\'' || *text == '\\')
			ncm_buffer_printf(out, "%c%c", *text, *text);
		else
			ncm_buffer_add(out, text, size > 0 ? size : 1);
	}
	ncm_buffer_puts(out, "'");
}

/* standard_conforming_strings: a quote is doubled, and nothing else has a meaning. */
static void text_literal(const char *text, struct ncm_buffer *out)
{
	if (!is_plain(text)) {
		escaped_literal(text, out);
		return;
	}
	ncm_buffer_puts(out, "'");
	for (; *text; text++)
		ncm_buffer_add(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
	ncm_buffer_puts(out, "'");
}

static void literal(const json_t *value, struct ncm_buffer *out)
{
	if (json_is_string(value))
		text_literal(json_string_value(value), out);
	else if (json_is_integer(value))
		ncm_buffer_printf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		ncm_buffer_puts(out, json_is_true(value) ? "true" : "false");
	else
		ncm_buffer_puts(out, "NULL");
}

static void member(const json_t *object, const char *key, struct ncm_buffer *out)
{
	literal(json_object_get(object, key), out);
}

/* Members of an object, each after a comma. */
static void members(const json_t *object, const char *const *keys, struct ncm_buffer *out)
{
	for (; *keys; keys++) {
		ncm_buffer_puts(out, ", ");
		member(object, *keys, out);
	}
}

static void document(const json_t *value, struct ncm_buffer *out)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);

	ncm_buffer_puts(out, ", ");
	text_literal(text ? text : "{}", out);
	ncm_buffer_puts(out, "::jsonb");
	free(text);
}

/* "a = EXCLUDED.a, b = EXCLUDED.b" */
static void take_over(const char *const *keys, struct ncm_buffer *out)
{
	for (size_t i = 0; keys[i]; i++)
		ncm_buffer_printf(out, "%s%s = EXCLUDED.%s", i > 0 ? ", " : "", keys[i], keys[i]);
}

static void node_id(const json_t *record, struct ncm_buffer *out)
{
	ncm_buffer_puts(out, "(SELECT id FROM ai_nodes WHERE name = ");
	member(record, "name", out);
	ncm_buffer_puts(out, ")");
}

static void add_node(const json_t *record, struct ncm_buffer *out)
{
	static const char *const plain[] = {"node_type", "gpu_model", "gpu_vram_mb",    "gpu_count", "cpu_cores",
					    "ram_mb",    "status",    "last_heartbeat", NULL};
	static const char *const documents[] = {"capabilities", "endpoints", NULL};
	const bool has_address = json_is_string(json_object_get(record, "address"));

	ncm_buffer_puts(out, "INSERT INTO ai_nodes (name, node_type, gpu_model, gpu_vram_mb, gpu_count, cpu_cores, "
			     "ram_mb, status, last_heartbeat, capabilities, endpoints, priority, enabled, public_ip)\n"
			     "VALUES (");
	member(record, "name", out);
	members(record, plain, out);
	document(json_object_get(record, "capabilities"), out);
	document(json_object_get(record, "endpoints"), out);
	ncm_buffer_puts(out, ", ");
	member(record, "priority", out);
	ncm_buffer_puts(out, ", true, ");
	member(record, "address", out);
	ncm_buffer_puts(out, ")\nON CONFLICT (name) DO UPDATE SET ");
	take_over(plain, out);
	ncm_buffer_puts(out, ", ");
	take_over(documents, out);
	ncm_buffer_puts(out, ", last_error = NULL");
	if (json_is_true(json_object_get(record, "priority_is_said")))
		ncm_buffer_puts(out, ", priority = EXCLUDED.priority");
	ncm_buffer_printf(out, "%s;\n", has_address ? ", public_ip = EXCLUDED.public_ip" : "");
}

/* What a model is for, what it is called by, and whose row it is. */
static void tags(const json_t *model, struct ncm_buffer *out)
{
	static const char *const lists[] = {"use_cases", "tags"};

	ncm_buffer_puts(out, ", ARRAY['" OURS "'");
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		size_t k;
		json_t *word;

		json_array_foreach(json_object_get(model, lists[i]), k, word)
		{
			ncm_buffer_puts(out, ", ");
			literal(word, out);
		}
	}
	ncm_buffer_puts(out, "]::text[]");
}

static void add_model(const json_t *record, const json_t *model, struct ncm_buffer *out)
{
	static const char *const plain[] = {"model_type", "size_bytes",     "vram_required_mb", "quantization",
					    "parameters", "context_length", "is_loaded",        NULL};

	ncm_buffer_puts(out, "INSERT INTO ai_models (node_id, provider, model_name, model_type, size_bytes, "
			     "vram_required_mb, quantization, parameters, context_length, is_loaded, tags)\nVALUES (");
	node_id(record, out);
	ncm_buffer_puts(out, ", ");
	member(model, "provider", out);
	ncm_buffer_puts(out, ", ");
	member(model, "model_name", out);
	members(model, plain, out);
	tags(model, out);
	ncm_buffer_puts(out, ")\nON CONFLICT (node_id, provider, model_name) DO UPDATE SET ");
	take_over(plain, out);
	ncm_buffer_puts(out, ", tags = EXCLUDED.tags;\n");
}

static void drop_gone(const json_t *record, struct ncm_buffer *out)
{
	size_t i;
	json_t *model;

	ncm_buffer_puts(out, "DELETE FROM ai_models WHERE node_id = ");
	node_id(record, out);
	ncm_buffer_puts(out, " AND '" OURS "' = ANY (tags)");
	json_array_foreach(json_object_get(record, "models"), i, model)
	{
		ncm_buffer_puts(out, i == 0 ? "\nAND (provider, model_name) NOT IN ((" : ", (");
		member(model, "provider", out);
		ncm_buffer_puts(out, ", ");
		member(model, "model_name", out);
		ncm_buffer_puts(out, ")");
	}
	ncm_buffer_puts(out, i > 0 ? ");\n" : ";\n");
}

/* Of all cards, by the column's names; what is not told is what the table says. */
static void processes(const json_t *record, struct ncm_buffer *out)
{
	NCM_AUTO_JSON json_t *all = json_array();
	size_t i, k;
	json_t *card, *process;

	json_array_foreach(json_object_get(record, "gpus"), i, card)
	{
		const json_t *list = json_object_get(card, "processes");

		if (!json_is_array(list)) {
			ncm_buffer_puts(out, ", DEFAULT");
			return;
		}
		json_array_foreach(list, k, process)
		{
			json_t *row = json_object();

			json_object_set(row, "name", json_object_get(process, "name"));
			json_object_set(row, "pid", json_object_get(process, "pid"));
			json_object_set(row, "vramMb", json_object_get(process, "vram_mb"));
			json_array_append_new(all, row);
		}
	}
	document(all, out);
}

/* Without a card there is nothing to record. */
static void add_snapshot(const json_t *record, struct ncm_buffer *out)
{
	static const char *const sensors[] = {"reserved_vram_mb", "gpu_utilization", "gpu_temperature", NULL};
	const json_t *total = json_object_get(record, "gpu_vram_mb"), *left = json_object_get(record, "free_vram_mb");

	if (!json_is_integer(total))
		return;
	ncm_buffer_puts(out, "INSERT INTO ai_gpu_snapshots (node_id, created_at, total_vram_mb, free_vram_mb, "
			     "used_vram_mb, reserved_vram_mb, gpu_utilization, gpu_temperature, processes)\nVALUES (");
	node_id(record, out);
	ncm_buffer_puts(out, ", ");
	member(record, "last_heartbeat", out);
	ncm_buffer_puts(out, ", ");
	literal(total, out);
	ncm_buffer_puts(out, ", ");
	literal(left, out);
	if (json_is_integer(left))
		ncm_buffer_printf(out, ", %lld", (long long)(json_integer_value(total) - json_integer_value(left)));
	else
		ncm_buffer_puts(out, ", NULL");
	members(record, sensors, out);
	processes(record, out);
	ncm_buffer_puts(out, ")\nON CONFLICT (node_id, created_at) DO NOTHING;\n");
}

void node_sql(const json_t *record, struct ncm_buffer *out)
{
	size_t i;
	json_t *model;

	ncm_buffer_puts(out, "BEGIN;\nSET LOCAL standard_conforming_strings = on;\n"
			     "SET LOCAL client_encoding = 'UTF8';\n");
	add_node(record, out);
	json_array_foreach(json_object_get(record, "models"), i, model) add_model(record, model, out);
	drop_gone(record, out);
	add_snapshot(record, out);
	ncm_buffer_puts(out, "COMMIT;\n");
}

/* Tables that are there stay as they are, and get the keys that the statements need. */
void node_sql_schema(const json_t *record, struct ncm_buffer *out)
{
	(void)record;
	ncm_buffer_puts(
	    out,
	    "BEGIN;\n"
	    "CREATE TABLE IF NOT EXISTS ai_nodes (\n"
	    "  id serial PRIMARY KEY, name text NOT NULL, node_type text NOT NULL, tailscale_ip text, public_ip text,\n"
	    "  gpu_model text, gpu_vram_mb integer, gpu_count integer, cpu_cores integer, ram_mb integer,\n"
	    "  capabilities jsonb, endpoints jsonb, status text NOT NULL DEFAULT 'offline',\n"
	    "  last_heartbeat timestamptz, last_error text, priority integer NOT NULL DEFAULT 100,\n"
	    "  enabled boolean NOT NULL DEFAULT true);\n"
	    "CREATE TABLE IF NOT EXISTS ai_models (\n"
	    "  id serial PRIMARY KEY, node_id integer NOT NULL REFERENCES ai_nodes (id) ON DELETE CASCADE,\n"
	    "  provider text NOT NULL, model_name text NOT NULL, model_type text, size_bytes bigint,\n"
	    "  vram_required_mb integer, quantization text, parameters text, context_length integer,\n"
	    "  is_loaded boolean, last_used timestamptz, tags text[] NOT NULL DEFAULT '{}', description text);\n"
	    "CREATE TABLE IF NOT EXISTS ai_gpu_snapshots (\n"
	    "  id serial PRIMARY KEY, node_id integer NOT NULL REFERENCES ai_nodes (id) ON DELETE CASCADE,\n"
	    "  created_at timestamptz NOT NULL, total_vram_mb integer, used_vram_mb integer, free_vram_mb integer,\n"
	    "  reserved_vram_mb integer, gpu_utilization integer, gpu_temperature integer,\n"
	    "  processes jsonb NOT NULL DEFAULT '[]');\n"
	    "CREATE UNIQUE INDEX IF NOT EXISTS ai_nodes_name ON ai_nodes (name);\n"
	    "CREATE UNIQUE INDEX IF NOT EXISTS ai_models_place ON ai_models (node_id, provider, model_name);\n"
	    "CREATE UNIQUE INDEX IF NOT EXISTS ai_gpu_snapshots_moment ON ai_gpu_snapshots (node_id, created_at);\n"
	    "COMMIT;\n");
}
