/* SPDX-License-Identifier: MIT */
#include "ps_gpu.h"

#include "fit_view.h"
#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/gpu.h>

#include <string.h>

/* All cards with memory of their own against all servers of this machine: on which card a model is, none tells. */
struct sums {
	uint64_t total, used; /* of the cards that tell both */
	bool has_used;        /* every card does */
	uint64_t told;        /* by the servers */
	size_t untold;        /* models whose server does not tell it */
	size_t silent;        /* servers of which it is not known what they have loaded, and that may run */
};

static bool tells_use(const struct ncm_gpu *card)
{
	return card->has_total && card->has_free && !card->unified && card->free <= card->total;
}

static void add_card(const struct ncm_gpu *card, struct sums *sums)
{
	if (!tells_use(card)) {
		sums->has_used = false;
		return;
	}
	sums->total += card->total;
	sums->used += card->total - card->free;
}

static uint64_t vram_of(const struct ncm_runtime_server *server, size_t *untold)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < server->count; i++) {
		sum += server->models[i].has_vram ? server->models[i].vram : 0;
		*untold += !server->models[i].has_vram;
	}
	return sum;
}

static void add_server(const struct ncm_runtime_server *server, struct sums *sums)
{
	if (!server->local)
		return;
	sums->told += vram_of(server, &sums->untold);
	sums->silent += server->error.code != NCM_OK && !server->silent;
}

/* What none of the servers explains. */
static uint64_t rest_of(const struct sums *sums)
{
	return sums->used > sums->told ? sums->used - sums->told : 0;
}

static json_t *card_json(const struct ncm_gpu *card)
{
	json_t *object = json_object();

	json_put_text(object, "name", card->name);
	json_put_text(object, "told_by", card->told_by);
	json_put(object, "total", card->has_total ? json_number(card->total) : json_null());
	json_put(object, "used", tells_use(card) ? json_number(card->total - card->free) : json_null());
	json_put_flag(object, "unified", card->unified);
	return object;
}

static json_t *sums_json(const struct ncm_gpu_list *cards, const struct sums *sums)
{
	json_t *object = json_object(), *array = json_array();

	for (size_t i = 0; i < cards->count; i++)
		json_push(array, card_json(&cards->items[i]));
	json_put(object, "cards", array);
	json_put(object, "used", sums->has_used ? json_number(sums->used) : json_null());
	json_put_number(object, "told", sums->told);
	json_put_number(object, "untold_models", sums->untold);
	json_put(object, "unexplained", sums->has_used ? json_number(rest_of(sums)) : json_null());
	return object;
}

static void print_card(const struct ncm_gpu *card)
{
	AUTO_FREE char *name = text_safe(card->name);
	AUTO_FREE char *used = tells_use(card) ? gib_text(card->total - card->free) : text_copy("?");
	AUTO_FREE char *total = card->has_total ? gib_text(card->total) : text_copy("?");

	if (card->unified)
		print_line(stdout, "%s: it has the machine's memory, %s.", name, total);
	else
		print_line(stdout, "%s: %s of %s used.", name, used, total);
}

/* "small 4.1 GiB, large 4.0 GiB". The caller frees it. */
static char *by_server(const struct ncm_runtime_view *view)
{
	struct ncm_strings words = {0};
	size_t untold = 0;
	char *text;

	for (size_t i = 0; i < view->count; i++) {
		const struct ncm_runtime_server *server = &view->servers[i];
		AUTO_FREE char *sum = gib_text(vram_of(server, &untold));
		AUTO_FREE char *word = text_format("%s %s", server->name, sum);

		if (server->local && server->error.code == NCM_OK)
			words_add(&words, word);
	}
	text = words.count > 0 ? words_join(&words, ", ") : text_copy("nothing");
	ncm_strings_free(&words);
	return text;
}

static void print_rest(const struct ncm_runtime_view *view, const struct sums *sums)
{
	AUTO_FREE char *servers = by_server(view);
	AUTO_FREE char *rest = gib_text(rest_of(sums));

	print_line(stdout,
		   "  of that by the servers here: %s; explained by none: %s (drivers, screens, other programs)",
		   servers, sums->has_used ? rest : "not known");
	if (sums->untold > 0)
		print_line(stdout,
			   "  %zu %s in that rest, too: their servers do not tell how much of the card they have",
			   sums->untold, text_plural(sums->untold, "model may be", "models may be"));
	if (sums->silent > 0)
		print_line(stdout, "  and what %zu %s loaded is not known", sums->silent,
			   text_plural(sums->silent, "server has", "servers have"));
	if (sums->has_used && sums->told > sums->used)
		print_line(stdout, "  the servers tell of more than is used: their figures are estimates");
}

json_t *ps_gpu(const struct ncm_runtime_view *view, bool silent)
{
	struct ncm_gpu_list *cards = ncm_gpus_look();
	struct sums sums = {.has_used = true};
	json_t *told = json_null();

	for (size_t i = 0; i < cards->count; i++)
		add_card(&cards->items[i], &sums);
	for (size_t i = 0; i < view->count; i++)
		add_server(&view->servers[i], &sums);
	for (size_t i = 0; i < cards->count && !silent; i++)
		print_card(&cards->items[i]);
	if (cards->count > 0) {
		told = sums_json(cards, &sums);
		if (!silent)
			print_rest(view, &sums);
	}
	ncm_gpus_free(cards);
	return told;
}
