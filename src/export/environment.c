/* SPDX-License-Identifier: MIT */
/* Variables for applications. */
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

/* One server is asked where nothing else is said; the others are told beside it. */
static void add_hosts(const struct exported *exported, struct ncm_buffer *out)
{
	for (size_t i = 0; i < exported->server_count; i++)
		ncm_buffer_printf(out, "%sOLLAMA_HOST=127.0.0.1:%u%s%s\n", i > 0 ? "# " : "", exported->servers[i].port,
				  i > 0 ? " is " : "", i > 0 ? exported->servers[i].store->id : "");
}

/* The most that a document works at; 0: none says it. */
static uint64_t most_tokens(const struct exported *exported)
{
	uint64_t most = 0;

	for (size_t i = 0; i <= exported->config->more_profile_count; i++) {
		struct ncm_fit_rules *rules = export_document(exported, i);

		for (size_t k = 0; rules && k < rules->context_count; k++)
			most = rules->contexts[k].tokens > most ? rules->contexts[k].tokens : most;
		ncm_fit_rules_free(rules);
	}
	return most;
}

/* What the profiles' documents say of how long a model stays, and of how much it is to read at once. */
static void add_custom(const struct exported *exported, struct ncm_buffer *out)
{
	const uint64_t idle = export_idle_seconds(exported), tokens = most_tokens(exported);

	if (idle > 0)
		ncm_buffer_printf(out, "OLLAMA_KEEP_ALIVE=%llus\n", (unsigned long long)idle);
	if (tokens > 0)
		ncm_buffer_printf(out, "OLLAMA_CONTEXT_LENGTH=%llu\n", (unsigned long long)tokens);
}

/* Where each application's models lie, by its own variable. */
void export_env(struct exported *exported, struct ncm_buffer *out)
{
	for (size_t i = 0; i < exported->layout->count; i++)
		add_variable(&exported->layout->stores[i], out);
	add_hosts(exported, out);
	add_custom(exported, out);
	for (size_t i = 0; i < exported->model_count; i++)
		export_has(exported, &exported->models[i]);
}
