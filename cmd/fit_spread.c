/* SPDX-License-Identifier: MIT */
#include "fit_spread.h"

#include "ui/text.h"

#include <stdlib.h>
#include <string.h>

void spread_free(struct spread *spread)
{
	for (size_t i = 0; i < spread->count; i++)
		ncm_fit_clear(&spread->shares[i]);
	free(spread->shares);
	free(spread->gpus);
	*spread = (struct spread){0};
}

static bool is_partner(const struct ncm_gpu *one, const struct ncm_gpu *other)
{
	const bool same_maker =
	    one->vendor && other->vendor ? strcmp(one->vendor, other->vendor) == 0 : one->vendor == other->vendor;

	return same_maker && gpu_room(one) > 0 && !one->unified;
}

static size_t count_partners(const struct card *card)
{
	size_t count = 0;

	for (size_t i = 0; card->gpu && card->gpus && i < card->gpus->count; i++)
		count += is_partner(&card->gpus->items[i], card->gpu);
	return card->gpu && !card->gpu->unified ? count : 0;
}

/* `others`: what those that stay loaded have of the largest. 1 byte is no room, and 0 would be: not known how much. */
static uint64_t *rooms_of(const struct card *card, uint64_t others, struct spread *spread)
{
	uint64_t *rooms = NULL;

	for (size_t i = 0; i < card->gpus->count; i++) {
		const struct ncm_gpu *gpu = &card->gpus->items[i];
		const uint64_t taken = gpu == card->gpu ? others : 0;

		if (!is_partner(gpu, card->gpu))
			continue;
		rooms = memory_grow(rooms, spread->count + 1, sizeof *rooms);
		spread->gpus = memory_grow(spread->gpus, spread->count + 1, sizeof(*spread->gpus));
		spread->shares = memory_grow(spread->shares, spread->count + 1, sizeof *spread->shares);
		rooms[spread->count] = gpu_room(gpu) > taken ? gpu_room(gpu) - taken : 1;
		spread->gpus[spread->count++] = gpu;
	}
	return rooms;
}

/* Even if it could be divided without loss. */
static enum ncm_fit_verdict judge_at_best(const struct card *card, const struct ncm_fit *sum)
{
	uint64_t room = 0;

	for (size_t i = 0; i < card->gpus->count; i++)
		room += is_partner(&card->gpus->items[i], card->gpu) ? gpu_room(&card->gpus->items[i]) : 0;
	return ncm_fit_judge(sum, room) == NCM_FIT_NO ? NCM_FIT_NO : NCM_FIT_NOT_KNOWN;
}

enum ncm_fit_verdict card_judge(const struct card *card, const struct need *need, const struct ncm_fit *sum,
				struct spread *spread)
{
	const enum ncm_fit_verdict alone = ncm_fit_judge(sum, card->room);
	const uint64_t others = ncm_fit_sum(&sum->card) - ncm_fit_sum(&need->fit.card) + sum->error - need->fit.error;
	enum ncm_fit_verdict together;
	uint64_t *rooms;

	*spread = (struct spread){0};
	if ((alone != NCM_FIT_NO && alone != NCM_FIT_CLOSE) || count_partners(card) < 2)
		return alone;
	if (!need->model)
		return alone == NCM_FIT_NO ? judge_at_best(card, sum) : alone;
	if (need->fit.layers == 0 || need->wish.layers == 0)
		return alone;
	rooms = rooms_of(card, others, spread);
	together = ncm_fit_spread(need->model, need->projector, &need->wish, rooms, spread->count, spread->shares);
	free(rooms);
	if (together == NCM_FIT_YES || (together == NCM_FIT_CLOSE && alone == NCM_FIT_NO))
		return together;
	spread_free(spread);
	return alone;
}

char *spread_text(const struct spread *spread)
{
	struct ncm_strings words = {0};

	for (size_t i = 0; i < spread->count; i++) {
		AUTO_FREE char *sum = gib_text(ncm_fit_sum(&spread->shares[i].card));
		AUTO_FREE char *word = text_format("%u%s on %s (%s)", spread->shares[i].layers_on_card,
						   i == 0 ? " layers" : "", spread->gpus[i]->name, sum);

		words_add(&words, word);
	}
	AUTO_FREE char *list = words_join(&words, ", ");

	ncm_strings_free(&words);
	return text_format("over %zu cards: %s", spread->count, list);
}

json_t *spread_json(const struct spread *spread)
{
	json_t *array = json_array();

	for (size_t i = 0; i < spread->count; i++) {
		json_t *object = json_object();

		json_put_text(object, "gpu", spread->gpus[i]->name);
		json_put_number(object, "layers", spread->shares[i].layers_on_card);
		json_put_number(object, "total", ncm_fit_sum(&spread->shares[i].card));
		json_put_number(object, "room", gpu_room(spread->gpus[i]));
		json_push(array, object);
	}
	return array;
}
