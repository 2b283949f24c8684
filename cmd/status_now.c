/* SPDX-License-Identifier: MIT */
#include "status_now.h"

#include "runtime_view.h"
#include "ui/table.h"
#include "ui/text.h"

#include <stdlib.h>

enum { PATIENCE = 2 }; /* seconds for an answer: a server that runs here gives it in a few ms */

int status_now_find(const struct session *session, bool offline, struct status_now *now, struct ncm_error *err)
{
	struct ncm_runtime_options options = runtime_options(session);

	*now = (struct status_now){0};
	if (options.seconds == 0)
		options.seconds = PATIENCE;
	if (!offline) {
		now->view = ncm_runtime_look(session->config, &options, err);
		if (!now->view)
			return -1;
	}
	return stages_find(session, &now->stages, &now->count, err);
}

void status_now_clear(struct status_now *now)
{
	ncm_runtime_view_free(now->view);
	for (size_t i = 0; i < now->count; i++)
		stages_clear(&now->stages[i]);
	free(now->stages);
	*now = (struct status_now){0};
}

static void put_stages(const struct stages *stages, json_t *array)
{
	for (size_t i = 0; i < stages->count; i++) {
		json_t *object = stage_json(&stages->items[i]);

		json_put_text(object, "profile", stages->rules->profile);
		json_put(object, "card", stages->card ? json_number(stages->card) : json_null());
		json_push(array, object);
	}
}

void status_now_put(const struct status_now *now, json_t *object)
{
	json_t *array = json_array();

	json_put(object, "servers", now->view ? runtime_servers_json(now->view) : json_null());
	for (size_t i = 0; i < now->count; i++)
		put_stages(&now->stages[i], array);
	json_put(object, "stages", array);
}

char *status_now_problem(const struct ncm_runtime_server *server)
{
	return server->silent ? text_format("not running: nothing answers at %s", server->url)
			      : text_format("not known: %s", server->error.message);
}

static void print_server(const struct ncm_runtime_server *server)
{
	AUTO_FREE char *problem = NULL, *safe = NULL, *name = NULL;

	if (server->error.code == NCM_OK) {
		runtime_print_server(server);
		return;
	}
	problem = status_now_problem(server);
	safe = text_safe_path(problem);
	name = text_safe(server->name);
	print_line(stdout, "%s: %s.", name, safe);
}

static void print_stages(const struct stages *stages)
{
	AUTO_FREE char *profile = text_safe(stages->rules->profile);
	AUTO_FREE char *card = gib_text(stages->card);
	struct table *table = table_new(0);

	table_column(table, "STAGE", COLUMN_WHOLE);
	table_column(table, "VRAM", COLUMN_RIGHT);
	table_column(table, "", 0);
	table_column(table, "LOADED", COLUMN_BELOW);
	for (size_t i = 0; i < stages->count; i++) {
		const struct stage_need *need = &stages->items[i];

		table_foreign(table, need->stage->title);
		table_cell(table, need->known ? gib_text(need->sum) : text_copy("?"));
		table_styled(table, text_copy(stage_word(need)), need->verdict == NCM_FIT_NO ? STYLE_BAD : STYLE_NONE);
		table_cell(table, stage_models(need));
	}
	print_line(stdout, "VRAM by stage of %s, against %s:", profile, stages->card ? card : "a card not known");
	table_print(table, stdout);
	table_free(table);
}

void status_now_print(const struct status_now *now)
{
	for (size_t i = 0; now->view && i < now->view->count; i++)
		print_server(&now->view->servers[i]);
	for (size_t i = 0; i < now->count; i++)
		print_stages(&now->stages[i]);
}
