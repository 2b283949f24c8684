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
	if (!session->report.json)
		table_print(table, stdout);
	table_free(table);
	json_put_source(object, "source", uri);
	json_put(object, "files", array);
	return object;
}

int fit_choices_show(struct session *session, const struct ncm_fit_wish *wish, const struct card *card)
{
	const struct ncm_strings *operands = &session->settings.operands;
	json_t *data = json_object(), *array = json_array();
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *against = card_text(card);

	json_put(data, "gpu", fit_card_json(card));
	json_put(data, "models", json_array());
	json_put(data, "repositories", array);
	session->report.data = data;
	if (operands->count == 0) {
		ncm_error_set(&err, NCM_E_USAGE, "fit --quantizations: of which repository?");
		ncm_error_hint(&err, "as in: fit --quantizations hf:Org/Repo");
		return session_fail(session, &err);
	}
	if (!session->report.json)
		print_line(stdout, "Held against: %s.", against);
	for (size_t i = 0; i < operands->count; i++) {
		struct ncm_fit_choices *choices =
		    ncm_fit_repository(session->config, operands->items[i], wish, card->room, &session->sink, &err);

		if (!choices)
			return session_fail(session, &err);
		json_push(array, show(session, operands->items[i], choices));
		ncm_fit_choices_free(choices);
	}
	return 0;
}
