/* SPDX-License-Identifier: MIT */
/* Variables for applications, and a unit that has models loaded at boot. */
#include "export/export.h"

#include "base/mem.h"
#include "os/os.h"

/* Of an application that is not here there is nothing to say. */
static void add_variable(const struct ncm_store *store, struct ncm_buffer *out)
{
	const char *name = store->env ? store->env : store->kind->variable;
	NCM_AUTO_FREE char *value = name && !store->part_of ? export_variable(store->path) : NULL;

	if (!name || store->part_of || os_access(OS_HERE, store->path, 0) < 0)
		return;
	if (value)
		ncm_buffer_printf(out, "%s=%s\n", name, value);
	else
		ncm_buffer_printf(out, "# %s: there is no spelling for its path\n", name);
}

/* Where each application's models lie, by its own variable. */
void export_env(struct exported *exported, struct ncm_buffer *out)
{
	for (size_t i = 0; i < exported->layout->count; i++)
		add_variable(&exported->layout->stores[i], out);
	if (exported->server_count == 1)
		ncm_buffer_printf(out, "OLLAMA_HOST=127.0.0.1:%u\n", exported->servers[0].port);
	for (size_t i = 0; i < exported->model_count; i++)
		export_has(exported, &exported->models[i]);
}

/* Ollama loads a model for a request without words (its FAQ, "preload a model"). */
static void add_request(const struct exported *exported, const struct export_model *model, struct ncm_buffer *out)
{
	const bool embeds = export_is_embedding(model);
	NCM_AUTO_JSON json_t *body = json_pack("{s:s}", "model", model->tag);
	NCM_AUTO_FREE char *text = NULL, *word = NULL;
	NCM_AUTO_FREE char *address = export_address(exported, model);

	if (embeds)
		json_object_set_new(body, "input", json_string(""));
	text = json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII);
	word = export_systemd_word(text);
	ncm_buffer_printf(out,
			  "ExecStart=/usr/bin/curl --fail --silent --show-error --output /dev/null --retry 30 "
			  "--retry-delay 2 --retry-connrefused --data %s %s%s\n",
			  word, address, embeds ? "/api/embed" : "/api/generate");
}

void export_systemd(struct exported *exported, struct ncm_buffer *out)
{
	ncm_buffer_puts(out, "# ncmodel-preload.service. How long a model stays, the server's OLLAMA_KEEP_ALIVE says.\n"
			     "[Unit]\nDescription=Loads models into Ollama\nWants=network-online.target\n"
			     "After=network-online.target ollama.service\n\n[Service]\nType=oneshot\n"
			     "RemainAfterExit=yes\nDynamicUser=yes\n");
	for (size_t i = 0; i < exported->model_count; i++) {
		const struct export_model *model = &exported->models[i];

		if (!model->tag)
			continue;
		add_request(exported, model, out);
		export_has(exported, model);
	}
	ncm_buffer_puts(out, "\n[Install]\nWantedBy=multi-user.target\n");
}
