/* SPDX-License-Identifier: MIT */
#include "author/place.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <string.h>
#include <strings.h>

/* What people call the folders of a layout, in lower case. */
static const char *const words[][2] = {
    {"ckpt", "checkpoints"},
    {"ckpts", "checkpoints"},
    {"checkpoint", "checkpoints"},
    {"stable-diffusion", "checkpoints"},
    {"unet", "diffusion_models"},
    {"unets", "diffusion_models"},
    {"dit", "diffusion_models"},
    {"diffusion", "diffusion_models"},
    {"diffusion_model", "diffusion_models"},
    {"lora", "loras"},
    {"lycoris", "loras"},
    {"locon", "loras"},
    {"vaes", "vae"},
    {"clip", "text_encoders"},
    {"te", "text_encoders"},
    {"text_encoder", "text_encoders"},
    {"text_encoders", "text_encoders"},
    {"clip_visions", "clip_vision"},
    {"embed", "embeddings"},
    {"embeds", "embeddings"},
    {"embedding", "embeddings"},
    {"textual_inversion", "embeddings"},
    {"textualinversion", "embeddings"},
    {"ti", "embeddings"},
    {"hypernet", "hypernetworks"},
    {"hypernets", "hypernetworks"},
    {"hynet", "hypernetworks"},
    {"hynets", "hypernetworks"},
    {"hypernetwork", "hypernetworks"},
    {"cnet", "controlnet"},
    {"control", "controlnet"},
    {"controlnets", "controlnet"},
    {"esrgan", "upscale_models"},
    {"upscale", "upscale_models"},
    {"upscaler", "upscale_models"},
    {"upscalers", "upscale_models"},
    {"upscale_model", "upscale_models"},
    {"ip_adapter", "ipadapter"},
    {"ip-adapter", "ipadapter"},
    {"animatediff", "animatediff_models"},
    {"motion_module", "animatediff_models"},
    {"motion_modules", "animatediff_models"},
    {"style", "style_models"},
    {"style_model", "style_models"},
    {"sam", "sams"},
    {"bbox", "ultralytics_bbox"},
    {"segm", "ultralytics_segm"},
    {"workflow", "workflows"},
};

static const char *folder_named(const struct ncm_store *store, const char *name)
{
	for (size_t i = 0; i < store->folder_count; i++) {
		if (strcasecmp(store->folders[i].name, name) == 0)
			return store->folders[i].name;
	}
	return NULL;
}

static const char *folder_of_word(const struct ncm_store *store, const char *word)
{
	const char *folder = folder_named(store, word);

	for (size_t i = 0; !folder && i < sizeof words / sizeof *words; i++) {
		if (strcasecmp(words[i][0], word) == 0)
			folder = folder_named(store, words[i][1]);
	}
	return folder;
}

/* Without "_MODELS", "_URLS" and the like. The caller frees it. */
static char *without_tail(const char *word)
{
	static const char *const tails[] = {"_models", "_model", "_urls", "_url", "_list", "_files", "_links"};
	size_t size = strlen(word);

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		const size_t length = strlen(tails[i]);

		if (size > length && strncasecmp(word + size - length, tails[i], length) == 0)
			size -= length;
	}
	return ncm_strndup(word, size);
}

/* The folder of a store that a word names ("ckpt", "LORA_MODELS"), or NULL. Borrowed. */
static const char *folder_meant(const struct ncm_store *store, const char *word)
{
	NCM_AUTO_FREE char *name = without_tail(word);
	const char *folder = folder_of_word(store, word);

	folder = folder ? folder : folder_of_word(store, name);
	/* "SDXL_LORA": the last word that says one. */
	for (char *at = name; !folder && (at = strpbrk(at, "_-"));)
		folder = folder_of_word(store, ++at);
	return folder;
}

/* "a//b/./c\d/" → a b c d. False for one that leaves its beginning. */
static bool split(const char *path, struct ncm_strings *parts)
{
	while (*path) {
		const size_t size = strcspn(path, "/\\");

		if (size == 2 && strncmp(path, "..", 2) == 0) {
			if (parts->count == 0)
				return false;
			free(parts->items[--parts->count]);
		} else if (size > 0 && !(size == 1 && *path == '.')) {
			ncm_strings_take(parts, ncm_strndup(path, size));
		}
		path += size + (path[size] != '\0');
	}
	return true;
}

static char *joined(const struct ncm_strings *parts, size_t from)
{
	struct ncm_buffer text = {0};

	for (size_t i = from; i < parts->count; i++)
		ncm_buffer_printf(&text, "%s%s", i > from ? "/" : "", parts->items[i]);
	return text.size > 0 ? ncm_buffer_take(&text) : NULL;
}

/* How many parts from `at` on are the folder's path; 0: they are not. */
static size_t match(const struct ncm_strings *parts, size_t at, const char *folder, bool exact)
{
	size_t count = 0;

	while (*folder) {
		const size_t size = strcspn(folder, "/");
		const char *part = at + count < parts->count ? parts->items[at + count] : "";

		if (strlen(part) != size ||
		    (exact ? strncmp(part, folder, size) : strncasecmp(part, folder, size)) != 0)
			return 0;
		count++;
		folder += size + (folder[size] == '/');
	}
	return count;
}

/* "llama.cpp" is "llama-cpp", in any case. */
static bool is_called(const char *part, const char *name)
{
	for (; *part && *name; part++, name++) {
		const char a = *part == '.' || *part == '_' ? '-' : *part,
			   b = *name == '.' || *name == '_' ? '-' : *name;

		if (strncasecmp(&a, &b, 1) != 0)
			return false;
	}
	return *part == *name;
}

/* Whether the parts before `end` name the application: behind which of them, else 0. */
static size_t named_at(const struct ncm_strings *parts, size_t end, const struct ncm_store *store)
{
	for (size_t i = end; i > 0; i--) {
		if (is_called(parts->items[i - 1], store->id) ||
		    (store->folder_count > 0 && is_called(parts->items[i - 1], ncm_path_base(store->path))))
			return i;
	}
	return 0;
}

/* The best so far. */
struct fit {
	const struct ncm_store *store;
	const char *folder;
	size_t score, behind;
};

/* A folder of one part ("embeddings") is anybody's, unless the application is named or meant. */
static bool is_common(const struct ncm_store_folder *folder, bool home)
{
	return !home && !strchr(folder->path, '/');
}

static void try_folder(const struct ncm_strings *parts, const struct ncm_store *store,
		       const struct ncm_store_folder *folder, bool home, struct fit *best)
{
	for (size_t at = 0; at < parts->count; at++) {
		const size_t exact = match(parts, at, folder->path, true);
		const size_t count = exact ? exact : match(parts, at, folder->path, false);
		const size_t named = count > 0 ? named_at(parts, at, store) : 0;
		const size_t score = (named > 0 ? 1000u : 0u) + (exact > 0 ? 100u : 0u) + count * 10 + home;

		if (count == 0 || score <= best->score || (named == 0 && is_common(folder, home)))
			continue;
		*best = (struct fit){store, folder->name, score, at + count};
	}
}

static bool is_application(const struct ncm_store *store)
{
	return !store->kind->takes_tags && !store->kind->keeps_repositories && !store->part_of;
}

static struct fit by_folders(const struct ncm_layout *layout, const struct ncm_strings *parts, const char *home)
{
	struct fit best = {0};

	for (size_t i = 0; i < layout->count; i++) {
		const struct ncm_store *store = &layout->stores[i];

		for (size_t k = 0; is_application(store) && k < store->folder_count; k++)
			try_folder(parts, store, &store->folders[k], strcmp(store->id, home) == 0, &best);
	}
	return best;
}

/* Below the application's own folder, or below its "models", where the layout has no folder of that name. */
static struct fit by_application(const struct ncm_layout *layout, const struct ncm_strings *parts)
{
	struct fit best = {0};

	for (size_t i = 0; i < layout->count; i++) {
		const struct ncm_store *store = &layout->stores[i];
		const size_t behind = is_application(store) ? named_at(parts, parts->count, store) : 0;
		const char *next = behind > 0 && behind < parts->count ? parts->items[behind] : "";

		const bool is_models = strcasecmp(next, "models") == 0;

		if (behind <= best.behind)
			continue;
		if (store->folder_count == 0)
			best = (struct fit){store, NULL, 1, behind + is_models};
		else if (is_models || strcmp(next, "custom_nodes") == 0)
			best = (struct fit){store, NULL, 1, behind};
	}
	return best;
}

/* By what such folders are called: the last part that says one, behind "models" if that is in it. */
static struct fit by_words(const struct ncm_strings *parts, const struct ncm_store *store)
{
	size_t first = 0;

	for (size_t i = 0; i < parts->count; i++)
		first = strcasecmp(parts->items[i], "models") == 0 ? i + 1 : first;
	for (size_t i = parts->count; store && i > first; i--) {
		const char *folder = parts->count == 1 ? folder_meant(store, parts->items[0])
						       : folder_of_word(store, parts->items[i - 1]);

		if (folder)
			return (struct fit){store, folder, 1, i};
	}
	return (struct fit){0};
}

/* "models/RGT" of nobody in particular is a folder of the home's own. */
static struct fit below_models(const struct ncm_strings *parts, const struct ncm_store *store)
{
	for (size_t i = 0; store && store->folder_count > 0 && i + 1 < parts->count; i++) {
		if (strcmp(parts->items[i], "models") == 0)
			return (struct fit){store, NULL, 1, i};
	}
	return (struct fit){0};
}

static const struct ncm_store *first_of(const struct ncm_layout *layout, const char *store)
{
	return store ? ncm_layout_find(layout, store) : NULL;
}

/* The same folder of the application that was asked for. */
static bool move_to(const struct ncm_store *store, struct fit *fit)
{
	if (!store || store == fit->store)
		return true;
	fit->store = store;
	fit->folder = fit->folder ? folder_meant(store, fit->folder) : NULL;
	return fit->folder != NULL;
}

bool list_place_find(const struct ncm_layout *layout, const char *path, const char *home, const char *to,
		     struct list_place *place)
{
	const struct ncm_store *own = first_of(layout, to ? to : home);
	struct ncm_strings parts = {0};
	struct fit fit = {0};

	*place = (struct list_place){0};
	if (split(path, &parts)) {
		fit = by_folders(layout, &parts, home);
		if (!fit.store)
			fit = by_words(&parts, own);
		if (!fit.store)
			fit = by_application(layout, &parts);
		if (!fit.store)
			fit = below_models(&parts, own);
		if (fit.store && !move_to(first_of(layout, to), &fit))
			fit.store = NULL;
	}
	if (fit.store)
		*place = (struct list_place){fit.store->id, fit.folder, joined(&parts, fit.behind)};
	ncm_strings_free(&parts);
	return fit.store != NULL;
}

void list_place_clear(struct list_place *place)
{
	free(place->rest);
	*place = (struct list_place){0};
}
