/* SPDX-License-Identifier: MIT */
#include "fit_choices.h"

#include "fit_json.h"
#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

static json_t *choice_json(const struct ncm_fit_choice *choice, bool best)
{
	json_t *object = json_object();

	json_put_text(object, "name", choice->name);
	json_put_number(object, "size", choice->size);
	json_put_number(object, "total", choice->total);
	json_put_number(object, "error", choice->error);
	json_put_text(object, "verdict", ncm_fit_verdict_name(choice->verdict));
	json_put_flag(object, "best", best);
	return object;
}

static void add_choice(struct table *table, const struct ncm_fit_choice *choice, bool best)
{
	table_foreign(table, choice->name);
	table_cell(table, gib_text(choice->size));
	table_cell(table, gib_text(choice->total));
	table_styled(table, text_copy(ncm_fit_verdict_name(choice->verdict)), best ? STYLE_GOOD : STYLE_NONE);
	table_cell(table, text_copy(best ? "the best that fits" : ""));
}

static json_t *show(struct session *session, const char *uri, const struct ncm_fit_choices *choices)
{
	struct table *table = table_new(0);
	json_t *object = json_object(), *array = json_array();

	table_column(table, "FILE", COLUMN_WHOLE);
	table_column(table, "SIZE", COLUMN_RIGHT | COLUMN_DROP);
	table_column(table, "NEEDS", COLUMN_RIGHT);
	table_column(table, "", 0);
	table_column(table, "", COLUMN_DROP);
	for (size_t i = 0; i < choices->count; i++) {
		const bool best = choices->best == &choices->items[i];

		add_choice(table, &choices->items[i], best);
		json_push(array, choice_json(&choices->items[i], best));
	}
	if (session_prints(session))
		table_print(table, stdout);
	table_free(table);
	json_put_source(object, "source", uri);
	json_put(object, "files", array);
	return object;
}

/* What others leave of the card; nothing is left by 1 byte, because 0 would be: not known how much. */
static uint64_t room_beside(const struct fit_rows *resident, const struct card *card)
{
	struct ncm_fit sum = {.basis = NCM_FIT_HEADER};

	for (size_t i = 0; i < resident->count; i++)
		ncm_fit_add(&sum, &resident->items[i].need.fit);
	if (card->room == 0 || sum.at_least)
		return 0;
	if (ncm_fit_sum(&sum.card) + sum.error >= card->room)
		return 1;
	return card->room - ncm_fit_sum(&sum.card) - sum.error;
}

int fit_choices_show(struct session *session, const struct ncm_fit_wish *wish, const struct fit_rows *resident,
		     const struct card *card)
{
	const uint64_t room = room_beside(resident, card);
	const struct ncm_strings *operands = &session->settings.operands;
	json_t *data = json_object(), *array = json_array();
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *against = card_text(card);

	json_put(data, "gpu", fit_card_json(card));
	json_put(data, "models", json_array());
	json_put(data, "repositories", array);
	if (resident->count > 0)
		json_put(data, "resident", fit_resident_json(resident));
	session->report.data = data;
	if (operands->count == 0) {
		ncm_error_set(&err, NCM_E_USAGE, "fit --quantizations: of which repository?");
		ncm_error_hint(&err, "as in: fit --quantizations hf:Org/Repo");
		return session_fail(session, &err);
	}
	if (session_prints(session))
		print_line(stdout, "Held against: %s.", against);
	for (size_t i = 0; i < operands->count; i++) {
		struct ncm_fit_choices *choices =
		    ncm_fit_repository(session->config, operands->items[i], wish, room, &session->sink, &err);

		if (!choices)
			return session_fail(session, &err);
		json_push(array, show(session, operands->items[i], choices));
		ncm_fit_choices_free(choices);
	}
	return 0;
}
