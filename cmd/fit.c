/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "fit_choices.h"
#include "fit_family.h"
#include "fit_json.h"
#include "fit_rules.h"
#include "fit_table.h"
#include "ui/text.h"

#include <stdio.h>
#include <string.h>

enum { BATCH_MOST = 65536, CONTEXT_MOST = 1 << 24, SEQUENCES_MOST = 1024 };

static struct {
	struct option_number context, parallel, batch, layers;
	const char *kv_type, *image;
	bool no_flash, swa_full, cpu_moe, tiled, keep_all, stages, offline, quantizations;
	const char *train;
} asked;

static const struct option options[] = {
    {.name = "context",
     .kind = OPTION_NUMBER,
     .value = &asked.context,
     .argument = "TOKENS",
     .help = "of one sequence (default: what the profile's document works at, else 8192)",
     .least = 1,
     .most = CONTEXT_MOST},
    {.name = "parallel",
     .kind = OPTION_NUMBER,
     .value = &asked.parallel,
     .argument = "N",
     .help = "sequences at once, each with its own context (default 1)",
     .least = 1,
     .most = SEQUENCES_MOST},
    {.name = "ubatch",
     .kind = OPTION_NUMBER,
     .value = &asked.batch,
     .argument = "TOKENS",
     .help = "computed at once (default 512)",
     .least = 1,
     .most = BATCH_MOST},
    {.name = "kv",
     .kind = OPTION_TEXT,
     .value = &asked.kv_type,
     .argument = "TYPE",
     .help = "of the KV cache (default f16)",
     .words = "f16 f32 bf16 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl"},
    {.name = "gpu-layers",
     .kind = OPTION_NUMBER,
     .value = &asked.layers,
     .argument = "N",
     .help = "layers on the card, the output counted (default all)",
     .most = BATCH_MOST},
    {.name = "cpu-moe", .kind = OPTION_FLAG, .value = &asked.cpu_moe, .help = "experts' weights stay in main memory"},
    {.name = "no-flash", .kind = OPTION_FLAG, .value = &asked.no_flash, .help = "without flash attention"},
    {.name = "swa-full",
     .kind = OPTION_FLAG,
     .value = &asked.swa_full,
     .help = "windowed layers keep the whole context, too"},
    {.name = "image",
     .kind = OPTION_TEXT,
     .value = &asked.image,
     .argument = "WIDTHxHEIGHT",
     .help = "of a picture (default: what the family is made for)"},
    {.name = "tiled", .kind = OPTION_FLAG, .value = &asked.tiled, .help = "pictures are decoded in tiles"},
    {.name = "keep-all",
     .kind = OPTION_FLAG,
     .value = &asked.keep_all,
     .help = "text encoders, denoiser and decoder stay loaded together"},
    {.name = "quantizations",
     .kind = OPTION_FLAG,
     .value = &asked.quantizations,
     .help = "of repositories: what each GGUF file would take, and which is the best that fits"},
    {.name = "offline",
     .kind = OPTION_FLAG,
     .value = &asked.offline,
     .help = "no network: what is not here is told by the manifest's figure or its size"},
    {.name = "stages",
     .kind = OPTION_FLAG,
     .value = &asked.stages,
     .help = "the stages of the profile's document, and what each loads"},
    {.name = "train",
     .kind = OPTION_TEXT,
     .value = &asked.train,
     .argument = "METHOD",
     .help = "which models the profile's document could train on the card",
     .words = "qlora"},
    {.name = NULL},
};
static const struct option_group own_group = {"What is asked", options};

static int read_image(struct ncm_fit_wish *wish, struct ncm_error *err)
{
	unsigned width, height;
	char rest;

	if (!asked.image)
		return 0;
	if (sscanf(asked.image, "%5ux%5u%c", &width, &height, &rest) != 2 || width == 0 || height == 0) {
		ncm_error_set(err, NCM_E_USAGE, "--image \"%s\": no size of a picture", asked.image);
		return ncm_error_hint(err, "as in --image 1024x768");
	}
	wish->width = width;
	wish->height = height;
	return 0;
}

static int read_wish(struct ncm_fit_wish *wish, struct ncm_error *err)
{
	ncm_fit_wish_default(wish);
	if (asked.context.given)
		wish->context = asked.context.value;
	if (asked.parallel.given)
		wish->sequences = (unsigned)asked.parallel.value;
	if (asked.batch.given)
		wish->batch = (unsigned)asked.batch.value;
	if (asked.layers.given)
		wish->layers = (unsigned)asked.layers.value;
	if (asked.kv_type)
		wish->kv_type = asked.kv_type;
	wish->flash = !asked.no_flash;
	wish->swa_full = asked.swa_full;
	wish->experts_on_host = asked.cpu_moe;
	wish->tiled = asked.tiled;
	wish->keep_all = asked.keep_all;
	return read_image(wish, err);
}

/* What the most is that fits, of a model that does not as it was asked for. */
static void judge(struct fit_row *row, const struct ncm_fit_wish *wish, const struct card *card)
{
	const struct need *need = &row->need;
	const bool is_language = need->model && need->fit.layers > 0;

	struct ncm_fit_wish own = *wish;

	own.context = family_context(row, wish);
	row->verdict = ncm_fit_judge(&need->fit, card->room);
	if (!is_language || card->room <= need->fit.error)
		return;
	if (row->verdict == NCM_FIT_NO || row->verdict == NCM_FIT_CLOSE)
		row->layers_that_fit = ncm_fit_layers(need->model, need->projector, &own, card->room - need->fit.error);
	if (need->fit.context > 0)
		row->context_that_fits =
		    ncm_fit_context(need->model, need->projector, &own, card->room - need->fit.error);
}

static bool is_path(const char *operand)
{
	static const char *const endings[] = {".gguf", ".safetensors", ".ckpt", ".sft", ".pt", ".pth", ".bin", ".onnx"};
	const size_t length = strlen(operand);

	if (*operand == '/' || strncmp(operand, "./", 2) == 0 || strncmp(operand, "../", 3) == 0)
		return true;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		const size_t size = strlen(endings[i]);

		if (length > size && strcmp(operand + length - size, endings[i]) == 0 && !strchr(operand, ':'))
			return true;
	}
	return false;
}

struct rows {
	struct fit_row *items;
	size_t count;
};

static struct fit_row *push(struct rows *rows)
{
	rows->items = memory_grow(rows->items, rows->count + 1, sizeof *rows->items);
	rows->items[rows->count] = (struct fit_row){0};
	return &rows->items[rows->count++];
}

/* Files are taken out of the operands: the others are names of models, or sources. */
static int take_files(struct session *session, const struct ncm_fit_wish *wish, struct rows *rows,
		      struct ncm_error *err)
{
	struct ncm_strings names = {0};
	int failed = 0;

	for (size_t i = 0; i < session->settings.operands.count && !failed; i++) {
		const char *operand = session->settings.operands.items[i];

		if (is_path(operand))
			failed = need_read(operand, wish, &push(rows)->need, err);
		else
			words_add(&names, operand);
	}
	ncm_strings_free(&session->settings.operands);
	session->settings.operands = names;
	return failed;
}

static bool has_memory(const struct ncm_model *model)
{
	static const char *const without[] = {"custom-node", "source-archive", "workflow", "dataset"};

	for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
		if (model->kind && strcmp(model->kind, without[i]) == 0)
			return false;
	}
	return true;
}

/* Models that are named are asked for at their sources; of a whole profile, what is here must do. */
static int take_models(struct session *session, const struct ncm_fit_wish *wish, struct rows *rows,
		       struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(session->config, err);
	const bool ask = session->settings.operands.count > 0;
	struct ncm_model **chosen = NULL;
	size_t count = 0;
	int failed = registry && session_selector(session, err) == 0 && session_catalog(session, err) == 0 ? 0 : -1;

	if (!failed)
		failed = ncm_select(session->catalog, &session->settings.selector, &chosen, &count, err);
	for (size_t i = 0; i < count && !failed && !ncm_interrupted(); i++) {
		if (has_memory(chosen[i]) && !chosen[i]->required_only)
			need_find(session, registry, chosen[i], wish, ask, &push(rows)->need);
	}
	free(chosen);
	ncm_registry_free(registry);
	if (!failed && ncm_interrupted())
		failed = ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
	return failed;
}

/* A source that does not tell where it goes: that is all the same here, and --to is no option of fit. */
static int advise(struct ncm_error *err)
{
	if (err->code == NCM_E_USAGE && err->hint && strncmp(err->hint, "say --to ", 9) == 0)
		ncm_error_hint(err, "name one of its files that ends in .gguf or .safetensors; of all GGUF files of a "
				    "repository: `ncmodel fit --quantizations hf:ORG/REPO`");
	return -1;
}

static int gather(struct session *session, const struct ncm_fit_wish *wish, struct rows *rows, struct ncm_error *err)
{
	const bool named = session->settings.operands.count > 0;

	if (take_files(session, wish, rows, err) < 0)
		return -1;
	if (named && session->settings.operands.count == 0)
		return 0;
	return take_models(session, wish, rows, err) < 0 ? advise(err) : 0;
}

static json_t *rows_json(const struct rows *rows)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rows->count; i++)
		json_push(array, fit_row_json(&rows->items[i]));
	return array;
}

static int verdict_code(struct session *session, const struct rows *rows)
{
	size_t not_fitting = 0;

	for (size_t i = 0; i < rows->count; i++)
		not_fitting += rows->items[i].verdict != NCM_FIT_YES;
	return fit_demand(session, not_fitting, rows->count);
}

static int show(struct session *session, struct rows *rows, const struct ncm_fit_wish *wish, const struct card *card)
{
	json_t *data = json_object();
	int failed;

	if (!asked.context.given)
		family_count(session, rows->items, rows->count, wish);
	for (size_t i = 0; i < rows->count; i++)
		judge(&rows->items[i], wish, card);
	family_find(session, rows->items, rows->count, wish, card);
	if (!session->report.json && !asked.stages)
		fit_table_print(rows->items, rows->count, card, session->settings.verbose > 0);
	json_put(data, "gpu", fit_card_json(card));
	json_put(data, "models", rows_json(rows));
	session->report.data = data;
	failed = rules_show(session, rows->items, rows->count, card, wish, asked.stages, data);
	return failed ? failed : verdict_code(session, rows);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_fit_wish wish;
	struct card card = {0};
	struct rows rows = {0};
	int code;

	session->settings.provision.offline = asked.offline || asked.train; /* no header is needed to train */
	if (read_wish(&wish, &err) < 0 || session_config(session, &err) < 0 || card_find(session, &card, &err) < 0 ||
	    (!asked.stages && !asked.quantizations && gather(session, &wish, &rows, &err) < 0))
		code = session_fail(session, &err);
	else if (asked.train)
		code = training_show(session, rows.items, rows.count, &card);
	else if (asked.quantizations)
		code = fit_choices_show(session, &wish, &card);
	else
		code = show(session, &rows, &wish, &card);
	for (size_t i = 0; i < rows.count; i++)
		need_clear(&rows.items[i].need);
	free(rows.items);
	card_free(&card);
	return code;
}

static const char *const examples[] = {
    "ncmodel fit",
    "what each model of the profile needs, against this machine's card",
    "ncmodel fit deepseek-coder-v2 --context 32768 --gpu \"RTX 3060\" -v",
    "part by part: weights, KV, buffers; and the most that fits when it does not",
    "ncmodel fit ./model.gguf --vram 8GB --kv q8_0",
    "of a file, with a KV cache of half the size",
    "ncmodel fit --quantizations hf:bartowski/Llama-3.2-3B-Instruct-GGUF --vram 8GB",
    "which quantization of a repository is the best that fits",
    "ncmodel fit --profile nebula-rtx3060 --train qlora --vram 12GB",
    "what that document could train on such a card",
    "ncmodel fit --profile nc-dev-rtx4090 --stages",
    "what the stages of the profile's document load, each against the card",
    NULL,
};

const struct command command_fit = {
    .name = "fit",
    .summary = "Tell how much memory models need, and whether they fit the card",
    .arguments = "[MODEL|FILE|SOURCE...]",
    .operands = OPERANDS_MODELS,
    .stops_in_order = true,
    .groups = {&own_group, &options_card, &options_selection},
    .description =
	"Counts from each model's header what it takes to run: weights, KV or state, buffers, what the driver keeps. "
	"Of what is installed, and of files, the header is read; of models that are named and not here it is asked for "
	"at their source (a few megabytes at most). Of the rest of a profile, the manifest's figure or the size of the "
	"files must do, with a ~ before it. -v shows each part, how far the sum may be off, and what was assumed.\n\n"
	"\"fits\" holds even if the figure is off by its error; \"close\" is within it; what is not known is not taken "
	"for fitting. The card is this machine's largest (NVML, amdgpu, xe), or --gpu, or --vram.\n\n"
	"memory/<profile>.json beside the profiles has what its document says: the context that it works at, the "
	"budget, what stays loaded, what may run beside what, its stages (--stages), and what can be trained "
	"(--train).\n\n"
	"Where a model does not fit, the largest of its family (same architecture, fewer parameters) in the profile "
	"that does is named.",
    .examples = examples,
    .run = run,
};
