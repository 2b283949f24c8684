/* SPDX-License-Identifier: MIT */
#include "fit_json.h"

#include "ui/fields.h"

#define OF(field) .offset = offsetof(struct ncm_fit_parts, field)

static const struct field parts[] = {
    {"weights", FIELD_BYTES, OF(weights)}, {"kv", FIELD_BYTES, OF(kv)},
    {"state", FIELD_BYTES, OF(state)},     {"compute", FIELD_BYTES, OF(compute)},
    {"output", FIELD_BYTES, OF(output)},   {"projector", FIELD_BYTES, OF(projector)},
    {"driver", FIELD_BYTES, OF(driver)},   {.key = NULL},
};

static json_t *parts_json(const struct ncm_fit_parts *place)
{
	json_t *object = fields_object(parts, place);

	json_put_number(object, "total", ncm_fit_sum(place));
	return object;
}

static json_t *known(bool has, uint64_t number)
{
	return has ? json_number(number) : json_null();
}

static json_t *gpu_json(const struct ncm_gpu *gpu)
{
	json_t *object = json_object();

	json_put_text(object, "name", gpu->name);
	json_put_text(object, "told_by", gpu->told_by);
	json_put(object, "total", known(gpu->has_total, gpu->total));
	json_put(object, "free", known(gpu->has_free, gpu->free));
	json_put_flag(object, "unified", gpu->unified);
	return object;
}

json_t *fit_card_json(const struct card *card)
{
	const struct ncm_gpu of_option = {
	    .told_by = card->room ? "option" : NULL, .has_total = card->room > 0, .total = card->room};

	return gpu_json(card->gpu ? card->gpu : &of_option);
}

json_t *fit_cards_json(const struct card *card)
{
	json_t *array = json_array();

	for (size_t i = 0; card->gpus && i < card->gpus->count; i++)
		json_push(array, gpu_json(&card->gpus->items[i]));
	return array;
}

json_t *fit_row_json(const struct fit_row *row)
{
	const struct ncm_fit *fit = &row->need.fit;
	const bool is_known = fit->basis != NCM_FIT_UNKNOWN;
	json_t *object = json_object();

	json_put_text(object, "id", row->need.id);
	json_put_text(object, "basis", ncm_fit_basis_name(fit->basis));
	json_put_text(object, "verdict", ncm_fit_verdict_name(row->verdict));
	json_put(object, "stated_gib", row->need.stated > 0 ? json_real(row->need.stated) : json_null());
	json_put(object, "card", is_known ? parts_json(&fit->card) : json_null());
	json_put(object, "host", is_known ? parts_json(&fit->host) : json_null());
	json_put(object, "error", known(is_known && fit->basis != NCM_FIT_STATED, fit->error));
	json_put(object, "context", known(fit->context > 0, fit->context));
	json_put(object, "layers", known(fit->layers > 0, fit->layers));
	json_put(object, "layers_on_card", known(fit->layers > 0, fit->layers_on_card));
	json_put(object, "layers_that_fit", known(row->layers_that_fit > 0, row->layers_that_fit));
	json_put(object, "context_that_fits", known(row->context_that_fits > 0, row->context_that_fits));
	if (row->spread.count > 0)
		json_put(object, "spread", spread_json(&row->spread));
	json_put(object, "document_context", known(row->document_context > 0, row->document_context));
	json_put_text(object, "sibling", row->sibling ? row->sibling->id : NULL);
	json_put(object, "remarks", json_words(&fit->remarks));
	return object;
}

json_t *fit_resident_json(const struct fit_rows *resident)
{
	json_t *array = json_array();

	for (size_t i = 0; i < resident->count; i++) {
		const struct need *need = &resident->items[i].need;
		const bool is_known = need->fit.basis != NCM_FIT_UNKNOWN;
		json_t *object = json_object();

		json_put_text(object, "id", need->id);
		json_put_text(object, "basis", ncm_fit_basis_name(need->fit.basis));
		json_put(object, "total", known(is_known, ncm_fit_sum(&need->fit.card)));
		json_push(array, object);
	}
	return array;
}
