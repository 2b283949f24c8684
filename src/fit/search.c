/* SPDX-License-Identifier: MIT */
/* The most that fits: more layers and longer contexts take more, so halving finds it. */
#include "fit/fit.h"

enum { CONTEXT_STEP = 256, CONTEXT_MOST = 1 << 20 };

static bool has_room(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		     const struct ncm_fit_wish *wish, uint64_t room)
{
	struct ncm_fit fit;
	bool has;

	ncm_fit_count(model, projector, wish, &fit);
	has = fit.basis != NCM_FIT_UNKNOWN && !fit.at_least && ncm_fit_sum(&fit.card) <= room;
	ncm_fit_clear(&fit);
	return has;
}

unsigned ncm_fit_layers(const struct ncm_inspection *model, const struct ncm_inspection *projector,
			const struct ncm_fit_wish *wish, uint64_t room)
{
	struct ncm_fit_wish tried = *wish;
	unsigned fits = 0, fails = (unsigned)model->layer_count + 2;

	while (fails - fits > 1) {
		tried.layers = fits + (fails - fits) / 2;
		if (has_room(model, projector, &tried, room))
			fits = tried.layers;
		else
			fails = tried.layers;
	}
	return fits;
}

uint64_t ncm_fit_context(const struct ncm_inspection *model, const struct ncm_inspection *projector,
			 const struct ncm_fit_wish *wish, uint64_t room)
{
	const uint64_t own = model->context_length ? model->context_length : CONTEXT_MOST;
	struct ncm_fit_wish tried = *wish;
	uint64_t fits = 0, fails = own / CONTEXT_STEP + 1;

	while (fails - fits > 1) {
		const uint64_t middle = fits + (fails - fits) / 2;

		tried.context = middle * CONTEXT_STEP;
		if (has_room(model, projector, &tried, room))
			fits = middle;
		else
			fails = middle;
	}
	return fits * CONTEXT_STEP;
}
