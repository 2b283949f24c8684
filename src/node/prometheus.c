/* SPDX-License-Identifier: MIT */
/*
 * A file for node_exporter's textfile collector: one HELP and TYPE a name, no times of its own, label values escaped
 * (Prometheus' text format 0.0.4). A series of what is not known is left out.
 */
#include "node/node.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void begin(const char *name, const char *help, struct ncm_buffer *out)
{
	ncm_buffer_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void label(const char *key, const char *value, bool first, struct ncm_buffer *out)
{
	ncm_buffer_printf(out, "%s%s=\"", first ? "{" : ",", key);
	for (; *value; value++) {
		if (*value == '\n')
			ncm_buffer_puts(out, "\\n");
		else if (*value == '"' || *value == '\\')
			ncm_buffer_printf(out, "\\%c", *value);
		else
			ncm_buffer_add(out, value, 1);
	}
	ncm_buffer_puts(out, "\"");
}

/* One line a row: `labels` are members of it, `value` the number. */
static void series(const json_t *rows, const char *name, const char *help, const char *const labels[2],
		   const char *value, json_int_t unit, struct ncm_buffer *out)
{
	size_t i;
	json_t *row;

	begin(name, help, out);
	json_array_foreach(rows, i, row)
	{
		const json_t *number = json_object_get(row, value);

		if (!json_is_integer(number))
			continue;
		ncm_buffer_puts(out, name);
		for (size_t k = 0; k < 2 && labels[k]; k++) {
			const json_t *at = json_object_get(row, labels[k]);
			NCM_AUTO_FREE char *text = json_is_integer(at)
						       ? ncm_asprintf("%lld", (long long)json_integer_value(at))
						       : ncm_strdup(json_is_string(at) ? json_string_value(at) : "");

			label(labels[k], text, k == 0, out);
		}
		ncm_buffer_printf(out, "} %lld\n", (long long)(json_integer_value(number) * unit));
	}
}

static void single(const json_t *record, const char *name, const char *help, const char *member, struct ncm_buffer *out)
{
	const json_t *number = json_object_get(record, member);

	if (!json_is_integer(number))
		return;
	begin(name, help, out);
	ncm_buffer_printf(out, "%s %lld\n", name, (long long)json_integer_value(number));
}

/* Rows of phases that say what is missing. New reference. */
static json_t *with_missing(const json_t *phases)
{
	json_t *rows = json_deep_copy(phases);
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		const json_int_t all = json_integer_value(json_object_get(row, "model_count"));
		const json_int_t there = json_integer_value(json_object_get(row, "there"));
		const json_int_t damaged = json_integer_value(json_object_get(row, "damaged"));

		json_object_set_new(row, "missing", json_integer(all - there - damaged));
	}
	return rows;
}

/* Numbers by kind of model. New reference. */
static json_t *by_type(const json_t *models)
{
	NCM_AUTO_JSON json_t *counts = json_object();
	json_t *rows = json_array();
	const char *key;
	size_t i;
	json_t *model, *count;

	json_array_foreach(models, i, model)
	{
		const char *type = ncm_json_string(model, "model_type");

		count = json_object_get(counts, type ? type : "unknown");
		json_object_set_new(counts, type ? type : "unknown", json_integer(json_integer_value(count) + 1));
	}
	json_object_foreach(counts, key, count)
	{
		json_t *row = json_object();

		json_object_set_new(row, "type", json_string(key));
		json_object_set(row, "count", count);
		json_array_append_new(rows, row);
	}
	return rows;
}

/* Indexes keep cards of one name apart. */
static void cards(const json_t *record, struct ncm_buffer *out)
{
	static const char name[] = "ncmodel_gpu_memory_bytes";
	static const char *const states[][2] = {
	    {"total", "total_vram_mb"}, {"free", "free_vram_mb"}, {"used", "used_vram_mb"}};
	size_t i;
	json_t *card;

	begin(name, "Memory of each graphics card.", out);
	json_array_foreach(json_object_get(record, "gpus"), i, card)
	{
		for (size_t k = 0; k < sizeof states / sizeof *states; k++) {
			const json_t *mib = json_object_get(card, states[k][1]);
			char number[24];

			if (!json_is_integer(mib))
				continue;
			snprintf(number, sizeof number, "%zu", i);
			ncm_buffer_puts(out, name);
			label("gpu", number, true, out);
			label("state", states[k][0], false, out);
			ncm_buffer_printf(out, "} %lld\n", (long long)json_integer_value(mib) << 20);
		}
	}
}

/* One number of each card. */
static void sensor(const json_t *record, const char *name, const char *help, const char *member, struct ncm_buffer *out)
{
	size_t i;
	json_t *card;

	begin(name, help, out);
	json_array_foreach(json_object_get(record, "gpus"), i, card)
	{
		const json_t *value = json_object_get(card, member);

		if (json_is_integer(value))
			ncm_buffer_printf(out, "%s{gpu=\"%zu\"} %lld\n", name, i, (long long)json_integer_value(value));
	}
}

/* When the model that waited longest was verified; nothing while one never was. */
static void oldest_verify(const json_t *record, struct ncm_buffer *out)
{
	long long oldest = 0;
	size_t i;
	json_t *model;

	json_array_foreach(json_object_get(record, "models"), i, model)
	{
		const char *text = ncm_json_string(model, "verified_at");
		struct tm at = {0};
		long long when;

		if (!text || sscanf(text, "%d-%d-%dT%d:%d:%d", &at.tm_year, &at.tm_mon, &at.tm_mday, &at.tm_hour,
				    &at.tm_min, &at.tm_sec) != 6)
			return;
		at.tm_year -= 1900;
		at.tm_mon -= 1;
		when = (long long)timegm(&at);
		oldest = oldest == 0 || when < oldest ? when : oldest;
	}
	if (oldest == 0)
		return;
	begin("ncmodel_oldest_verify_timestamp_seconds", "When the model that waited longest was verified.", out);
	ncm_buffer_printf(out, "ncmodel_oldest_verify_timestamp_seconds %lld\n", oldest);
}

void node_prometheus(const json_t *record, struct ncm_buffer *out)
{
	static const char *const phase[2] = {"profile", "phase"}, *const store[2] = {"store"},
				 *const type[2] = {"type"};
	const json_t *stores = json_object_get(record, "stores");
	NCM_AUTO_JSON json_t *phases = with_missing(json_object_get(record, "phases"));
	NCM_AUTO_JSON json_t *types = by_type(json_object_get(record, "models"));

	series(types, "ncmodel_models", "Registered models by type, one for each application.", type, "count", 1, out);
	series(phases, "ncmodel_wanted", "Models that a phase of a profile has.", phase, "model_count", 1, out);
	series(phases, "ncmodel_missing", "Models of a phase that are not here.", phase, "missing", 1, out);
	series(stores, "ncmodel_model_bytes", "What the registered files of a store add up to.", store, "bytes", 1,
	       out);
	series(stores, "ncmodel_store_free_bytes", "Free space of a store's disk.", store, "free_bytes", 1, out);
	single(record, "ncmodel_damaged", "Files and models that are known to be damaged or missing.", "damaged", out);
	single(record, "ncmodel_changed", "Models that are not as the lock pins them.", "changed", out);
	single(record, "ncmodel_unverified", "Registered models that were never verified.", "unverified", out);
	oldest_verify(record, out);
	cards(record, out);
	sensor(record, "ncmodel_gpu_utilization_percent", "How busy each graphics card is.", "gpu_utilization", out);
	sensor(record, "ncmodel_gpu_temperature_celsius", "How hot each graphics card is.", "gpu_temperature", out);
}
