/* SPDX-License-Identifier: MIT */
/*
 * A model over several cards, by llama.cpp's default (--split-mode layer): a run of layers each, in proportion to what
 * the cards have. llama-model.cpp, load_tensors: a layer goes to the first card whose share of the sum is beyond it.
 */
#include "fit/fit.h"

#include "base/mem.h"

/* How many of so many layers the first cards take. */
static unsigned taken_by(const uint64_t *rooms, size_t count, size_t first, unsigned layers)
{
	double before = 0, all = 0;
	unsigned taken = 0;

	for (size_t i = 0; i < count; i++) {
		before += i < first ? (double)rooms[i] : 0;
		all += (double)rooms[i];
	}
	while (taken < layers && (double)taken * all < before * (double)layers)
		taken++;
	return taken;
}

static void take_off(struct ncm_fit_parts *parts, const struct ncm_fit_parts *others)
{
	parts->weights -= others->weights;
	parts->kv -= others->kv;
	parts->state -= others->state;
	parts->projector -= others->projector;
}

/* Of the last `from` layers, the output counted, all but the last `to`: what both have the later cards have. */
static void count_run(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		      const struct ncm_fit_wish *wish, unsigned from, unsigned to, struct ncm_fit *share)
{
	struct ncm_fit_wish part = *wish;
	struct ncm_fit later = {0};

	*share = (struct ncm_fit){.basis = NCM_FIT_HEADER};
	if (from == to)
		return;
	part.layers = from;
	ncm_fit_count(model, projector, &part, share);
	part.layers = to;
	if (to > 0)
		ncm_fit_count(model, projector, &part, &later);
	take_off(&share->card, &later.card);
	share->layers_on_card = from - to;
	share->host = (struct ncm_fit_parts){0};
	ncm_strings_free(&share->remarks);
	ncm_fit_clear(&later);
}

static enum ncm_fit_verdict worse(enum ncm_fit_verdict one, enum ncm_fit_verdict other)
{
	static const int badness[] = {
	    [NCM_FIT_YES] = 0, [NCM_FIT_CLOSE] = 1, [NCM_FIT_NOT_KNOWN] = 2, [NCM_FIT_NO] = 3};

	return badness[one] > badness[other] ? one : other;
}

/* The projector is the first card's, whatever layers that has. */
static void move_projector(struct ncm_fit *shares, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		shares[0].card.projector += shares[i].card.projector;
		shares[i].card.projector = 0;
	}
}

enum ncm_fit_verdict ncm_fit_spread(const struct ncm_inspection *model, const struct ncm_inspection *projector,
				    const struct ncm_fit_wish *wish, const uint64_t *rooms, size_t count,
				    struct ncm_fit *shares)
{
	const unsigned all = (unsigned)model->layer_count + 1;
	const unsigned layers = wish->layers < all ? wish->layers : all;
	enum ncm_fit_verdict verdict = NCM_FIT_YES;

	for (size_t i = 0; i < count; i++)
		count_run(model, projector, wish, layers - taken_by(rooms, count, i, layers),
			  layers - taken_by(rooms, count, i + 1, layers), &shares[i]);
	move_projector(shares, count);
	for (size_t i = 0; i < count; i++)
		verdict = worse(verdict, ncm_fit_judge(&shares[i], rooms[i]));
	return verdict;
}
