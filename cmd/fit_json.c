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

json_t *fit_card_json(const struct card *card)
{
	const struct ncm_gpu *gpu = card->gpu;
	json_t *object = json_object();

	json_put_text(object, "name", gpu ? gpu->name : NULL);
	json_put_text(object, "told_by", gpu ? gpu->told_by : card->room ? "option" : NULL);
	json_put(object, "total", known(card->room > 0, card->room));
	json_put(object, "free", known(gpu && gpu->has_free, gpu ? gpu->free : 0));
	json_put_flag(object, "unified", gpu && gpu->unified);
	return object;
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
	json_put(object, "document_context", known(row->document_context > 0, row->document_context));
	json_put_text(object, "sibling", row->sibling ? row->sibling->id : NULL);
	json_put(object, "remarks", json_words(&fit->remarks));
	return object;
}
