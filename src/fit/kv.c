/* SPDX-License-Identifier: MIT */
/* What is kept between tokens. Cells: llama-kv-cache.cpp and llama-kv-cache-iswa.cpp. */
#include "fit/fit.h"

#include <string.h>
#include <strings.h>

struct kv_type {
	const char *name;
	unsigned elements, bytes; /* of a block */
};

static const struct kv_type types[] = {
    {"f16", 1, 2},    {"f32", 1, 4},    {"bf16", 1, 2},   {"q8_0", 32, 34},   {"q5_1", 32, 24},
    {"q5_0", 32, 22}, {"q4_1", 32, 20}, {"q4_0", 32, 18}, {"iq4_nl", 32, 18},
};

static const struct kv_type *type_of(const char *name)
{
	for (size_t i = 0; name && i < sizeof types / sizeof *types; i++) {
		if (strcasecmp(name, types[i].name) == 0)
			return &types[i];
	}
	return NULL;
}

bool ncm_fit_knows_kv_type(const char *type)
{
	return type_of(type) != NULL;
}

uint64_t fit_kv_bytes(const char *type, uint64_t elements)
{
	const struct kv_type *found = type_of(type);

	if (!found)
		found = &types[0];
	return (elements + found->elements - 1) / found->elements * found->bytes;
}

static uint64_t padded(uint64_t cells)
{
	return (cells + 255) / 256 * 256;
}

uint64_t fit_cells(const struct ncm_fit_wish *wish)
{
	return padded(wish->context);
}

uint64_t fit_window_cells(const struct ncm_fit_wish *wish, uint64_t window)
{
	const uint64_t all = fit_cells(wish);
	const uint64_t seen = window + wish->batch;

	return wish->swa_full || window > all || seen > all ? all : padded(seen);
}

bool fit_on_card(const struct ncm_fit_wish *wish, size_t layer, size_t count)
{
	return wish->layers >= count || layer >= count - wish->layers;
}

void fit_add_kv(const struct fit_shape *shape, const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	for (size_t i = 0; i < shape->count; i++) {
		const struct fit_layer *layer = &shape->layers[i];
		struct ncm_fit_parts *place = fit_on_card(wish, i, shape->count + 1) ? &fit->card : &fit->host;
		const uint64_t cells = layer->windowed ? fit_window_cells(wish, shape->window) : fit_cells(wish);
		/* without flash attention V lies transposed, all layers' as wide as the widest */
		const uint64_t value =
		    layer->value_width > 0 && !wish->flash ? shape->widest_value : layer->value_width;
		const uint64_t row = fit_kv_bytes(wish->kv_type, layer->key_width) + fit_kv_bytes(wish->kv_type, value);

		place->kv += wish->sequences * cells * row;
		place->kv += wish->sequences * fit_cells(wish) * fit_kv_bytes(wish->kv_type, layer->indexer_width);
		place->state += wish->sequences * layer->state;
	}
}
