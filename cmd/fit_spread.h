/* SPDX-License-Identifier: MIT */
/* A model over several cards, where no one of them has room for it. */
#ifndef CMD_FIT_SPREAD_H
#define CMD_FIT_SPREAD_H

#include "fit_view.h"

struct spread {
	const struct ncm_gpu **gpus; /* the card's */
	struct ncm_fit *shares;
	size_t count; /* 0: it is not spread */
};
void spread_free(struct spread *spread);

/*
 * Whether a model fits the largest card, else those of the same maker together: its layers are spread over them, and
 * *spread tells how. `sum` is the model with what stays loaded beside it, which is on the largest card. Of what has no
 * header it is not known whether it can be spread.
 */
enum ncm_fit_verdict card_judge(const struct card *card, const struct need *need, const struct ncm_fit *sum,
				struct spread *spread);
/* "over 2 cards: 17 layers on RTX 3060 (6.1 GiB), 16 on RTX 3060 (6.5 GiB)". The caller frees it. */
char *spread_text(const struct spread *spread);
/* New reference. */
json_t *spread_json(const struct spread *spread);

#endif
