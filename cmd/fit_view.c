/* SPDX-License-Identifier: MIT */
#include "fit_view.h"

#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

static struct {
	const char *vram;
	struct ncm_strings gpus;
	bool required, free;
} settings;

static const struct option options[] = {
    {.name = "vram",
     .kind = OPTION_TEXT,
     .value = &settings.vram,
     .argument = "SIZE",
     .help = "hold models against a card of so much memory: 12GB (of 1024 MiB each, as makers of cards count), 8192MB"},
    {.name = "gpu",
     .kind = OPTION_LIST,
     .value = &settings.gpus,
     .argument = "NAME",
     .help = "against a card of that name: \"RTX 3060\"; can be repeated"},
    {.name = "free",
     .kind = OPTION_FLAG,
     .value = &settings.free,
     .help = "against what is free of this machine's card now, not all of its memory"},
    {.name = "require-fit",
     .kind = OPTION_FLAG,
     .value = &settings.required,
     .help = "refuse models that are not known to fit (exit 12)"},
    {.name = NULL},
};
const struct option_group options_card = {"Memory", options};

bool fit_is_demanded(void)
{
	return settings.required;
}

bool fit_is_by_free(void)
{
	return settings.free;
}

uint64_t gpu_room(const struct ncm_gpu *gpu)
{
	if (settings.free)
		return gpu->has_free ? gpu->free : 0;
	return gpu->has_total ? gpu->total : 0;
}

int fit_demand(struct session *session, size_t not_fitting, size_t count)
{
	AUTO_FREE char *message = NULL;

	if (!settings.required || not_fitting == 0)
		return 0;
	message =
	    text_format("%zu of %zu %s not known to fit", not_fitting, count, text_plural(not_fitting, "is", "are"));
	return report_silently(&session->report, NCM_E_NO_FIT, message, NULL);
}

char *gib_text(uint64_t bytes)
{
	const bool is_small = bytes > 0 && bytes < 1 << 30;

	return text_format("%.1f %s", (double)bytes / (is_small ? 1 << 20 : 1 << 30), is_small ? "MiB" : "GiB");
}

static int parse_vram(const char *text, uint64_t *bytes, struct ncm_error *err)
{
	static const char *const units[] = {"", "GB", "GiB", "G", "MB", "MiB", "M"};
	char *unit;
	const double number = strtod(text, &unit);

	for (size_t i = 0; number > 0 && number < 1e6 && i < sizeof units / sizeof *units; i++) {
		if (strcmp(unit, units[i]) != 0)
			continue;
		*bytes = (uint64_t)(number * (i < 4 ? 1 << 30 : 1 << 20));
		return 0;
	}
	ncm_error_set(err, NCM_E_USAGE, "--vram \"%s\": no size", text);
	return ncm_error_hint(err, "as in --vram 12GB or --vram 8192MB");
}

static void choose_largest(struct card *card)
{
	for (size_t i = 0; i < card->gpus->count; i++) {
		const struct ncm_gpu *gpu = &card->gpus->items[i];

		if (!card->gpu || gpu_room(gpu) > gpu_room(card->gpu))
			card->gpu = gpu;
	}
	card->room = card->gpu ? gpu_room(card->gpu) : 0;
}

/* Those of the option, each in its turn. NULL with *err: USAGE, MANIFEST. */
static struct ncm_gpu_list *named(const struct session *session, struct ncm_error *err)
{
	struct ncm_gpu_list *all = ncm_gpu_named(session->config, settings.gpus.items[0], err);

	for (size_t i = 1; all && i < settings.gpus.count; i++) {
		struct ncm_gpu_list *more = ncm_gpu_named(session->config, settings.gpus.items[i], err);

		if (!more) {
			ncm_gpus_free(all);
			return NULL;
		}
		all->items = memory_grow(all->items, all->count + 1, sizeof *all->items);
		all->items[all->count++] = more->items[0];
		more->count = 0;
		ncm_gpus_free(more);
	}
	return all;
}

static int check_settings(struct ncm_error *err)
{
	if (settings.vram && settings.gpus.count > 0)
		ncm_error_set(err, NCM_E_USAGE, "--vram and --gpu each say which card it is");
	else if (settings.free && (settings.vram || settings.gpus.count > 0))
		ncm_error_set(err, NCM_E_USAGE, "--free is of this machine's card, and %s says another",
			      settings.vram ? "--vram" : "--gpu");
	else
		return 0;
	return ncm_error_hint(err, "leave out one of them");
}

int card_find(const struct session *session, struct card *card, struct ncm_error *err)
{
	*card = (struct card){0};
	if (check_settings(err) < 0)
		return -1;
	if (settings.vram)
		return parse_vram(settings.vram, &card->room, err);
	card->gpus = settings.gpus.count > 0 ? named(session, err) : ncm_gpus_look();
	if (!card->gpus)
		return -1;
	choose_largest(card);
	return 0;
}

void card_free(struct card *card)
{
	ncm_gpus_free(card->gpus);
	ncm_strings_free(&settings.gpus);
	*card = (struct card){0};
}

static char *gpu_text(const struct ncm_gpu *gpu)
{
	AUTO_FREE char *name = text_safe(gpu->name);
	AUTO_FREE char *room = gib_text(gpu->total);

	if (!gpu->has_total)
		return text_format("%s, whose memory is not known", name);
	if (gpu->has_free) {
		AUTO_FREE char *left = gib_text(gpu->free);

		return text_format("%s, %s, %s of it free%s", name, room, left, settings.free ? " (which counts)" : "");
	}
	return text_format("%s, %s", name, room);
}

char *card_text(const struct card *card)
{
	AUTO_FREE char *room = gib_text(card->room);
	char *text;

	if (!card->gpu)
		return card->room ? text_format("a card of %s", room) : text_copy("no graphics card was found");
	text = gpu_text(card->gpu);
	for (size_t i = 0; i < card->gpus->count; i++) {
		AUTO_FREE char *before = NULL, *more = NULL;

		if (&card->gpus->items[i] == card->gpu)
			continue;
		before = text;
		more = gpu_text(&card->gpus->items[i]);
		text = text_format("%s; %s", before, more);
	}
	return text;
}

void need_clear(struct need *need)
{
	ncm_inspection_free(need->model);
	ncm_inspection_free(need->projector);
	for (size_t i = 0; i < need->part_count; i++)
		ncm_inspection_free(need->parts[i]);
	free(need->parts);
	ncm_fit_clear(&need->fit);
	ncm_strings_free(&need->notes);
	free(need->id);
	*need = (struct need){0};
}

static void count(struct need *need)
{
	const struct ncm_inspection *const *parts = (const struct ncm_inspection *const *)need->parts;

	ncm_fit_clear(&need->fit);
	if (need->part_count > 0)
		ncm_fit_count_picture(need->model, parts, need->part_count, &need->wish, &need->fit);
	else
		ncm_fit_count(need->model, need->projector, &need->wish, &need->fit);
	for (size_t i = 0; i < need->notes.count; i++)
		words_add(&need->fit.remarks, need->notes.items[i]);
}

void need_count_at(struct need *need, uint64_t tokens)
{
	need->wish.context = tokens;
	if (need->model && need->fit.context > 0)
		count(need);
}

static void note(struct need *need, const char *text)
{
	words_add(&need->notes, text);
	words_add(&need->fit.remarks, text);
}

void need_take_part(struct need *need, struct need *part)
{
	need->parts = memory_grow(need->parts, need->part_count + 1, sizeof(*need->parts));
	need->parts[need->part_count++] = part->model;
	part->model = NULL;
	count(need);
}

static void read_installed(const struct ncm_reg_model *entry, struct need *need)
{
	struct ncm_error err = NCM_ERROR_INIT;

	need->model = ncm_fit_read_installed(entry, &need->projector, &err);
	if (err.message)
		words_add(&need->fit.remarks, err.message);
	ncm_error_clear(&err);
}

static const char *source_of(const struct ncm_model *model)
{
	const struct ncm_file_spec *specs = model->chosen ? model->chosen->files : model->files;
	const size_t count_of = model->chosen ? model->chosen->file_count : model->file_count;

	return count_of > 0 ? specs[0].from.items[0] : NULL;
}

static void ask_source(const struct session *session, const struct ncm_model *model, struct need *need)
{
	const char *source = source_of(model);
	struct ncm_error err = NCM_ERROR_INIT;

	if (!source || session->settings.provision.offline)
		return;
	need->model = ncm_inspect_source(session->config, source, NULL, &session->sink, &err);
	if (!need->model && err.message)
		report_warning(&session->report, err.message);
	ncm_error_clear(&err);
}

static bool is_sound(const struct ncm_inspection *model)
{
	return model->state == NCM_INSPECTED_SOUND || model->state == NCM_INSPECTED_UNJUDGED;
}

static void guess(const struct ncm_model *model, const struct ncm_reg_model *entry, struct need *need)
{
	const struct ncm_file_spec *specs = model->chosen ? model->chosen->files : model->files;
	const size_t count_of = model->chosen ? model->chosen->file_count : model->file_count;
	struct ncm_doubt doubt = {0};
	const uint64_t stated = ncm_size_stated(specs, count_of, &doubt);
	struct ncm_strings why = need->fit.remarks; /* there is no figure by its header */

	ncm_fit_guess(entry ? entry->size : stated, need->stated, &need->fit);
	need->fit.at_least = entry && (need->model ? !is_sound(need->model) : why.count > 0);
	for (size_t i = 0; i < why.count; i++)
		words_add(&need->fit.remarks, why.items[i]);
	ncm_strings_free(&why);
}

/* Of what is installed the header is read; of what is not, it is asked for if `ask`. */
static void look_at(const struct session *session, const struct ncm_reg_model *entry, const struct ncm_model *model,
		    bool ask, struct need *need)
{
	*need = (struct need){.id = text_copy(model->id), .stated = model->vram_max};
	if (entry)
		read_installed(entry, need);
	else if (ask)
		ask_source(session, model, need);
}

static bool is_part(const struct ncm_model *model, const struct ncm_model *of)
{
	static const char *const kinds[] = {"text-encoder", "vae", "controlnet", "lora"};

	if (!model->profile || !of->profile || strcmp(model->profile, of->profile) != 0 ||
	    !ncm_strings_contain(&of->requires_ids, model->id))
		return false;
	for (size_t i = 0; model->kind && i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(model->kind, kinds[i]) == 0)
			return true;
	}
	return false;
}

/* What the manifest says a picture model requires to work. */
static void take_required(const struct session *session, const struct ncm_registry *registry,
			  const struct ncm_model *model, bool ask, struct need *need)
{
	struct ncm_strings with = {0};

	for (size_t i = 0; session->catalog && i < session->catalog->count; i++) {
		const struct ncm_model *other = &session->catalog->models[i];
		struct need part;

		if (!is_part(other, model))
			continue;
		look_at(session, ncm_registry_same(registry, other), other, ask, &part);
		if (part.model) {
			need_take_part(need, &part);
			words_add(&with, other->id);
		}
		need_clear(&part);
	}
	if (with.count > 0) {
		AUTO_FREE char *names = words_join(&with, ", ");
		AUTO_FREE char *remark = text_format("counted with what it requires: %s", names);

		note(need, remark);
	}
	ncm_strings_free(&with);
}

/* By its header, if that was had. It may keep more by the program that runs it. */
static void count_for(struct need *need, const char *source)
{
	uint64_t before;

	if (!need->model)
		return;
	count(need);
	before = ncm_fit_sum(&need->fit.card) + ncm_fit_sum(&need->fit.host);
	ncm_fit_wish_for(need->model, source, &need->wish);
	count(need);
	if (ncm_fit_sum(&need->fit.card) + ncm_fit_sum(&need->fit.host) != before)
		note(need, "counted as Ollama keeps it: the whole context in windowed layers, "
			   "latent values");
}

void need_find(const struct session *session, const struct ncm_registry *registry, const struct ncm_model *model,
	       const struct ncm_fit_wish *wish, bool ask, struct need *need)
{
	const struct ncm_reg_model *entry = ncm_registry_same(registry, model);

	look_at(session, entry, model, ask, need);
	need->wish = *wish;
	count_for(need, source_of(model));
	if (need->model && ncm_fit_is_picture(need->model))
		take_required(session, registry, model, ask, need);
	if (need->fit.basis == NCM_FIT_UNKNOWN)
		guess(model, entry, need);
}

void need_installed(const struct ncm_reg_model *entry, const struct ncm_fit_wish *wish, struct need *need)
{
	*need = (struct need){.id = text_copy(entry->id), .wish = *wish};
	read_installed(entry, need);
	count_for(need, entry->source);
}

int need_read(const char *path, const struct ncm_fit_wish *wish, struct need *need, struct ncm_error *err)
{
	*need = (struct need){.id = text_copy(path), .wish = *wish};
	need->model = ncm_inspect_file(path, NULL, err);
	if (!need->model)
		return -1;
	count(need);
	return 0;
}
