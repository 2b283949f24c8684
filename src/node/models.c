/* SPDX-License-Identifier: MIT */
/* The models of a node, as rows of a table of models: what each is, needs, and whether it is in memory. */
#include "node/node.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "runtime/runtime.h"
#include "store/store.h"

#include <ncmodel/fit.h>

#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20 };

/* The registry's words for what models.json and manifests call a kind. NULL: it is no model, or not known what. */
static const char *type_of(const char *kind)
{
	static const struct {
		const char *kind, *type;
	} types[] = {
	    {"llm", "llm"},
	    {"vlm", "llm"},
	    {"embedding", "embedding"},
	    {"embedding-model", "embedding"},
	    {"stt", "audio"},
	    {"tts", "audio"},
	    {"checkpoint", "image"},
	    {"diffusion", "image"},
	    {"lora", "image"},
	    {"vae", "image"},
	    {"text-encoder", "image"},
	    {"controlnet", "image"},
	    {"motion-module", "video"},
	    {"clip-vision", "image"},
	    {"textual-inversion", "image"},
	    {"hypernetwork", "image"},
	    {"aesthetic-gradient", "image"},
	    {"upscaler", "image"},
	    {"detection", "image"},
	};

	for (size_t i = 0; kind && i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i].kind, kind) == 0)
			return types[i].type;
	}
	return NULL;
}

/* As the registry of nodes calls it; what it has no word for goes by our own. */
static const char *provider_of(const struct ncm_store *store)
{
	static const char *const diffusion_uis[] = {"a1111", "forge", "sdnext"};
	const char *id = store->part_of ? store->part_of : store->id;

	if (store->kind->takes_tags)
		return store->kind->name;
	for (size_t i = 0; i < sizeof diffusion_uis / sizeof *diffusion_uis; i++) {
		if (strcmp(diffusion_uis[i], id) == 0)
			return "stable-diffusion";
	}
	return id;
}

static void count(const struct ncm_reg_model *entry, struct ncm_fit *fit)
{
	struct ncm_inspection *projector = NULL;
	struct ncm_inspection *model = ncm_fit_read_installed(entry, &projector, NULL);
	struct ncm_fit_wish wish;

	ncm_fit_wish_default(&wish);
	if (entry->context_length > 0 && entry->context_length < wish.context)
		wish.context = entry->context_length;
	if (model) {
		ncm_fit_wish_for(model, entry->source, &wish);
		ncm_fit_count(model, projector, &wish, fit);
	}
	ncm_inspection_free(projector);
	ncm_inspection_free(model);
}

static void put_need(json_t *row, const struct ncm_reg_model *entry)
{
	struct ncm_fit fit = {0};

	count(entry, &fit);
	if (fit.basis == NCM_FIT_UNKNOWN || fit.at_least) {
		ncm_fit_clear(&fit);
		ncm_fit_guess(0, entry->vram_gb, &fit);
	}
	json_object_set_new(row, "vram_required_mb",
			    fit.basis == NCM_FIT_UNKNOWN
				? json_null()
				: json_integer((json_int_t)((ncm_fit_sum(&fit.card) + MIB - 1) / MIB)));
	json_object_set_new(row, "vram_basis", json_string(ncm_fit_basis_name(fit.basis)));
	ncm_fit_clear(&fit);
}

static bool lists(const struct ncm_runtime_server *server, const struct ncm_strings *names)
{
	for (size_t i = 0; i < server->count; i++) {
		const struct ncm_running *running = &server->models[i];

		if (runtime_is_named(names, running->name) ||
		    (running->model && runtime_is_named(names, running->model)))
			return true;
	}
	return false;
}

/* Whether a server has it in memory. Known only if every server that was to be asked answered, or one has it. */
static json_t *loaded(const struct ncm_registry *registry, const struct ncm_reg_model *entry,
		      const struct ncm_runtime_view *view)
{
	struct ncm_strings names = {0};
	bool found = false, all_told = view->count > 0;

	runtime_names(registry, NULL, entry->id, &names);
	for (size_t i = 0; i < view->count && !found; i++) {
		all_told &= view->servers[i].error.code == NCM_OK;
		found = lists(&view->servers[i], &names);
	}
	ncm_strings_free(&names);
	return found ? json_true() : all_told ? json_false() : json_null();
}

static void put_texts(json_t *row, const struct ncm_reg_model *entry)
{
	const struct {
		const char *key, *text;
	} texts[] = {
	    {"model_type", type_of(entry->kind)},  {"id", entry->id},
	    {"quantization", entry->quantization}, {"parameters", entry->parameters},
	    {"verified_at", entry->verified_at},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		ncm_json_set_or_null(row, texts[i].key, texts[i].text);
}

/* What is the same in the rows of all applications; its file is opened for it. */
static json_t *facts_of(const struct ncm_registry *registry, const struct ncm_reg_model *entry,
			const struct ncm_runtime_view *view)
{
	const char *type = type_of(entry->kind);
	json_t *row = json_object();

	put_texts(row, entry);
	ncm_json_set_u64(row, "size_bytes", entry->size);
	put_need(row, entry);
	json_object_set_new(row, "context_length",
			    entry->context_length ? json_integer((json_int_t)entry->context_length) : json_null());
	json_object_set_new(row, "is_loaded",
			    ncm_same_text(type, "llm") || ncm_same_text(type, "embedding")
				? loaded(registry, entry, view)
				: json_null());
	json_object_set_new(row, "use_cases", ncm_json_string_array(&entry->use_cases));
	json_object_set_new(row, "tags", ncm_json_string_array(&entry->tags));
	return row;
}

static json_t *row_of(const struct ncm_reg_model *entry, const char *provider, bool by_tag, json_t *facts)
{
	NCM_AUTO_FREE char *tag = by_tag ? runtime_ollama_name(entry->source) : NULL;
	const char *file = entry->file_path ? ncm_path_base(entry->file_path) : entry->id;
	json_t *row = json_object();

	ncm_json_set_string(row, "model_name", tag ? tag : file);
	ncm_json_set_string(row, "provider", provider);
	json_object_update(row, facts);
	return row;
}

/* Code and settings come with models, and are none. */
static bool is_model(const struct ncm_reg_model *entry)
{
	static const char *const others[] = {"custom-node", "source-archive", "workflow",
					     "config",      "poses",          "wildcards"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (ncm_same_text(entry->kind, others[i]))
			return false;
	}
	return true;
}

static void add_rows(const struct ncm_layout *layout, const struct ncm_registry *registry,
		     const struct ncm_reg_model *entry, const struct ncm_runtime_view *view, json_t *rows)
{
	struct ncm_strings providers = {0};
	NCM_AUTO_JSON json_t *facts = NULL;

	for (size_t i = 0; is_model(entry) && i < entry->file_count; i++) {
		const size_t number = ncm_layout_store_of(layout, entry->files[i].abs, entry->files[i].store);
		const struct ncm_store *store = number == NCM_NO_STORE ? NULL : &layout->stores[number];
		const char *provider = store ? provider_of(store) : "file";

		if (ncm_strings_contain(&providers, provider))
			continue;
		ncm_strings_add(&providers, provider);
		facts = facts ? facts : facts_of(registry, entry, view);
		json_array_append_new(rows, row_of(entry, provider, store && store->kind->takes_tags, facts));
	}
	ncm_strings_free(&providers);
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp((*(const struct ncm_reg_model *const *)a)->id, (*(const struct ncm_reg_model *const *)b)->id);
}

json_t *node_models(const struct ncm_config *config, const struct ncm_registry *registry,
		    const struct ncm_runtime_view *view, struct ncm_error *err)
{
	struct ncm_layout *layout = ncm_layout_load(config, err);
	const struct ncm_reg_model **sorted;
	json_t *rows;

	if (!layout)
		return NULL;
	rows = json_array();
	sorted = ncm_calloc(registry->count + 1, sizeof *sorted);
	for (size_t i = 0; i < registry->count; i++)
		sorted[i] = &registry->models[i];
	qsort(sorted, registry->count, sizeof *sorted, compare_ids);
	for (size_t i = 0; i < registry->count; i++)
		add_rows(layout, registry, sorted[i], view, rows);
	free(sorted);
	ncm_layout_free(layout);
	return rows;
}
