/* SPDX-License-Identifier: MIT */
/*
 * Files beside a model that applications read, where the user wants them: what its page tells of it. They are files of
 * the model's entry, so that rm takes them while nobody changed them; what lies there already is never written over,
 * unless it is ours as we wrote it.
 *
 *   STEM.json            the card of Automatic1111 and its forks (modules/ui_extra_networks_user_metadata.py, and
 *                        extensions-builtin/Lora/ui_edit_user_metadata.py)
 *   STEM.metadata.json   ComfyUI-Lora-Manager (py/utils/models.py)
 */
#include "carry/carry.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "registry/model.h"
#include "store/commit.h"

#include <string.h>

/* What one of them is about. */
struct beside {
	const struct ncm_reg_model *entry;
	const struct ncm_reg_file *weights;
	const char *stem; /* its name without the ending */
};

/* "inkStyle, soft light". The caller frees it. */
static char *joined(const struct ncm_strings *words)
{
	struct ncm_buffer text = {0};

	for (size_t i = 0; i < words->count; i++)
		ncm_buffer_printf(&text, "%s%s", i > 0 ? ", " : "", words->items[i]);
	return ncm_buffer_take(&text);
}

/* The web UI shows a LoRA only where its version goes with the checkpoint's. */
static const char *webui_version(const char *base_model)
{
	static const char *const versions[][2] = {{"SD 1", "SD1"},  {"SD 2", "SD2"},         {"SDXL", "SDXL"},
						  {"Pony", "SDXL"}, {"Illustrious", "SDXL"}, {"Noob", "SDXL"}};

	for (size_t i = 0; base_model && i < sizeof versions / sizeof *versions; i++) {
		if (strncmp(base_model, versions[i][0], strlen(versions[i][0])) == 0)
			return versions[i][1];
	}
	return "Unknown";
}

static json_t *webui_card(const struct beside *beside)
{
	const struct ncm_card *card = &beside->entry->card;
	NCM_AUTO_FREE char *words = joined(&card->trigger_words);
	NCM_AUTO_FREE char *name =
	    ncm_asprintf("%s%s%s", card->model_name ? card->model_name : "", card->version_name ? " " : "",
			 card->version_name ? card->version_name : "");

	return json_pack("{s:s, s:s, s:s, s:f, s:s}", "description", name, "sd version",
			 webui_version(card->base_model), "activation text", words, "preferred weight",
			 card->preferred_weight, "notes", card->page ? card->page : "");
}

static json_t *civitai_of(const struct ncm_reg_model *entry)
{
	json_t *version = json_pack("{s:s, s:s, s:o}", "name", entry->card.version_name ? entry->card.version_name : "",
				    "baseModel", entry->card.base_model ? entry->card.base_model : "", "trainedWords",
				    ncm_json_string_array(&entry->card.trigger_words));
	uint64_t model = 0, number = 0;

	if (entry->source && ncm_civitai_ids(entry->source, &model, &number)) {
		ncm_json_set_u64(version, "id", number);
		ncm_json_set_u64(version, "modelId", model);
	}
	return version;
}

static json_t *lora_manager_card(const struct beside *beside)
{
	const struct ncm_card *card = &beside->entry->card;
	const struct ncm_reg_file *weights = beside->weights;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *tips =
	    card->preferred_weight > 0 ? ncm_asprintf("{\"strength\": %g}", card->preferred_weight) : ncm_strdup("{}");

	return json_pack("{s:s, s:s, s:s, s:I, s:f, s:s, s:s, s:s, s:s, s:b, s:s, s:o}", "file_name", beside->stem,
			 "model_name", card->model_name ? card->model_name : beside->stem, "file_path", weights->abs,
			 "size", (json_int_t)weights->size, "modified", (double)weights->mtime_ns / 1e9, "sha256",
			 ncm_sha256_hex(&weights->sha256, hex), "base_model", card->base_model ? card->base_model : "",
			 "preview_url", "", "notes", "", "from_civitai", card->page != NULL, "usage_tips", tips,
			 "civitai", civitai_of(beside->entry));
}

static const struct {
	enum ncm_sidecar kind;
	const char *ending;
	json_t *(*make)(const struct beside *beside);
} kinds[] = {
    {NCM_SIDECAR_A1111, ".json", webui_card},
    {NCM_SIDECAR_LORA_MANAGER, ".metadata.json", lora_manager_card},
};

/* Whether the name is free, or what has it is ours as we wrote it. */
static bool may_write(const struct ncm_reg_model *known, const char *path)
{
	const struct ncm_reg_file *own = known ? registry_file_at(known, path) : NULL;
	struct os_stat status;

	if (os_lstat(OS_HERE, path, &status) < 0)
		return true;
	return own && registry_is_sidecar(own) && own->size == status.size && own->mtime_ns == status.mtime_ns;
}

static int put_file(struct ncm_store *store, const char *relative, const char *text, struct os_stat *status,
		    struct ncm_error *err)
{
	const char *name;
	NCM_AUTO_CLOSE int folder = store_parent(store, relative, &name, err);

	if (folder < 0 || ncm_write_atomic(folder, name, text, strlen(text), NCM_OWN_FILE, err) < 0)
		return -1;
	return os_lstat(folder, name, status);
}

static void write_one(const struct carry *carry, size_t model, const struct beside *beside, size_t kind,
		      struct ncm_reg_model *entry)
{
	struct ncm_store *store = ncm_layout_find(carry->run->layout, beside->weights->store);
	NCM_AUTO_FREE char *folder = ncm_path_folder(beside->weights->abs);
	NCM_AUTO_FREE char *path = ncm_asprintf("%s%s%s", folder, beside->stem, kinds[kind].ending);
	const char *relative = store ? ncm_path_below(path, store->path) : NULL;
	NCM_AUTO_JSON json_t *card = NULL;
	NCM_AUTO_FREE char *text = NULL;
	struct ncm_error err = NCM_ERROR_INIT;
	struct os_stat status = {0};
	struct ncm_reg_file *file;

	if (!relative || store->kind->place)
		return;
	if (!may_write(carry->run->models[model].known, path)) {
		ncm_emit_text(&carry->run->sink, NCM_EVENT_WARNING,
			      "%s is there already, not as ncmodel wrote it, and stays", path);
		return;
	}
	card = kinds[kind].make(beside);
	text = json_dumps(card, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	if (!text || put_file(store, relative, text, &status, &err) < 0) {
		ncm_emit_text(&carry->run->sink, NCM_EVENT_WARNING, "%s: %s could not be written%s%s",
			      model_id(carry->run, &carry->run->wanted[carry->run->models[model].first_wanted]), path,
			      err.code != NCM_OK ? ": " : "", err.code != NCM_OK ? err.message : "");
		ncm_error_clear(&err);
		return;
	}
	file = NCM_PUSH(entry->files, entry->file_count);
	file->abs = ncm_strdup(path);
	file->store = ncm_strdup(store->id);
	file->role = ncm_strdup("sidecar");
	file->size = status.size;
	file->mtime_ns = status.mtime_ns;
	file->origin = NCM_ORIGIN_FETCHED;
	ncm_sha256_of(text, strlen(text), &file->sha256);
}

static bool says_anything(const struct ncm_card *card)
{
	return card->trigger_words.count > 0 || card->base_model || card->model_name || card->preferred_weight > 0;
}

/* A file's list moves when it grows: what a sidecar is made of is a copy. */
static void write_beside(const struct carry *carry, size_t model, const struct ncm_reg_file *file,
			 struct ncm_reg_model *entry)
{
	const struct ncm_reg_file weights = *file;
	const char *base = ncm_path_base(weights.abs), *dot = strrchr(base, '.');
	NCM_AUTO_FREE char *stem = ncm_strndup(base, dot ? (size_t)(dot - base) : strlen(base));
	const struct beside beside = {entry, &weights, stem};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (carry->run->options.sidecars & kinds[i].kind)
			write_one(carry, model, &beside, i, entry);
	}
}

void carry_write_sidecars(const struct carry *carry, size_t model, struct ncm_reg_model *entry)
{
	const size_t count = entry->file_count;

	for (size_t i = 0; carry->run->options.sidecars && says_anything(&entry->card) && i < count; i++) {
		if (entry->files[i].role && strcmp(entry->files[i].role, "weights") == 0)
			write_beside(carry, model, &entry->files[i], entry);
	}
}
