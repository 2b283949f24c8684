/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "fit_choices.h"
#include "fit_family.h"
#include "fit_json.h"
#include "fit_rows.h"
#include "fit_rules.h"
#include "fit_table.h"
#include "ui/text.h"

#include <stdio.h>
#include <string.h>

enum { BATCH_MOST = 65536, CONTEXT_MOST = 1 << 24, SEQUENCES_MOST = 1024 };

static struct {
	struct option_number context, parallel, batch, layers;
	const char *kv_type, *image;
	struct ncm_strings with, parts;
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
    {.name = "part",
     .kind = OPTION_LIST,
     .value = &asked.parts,
     .argument = "MODEL",
     .help = "of a picture model: its text encoder, decoder, ControlNet or LoRA in another file, which is a name, file "
	     "or source; can be repeated"},
    {.name = "keep-all",
     .kind = OPTION_FLAG,
     .value = &asked.keep_all,
     .help = "text encoders, denoiser and decoder stay loaded together"},
    {.name = "with",
     .kind = OPTION_LIST,
     .value = &asked.with,
     .argument = "MODEL",
     .help = "beside this one, which stays loaded: a name, file or source; can be repeated"},
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

/* The model and what stays loaded beside it, which is not counted twice. */
static struct ncm_fit together(const struct fit_row *row, const struct fit_rows *resident)
{
	struct ncm_fit sum = row->need.fit;

	sum.remarks = (struct ncm_strings){0};
	for (size_t i = 0; i < resident->count; i++) {
		if (strcmp(resident->items[i].need.id, row->need.id) != 0)
			ncm_fit_add(&sum, &resident->items[i].need.fit);
	}
	return sum;
}

static bool are_counted(const struct fit_row *row, const struct fit_rows *resident)
{
	bool counted = row->need.fit.basis == NCM_FIT_HEADER;

	for (size_t i = 0; i < resident->count; i++)
		counted &= resident->items[i].need.fit.basis == NCM_FIT_HEADER;
	return counted;
}

/* What the most is that fits, of a model that does not as it was asked for. */
static void judge(struct fit_row *row, const struct fit_rows *resident, const struct card *card)
{
	const struct need *need = &row->need;
	const struct ncm_fit sum = together(row, resident);
	const uint64_t taken = ncm_fit_sum(&sum.card) - ncm_fit_sum(&need->fit.card) + sum.error;
	const bool is_language = need->model && need->fit.layers > 0;

	row->verdict = card_judge(card, need, &sum, &row->spread);
	row->together = ncm_fit_sum(&sum.card);
	row->together_known = sum.basis != NCM_FIT_UNKNOWN && !sum.at_least;
	row->together_counted = are_counted(row, resident);
	if (!is_language || !row->together_known || card->room <= taken || row->spread.count > 0)
		return;
	if (row->verdict == NCM_FIT_NO || row->verdict == NCM_FIT_CLOSE)
		row->layers_that_fit = ncm_fit_layers(need->model, need->projector, &need->wish, card->room - taken);
	if (need->fit.context > 0)
		row->context_that_fits = ncm_fit_context(need->model, need->projector, &need->wish, card->room - taken);
}

static json_t *rows_json(const struct fit_rows *rows)
{
	json_t *array = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct fit_row *row = &rows->items[i];
		json_t *object = fit_row_json(row);

		if (asked.with.count > 0)
			json_put(object, "together", row->together_known ? json_number(row->together) : json_null());
		json_push(array, object);
	}
	return array;
}

static int verdict_code(struct session *session, const struct fit_rows *rows)
{
	size_t not_fitting = 0;

	for (size_t i = 0; i < rows->count; i++)
		not_fitting += rows->items[i].verdict != NCM_FIT_YES;
	return fit_demand(session, not_fitting, rows->count);
}

static int show(struct session *session, struct fit_rows *rows, const struct fit_rows *resident,
		const struct ncm_fit_wish *wish, const struct card *card)
{
	json_t *data = json_object();
	int failed;

	if (!asked.context.given)
		family_count(session, rows->items, rows->count);
	for (size_t i = 0; i < rows->count; i++)
		judge(&rows->items[i], resident, card);
	family_find(session, rows->items, rows->count, wish, card);
	if (session_prints(session) && !asked.stages)
		fit_table_print(rows, resident, card, session->settings.verbose > 0);
	json_put(data, "gpu", fit_card_json(card));
	json_put(data, "gpus", fit_cards_json(card));
	json_put_flag(data, "by_free", fit_is_by_free());
	json_put(data, "models", rows_json(rows));
	if (asked.with.count > 0)
		json_put(data, "resident", fit_resident_json(resident));
	session->report.data = data;
	failed = rules_show(session, rows->items, rows->count, card, wish, asked.stages, data);
	return failed ? failed : verdict_code(session, rows);
}

static int check_stages(const struct session *session, struct ncm_error *err)
{
	const char *other = asked.with.count > 0       ? "--with another"
			    : asked.train              ? "--train asks something else"
			    : session_selects(session) ? "what is named or chosen is another"
						       : NULL;

	if (!asked.stages || !other)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "--stages has the sets of the profile's document, and %s", other);
	return ncm_error_hint(err, "leave out one of them");
}

/* What stays loaded is on the card as a whole. */
static int take_resident(struct session *session, const struct ncm_fit_wish *wish, struct fit_rows *resident,
			 struct ncm_error *err)
{
	struct ncm_fit_wish whole = *wish;

	whole.layers = NCM_FIT_ALL_LAYERS;
	whole.experts_on_host = false;
	return fit_rows_named(session, &asked.with, &whole, resident, err);
}

/* Read anew for each, who keeps them. */
static int take_parts(struct session *session, const struct ncm_fit_wish *wish, struct fit_rows *rows,
		      struct ncm_error *err)
{
	size_t pictures = 0;
	int failed = 0;

	for (size_t i = 0; asked.parts.count > 0 && i < rows->count && !failed; i++) {
		struct need *need = &rows->items[i].need;
		struct fit_rows parts = {0};

		if (!need->model || !ncm_fit_is_picture(need->model))
			continue;
		pictures++;
		failed = fit_rows_named(session, &asked.parts, wish, &parts, err);
		for (size_t k = 0; k < parts.count && !failed; k++) {
			if (parts.items[k].need.model)
				need_take_part(need, &parts.items[k].need);
		}
		fit_rows_free(&parts);
	}
	if (failed || pictures > 0 || asked.parts.count == 0)
		return failed;
	ncm_error_set(err, NCM_E_USAGE, "--part is of picture models, and there is none whose header was read");
	return ncm_error_hint(err, "what stays loaded beside a model is --with");
}

static int gather(struct session *session, const struct ncm_fit_wish *wish, struct fit_rows *rows,
		  struct fit_rows *resident, struct ncm_error *err)
{
	if (check_stages(session, err) < 0 || take_resident(session, wish, resident, err) < 0)
		return -1;
	if (asked.stages || asked.quantizations)
		return 0;
	return fit_rows_asked(session, wish, rows, err) < 0 ? -1 : take_parts(session, wish, rows, err);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_fit_wish wish;
	struct card card = {0};
	struct fit_rows rows = {0}, resident = {0};
	int code;

	session->settings.provision.offline = asked.offline || asked.train; /* no header is needed to train */
	if (read_wish(&wish, &err) < 0 || session_config(session, &err) < 0 || card_find(session, &card, &err) < 0 ||
	    gather(session, &wish, &rows, &resident, &err) < 0)
		code = session_fail(session, &err);
	else if (asked.train)
		code = training_show(session, rows.items, rows.count, &card);
	else if (asked.quantizations)
		code = fit_choices_show(session, &wish, &resident, &card);
	else
		code = show(session, &rows, &resident, &wish, &card);
	fit_rows_free(&rows);
	fit_rows_free(&resident);
	ncm_strings_free(&asked.with);
	ncm_strings_free(&asked.parts);
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
    "ncmodel fit qwen2.5-coder-14b --with nomic-embed-text --vram 12GB",
    "whether both can be loaded at once, and what is left for the context",
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
	"for fitting. The card is this machine's largest (NVML, amdgpu, xe), or --gpu, or --vram; all of its memory "
	"counts, also what others use just now; with --free only what is free. What does not fit it "
	"is "
	"spread over several of one maker, as llama.cpp does: layers in proportion to their memory.\n\n"
	"memory/<profile>.json beside the profiles has what its document says: the context that it works at, the "
	"budget, what stays loaded, what may run beside what, its stages (--stages), and what can be trained "
	"(--train).\n\n"
	"Where a model does not fit, the largest of its family (same architecture, fewer parameters) in the profile "
	"that does is named.",
    .examples = examples,
    .run = run,
};
