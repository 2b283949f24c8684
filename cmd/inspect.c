/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "inspect_json.h"
#include "ui/facts.h"
#include "ui/style.h"
#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

enum {
	LONGEST_TEXT = 80, /* of a metadata's value */
};

static struct {
	bool alone; /* --no-parts */
} settings;

static const struct option options[] = {
    {.name = "no-parts",
     .kind = OPTION_FLAG,
     .value = &settings.alone,
     .help = "Read the named part of a split model alone, and nothing beside it"},
    {.name = NULL},
};

static void print_title(const struct ncm_inspection *inspection)
{
	AUTO_FREE char *safe = text_safe_path(inspection->location);

	printf("%s%s%s\n", style_begin(stdout, STYLE_BOLD), safe, style_end(stdout, STYLE_BOLD));
}

/* "8.0B (8030261248), 1.2B active": the caller frees it. */
static char *parameters_text(const struct ncm_inspection *inspection)
{
	AUTO_FREE char *told = text_safe(inspection->parameters);

	if (inspection->parameter_count == 0)
		return text_copy(told);
	if (inspection->active_parameters == inspection->parameter_count || inspection->active_parameters == 0)
		return text_format("%s (%llu)", told, (unsigned long long)inspection->parameter_count);
	return text_format("%s (%llu, %llu of them active)", told, (unsigned long long)inspection->parameter_count,
			   (unsigned long long)inspection->active_parameters);
}

static char *format_text(const struct ncm_inspection *inspection)
{
	const struct ncm_inspected_file *first = &inspection->files[0];
	AUTO_FREE char *version = first->version ? text_format(" %u", first->version) : text_copy("");
	AUTO_FREE char *files =
	    inspection->file_count > 1 ? text_format(", %zu files", inspection->file_count) : text_copy("");

	return text_format("%s%s%s%s", inspection->format ? inspection->format : "?", version,
			   first->big_endian ? ", big-endian" : "", files);
}

static char *size_text(const struct ncm_inspection *inspection)
{
	char size[32], weights[32], fetched[32];
	AUTO_FREE char *read =
	    inspection->fetched
		? text_format(", %s of it fetched", ncm_format_size(inspection->fetched, fetched, sizeof fetched))
		: text_copy("");

	return text_format("%s, weights %s%s%s", ncm_format_size(inspection->size, size, sizeof size),
			   inspection->weights_are_whole ? "" : "at least ",
			   ncm_format_size(inspection->weight_bytes, weights, sizeof weights), read);
}

static void print_identity(const struct ncm_inspection *inspection)
{
	foreign_fact("name", inspection->name);
	foreign_fact("kind", inspection->kind);
	foreign_fact("architecture", inspection->architecture);
	fact("format", format_text(inspection));
	foreign_fact("quantization", inspection->quantization);
	fact("parameters", parameters_text(inspection));
	fact("size", size_text(inspection));
	foreign_fact("licence", inspection->license);
}

/* "32 (8 for keys and values), of 128": the caller frees it. */
static char *heads_text(const struct ncm_inspection *inspection)
{
	if (inspection->heads == 0)
		return text_copy("");
	return text_format("%llu, %llu for keys and values, %llu and %llu wide", (unsigned long long)inspection->heads,
			   (unsigned long long)inspection->kv_heads, (unsigned long long)inspection->key_length,
			   (unsigned long long)inspection->value_length);
}

/* How many layers are of a kind, and of how many that is not known. */
static char *layers_text(const struct ncm_inspection *inspection)
{
	size_t windowed = 0, recurrent = 0, sharing = 0, unknown = 0;

	for (size_t i = 0; i < inspection->layer_count; i++) {
		const struct ncm_layer *layer = &inspection->layers[i];

		windowed += layer->windowed == NCM_KNOWN_YES;
		recurrent += layer->recurrent == NCM_KNOWN_YES;
		sharing += layer->shares_kv == NCM_KNOWN_YES;
		unknown += layer->windowed == NCM_NOT_KNOWN;
	}
	if (inspection->layer_count == 0)
		return text_copy("");
	AUTO_FREE char *of_window = windowed ? text_format(", %zu windowed", windowed) : text_copy("");
	AUTO_FREE char *of_state = recurrent ? text_format(", %zu recurrent", recurrent) : text_copy("");
	AUTO_FREE char *of_others =
	    sharing ? text_format(", %zu with the keys and values of others", sharing) : text_copy("");

	return text_format("%zu%s%s%s%s", inspection->layer_count, of_window, of_state, of_others,
			   unknown ? ", which of them are windowed is not known" : "");
}

static char *experts_text(const struct ncm_inspection *inspection)
{
	if (inspection->experts == 0)
		return text_copy("");
	return inspection->experts_used ? text_format("%llu, %llu used", (unsigned long long)inspection->experts,
						      (unsigned long long)inspection->experts_used)
					: text_format("%llu", (unsigned long long)inspection->experts);
}

static void print_shape(const struct ncm_inspection *inspection)
{
	number_fact("context", inspection->context_length);
	fact("layers", layers_text(inspection));
	fact("heads", heads_text(inspection));
	number_fact("embedding", inspection->embedding_length);
	number_fact("feed-forward", inspection->feed_forward_length);
	fact("experts", experts_text(inspection));
	number_fact("window", inspection->sliding_window);
	number_fact("KV rank", inspection->kv_lora_rank);
	number_fact("state", inspection->ssm_state_size);
	number_fact("vocabulary", inspection->vocabulary);
	foreign_fact("tokenizer", inspection->tokenizer);
	foreign_fact("pooling", inspection->pooling);
	fact("chat template",
	     inspection->chat_template ? text_format("%zu bytes", strlen(inspection->chat_template)) : text_copy(""));
}

static void print_others(const struct ncm_inspection *inspection)
{
	const struct ncm_projector *projector = &inspection->projector;
	AUTO_FREE char *unsafe = words_join(&inspection->unsafe_imports, ", ");

	if (inspection->diffusion_role)
		fact("image model",
		     text_format("%s, %s%s",
				 inspection->diffusion_family ? inspection->diffusion_family : "family not known",
				 inspection->diffusion_role,
				 inspection->inpainting == NCM_KNOWN_YES ? ", for inpainting" : ""));
	if (inspection->has_projector) {
		AUTO_FREE char *type = text_safe(projector->type ? projector->type : "not known");

		fact("projector",
		     text_format("%s, images of %llu in patches of %llu", type,
				 (unsigned long long)projector->image_size, (unsigned long long)projector->patch_size));
	}
	if (inspection->pickle_is_plain == NCM_KNOWN_NO)
		fact("imports",
		     text_format("%s%s%s", style_begin(stdout, STYLE_BAD), unsafe, style_end(stdout, STYLE_BAD)));
	else if (inspection->pickle_is_plain == NCM_KNOWN_YES)
		fact("imports", text_copy("only what weights need"));
}

static void print_faults(const struct ncm_inspection *inspection)
{
	for (size_t i = 0; i < inspection->file_count; i++) {
		const struct ncm_inspected_file *file = &inspection->files[i];
		AUTO_FREE char *fault = text_safe_long(file->fault, LONGEST_VALUE);
		AUTO_FREE char *name = text_safe_path(file->name);

		if (file->state != NCM_INSPECTED_SOUND && file->fault)
			printf("  %s%s%s: %s: %s\n", style_begin(stdout, STYLE_WARN),
			       ncm_inspected_state_name(file->state), style_end(stdout, STYLE_WARN), name, fault);
	}
}

/* -v */

static char *value_text(const struct ncm_metadata *value)
{
	switch (value->kind) {
	case NCM_METADATA_UNSIGNED:
		return text_format("%llu", (unsigned long long)value->whole);
	case NCM_METADATA_SIGNED:
		return text_format("%lld", (long long)value->below_zero);
	case NCM_METADATA_REAL:
		return text_format("%g", value->real);
	case NCM_METADATA_FLAG:
		return text_copy(value->whole ? "yes" : "no");
	case NCM_METADATA_TEXT:
		return text_safe_long(value->text, LONGEST_TEXT);
	case NCM_METADATA_NUMBERS:
	case NCM_METADATA_TEXTS:
	case NCM_METADATA_ARRAYS:
		break;
	}
	return text_format("%llu of them", (unsigned long long)value->count);
}

static void print_metadata(const struct ncm_inspection *inspection)
{
	struct table *table = table_new(2);

	table_column(table, "KEY", 0);
	table_column(table, "TYPE", 0);
	table_column(table, "VALUE", COLUMN_BELOW);
	for (size_t i = 0; i < inspection->metadata_count; i++) {
		table_foreign(table, inspection->metadata[i].key);
		table_text(table, inspection->metadata[i].type);
		table_cell(table, value_text(&inspection->metadata[i]));
	}
	if (inspection->metadata_count > 0)
		table_print(table, stdout);
	table_free(table);
}

static char *dimensions_text(const struct ncm_tensor *tensor)
{
	char *text = text_copy("");

	for (size_t i = 0; i < tensor->dimension_count; i++) {
		char *longer =
		    text_format("%s%s%llu", text, i > 0 ? " x " : "", (unsigned long long)tensor->dimensions[i]);

		free(text);
		text = longer;
	}
	return text;
}

static void print_tensors(const struct ncm_inspection *inspection)
{
	struct table *table = table_new(2);
	char size[32];

	table_column(table, "TENSOR", 0);
	table_column(table, "TYPE", 0);
	table_column(table, "DIMENSIONS", 0);
	table_column(table, "SIZE", COLUMN_RIGHT);
	for (size_t i = 0; i < inspection->tensor_count; i++) {
		const struct ncm_tensor *tensor = &inspection->tensors[i];

		table_foreign(table, tensor->name);
		table_text(table, tensor->dtype);
		table_cell(table, dimensions_text(tensor));
		table_text(table, tensor->bytes || !tensor->elements ? ncm_format_size(tensor->bytes, size, sizeof size)
								     : "?");
	}
	if (inspection->tensor_count > 0)
		table_print(table, stdout);
	table_free(table);
}

static void print(const struct ncm_inspection *inspection, unsigned verbose)
{
	print_title(inspection);
	print_identity(inspection);
	print_shape(inspection);
	print_others(inspection);
	print_faults(inspection);
	if (verbose > 0) {
		print_metadata(inspection);
		print_tensors(inspection);
	}
}

/* Damage that the text shows already. */
static int judge(struct report *report, const struct ncm_inspection *inspection)
{
	AUTO_FREE char *message = NULL;

	if (inspection->state == NCM_INSPECTED_SOUND || inspection->state == NCM_INSPECTED_UNJUDGED)
		return 0;
	message = text_format("%s is %s", inspection->location, ncm_inspected_state_name(inspection->state));
	return report_silently(report, NCM_E_DAMAGED, message, inspection->location);
}

static int inspect(struct session *session, const char *what, json_t *models)
{
	const struct ncm_inspect_options how = {.other_parts = !settings.alone};
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_inspection *inspection = ncm_inspect(session->config, what, &how, &session->sink, &err);
	int exit_code;

	if (!inspection)
		return session_fail(session, &err);
	if (session->report.json)
		json_push(models, inspection_json(inspection));
	else
		print(inspection, session->settings.verbose);
	exit_code = judge(&session->report, inspection);
	ncm_inspection_free(inspection);
	return exit_code;
}

static int run(struct session *session)
{
	const struct ncm_strings *what = &session->settings.operands;
	struct ncm_error err = NCM_ERROR_INIT;
	json_t *models;
	int first = 0;

	if (what->count == 0) {
		ncm_error_set(&err, NCM_E_USAGE, "inspect wants a file or a source");
		ncm_error_hint(&err, "name a model file, a folder that has one, or a source");
		return session_fail(session, &err);
	}
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	session->report.data = json_object();
	models = json_array();
	json_put(session->report.data, "models", models);
	for (size_t i = 0; i < what->count && !ncm_interrupted(); i++) {
		const int exit_code = inspect(session, what->items[i], models);

		first = first ? first : exit_code;
	}
	return first;
}

static const char *const examples[] = {
    "ncmodel inspect model.gguf",
    "what a file is: architecture, layers, heads, quantization, size",
    "ncmodel inspect -v hf:bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_K_M.gguf",
    "the same of one that is not here, with its metadata and tensors: its header alone is fetched",
    "ncmodel inspect --json model.safetensors | jq '.data.models[].tensors | length'",
    "for a script",
    NULL,
};

static const struct option_group group = {"Inspecting", options};

const struct command command_inspect = {
    .name = "inspect",
    .summary = "Show what a model's files say of it, without fetching or running it",
    .arguments = "FILE|FOLDER|SOURCE…",
    .operands = OPERANDS_FILES,
    .groups = {&group},
    .description =
	"Reads the headers of model files: GGUF, safetensors, what torch saved, ONNX. Of a split model all parts are "
	"read, of a source as much of each file as its header takes. Nothing is run: of a pickle it is told what it "
	"would import. What a file does not tell is not guessed.\n\n"
	"-v shows the metadata and every tensor. The exit code is 4 if a file is truncated or broken, or a part is "
	"missing.",
    .examples = examples,
    .run = run,
};
