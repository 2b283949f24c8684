/* SPDX-License-Identifier: MIT */
/* Other tools' lists as manifests: which format it is, and what its addresses become. */
#include "author/import.h"

#include "author/place.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/name.h"
#include "manifest/load.h"
#include "manifest/spelled.h"
#include "source/source.h"
#include "store/purpose.h"
#include "yaml/yaml.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { LONGEST_LINE = 8192, SHOWN_LINE = 200 };

void import_lines(struct import *import, const char *text,
		  void (*take)(struct import *import, size_t line, char *text, void *context), void *context)
{
	for (size_t line = 1; *text; line++) {
		const size_t size = strcspn(text, "\n");
		NCM_AUTO_FREE char *copy = ncm_strndup(text, size < LONGEST_LINE ? size : SHOWN_LINE);

		copy[strcspn(copy, "\r")] = '\0';
		if (size < LONGEST_LINE)
			take(import, line, copy, context);
		else
			author_leave_out(&import->author, line, copy, "the line is longer than %d bytes", LONGEST_LINE);
		text += size + (text[size] == '\n');
	}
}

static int set_name(struct ncm_file_spec *spec, const char *given, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = given ? ncm_strdup(given) : ncm_source_file_name(spec->from.items[0]);

	if (name && (!ncm_path_check(name, err) || ncm_store_check_extension(name, err) < 0))
		return -1;
	for (size_t i = 0; name && i < spec->to_count; i++) {
		if (!spec->to[i].name)
			spec->to[i].name = ncm_strdup(name);
	}
	return 0;
}

static void add_places(struct import *import, size_t line, const struct ncm_strings *more, struct ncm_file_spec *spec)
{
	for (size_t i = 0; more && i < more->count; i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		NCM_AUTO_FREE char *canonical = NULL;

		if (ncm_source_check(more->items[i], spec->insecure_http, &canonical, &err) < 0)
			author_leave_out(&import->author, line, more->items[i], "%s", err.message);
		else if (!ncm_strings_contain(&spec->from, canonical))
			ncm_strings_add(&spec->from, canonical);
		ncm_error_clear(&err);
	}
}

/* What an address says by itself that its file is: "urn:air:sdxl:lora:…", "split_files/vae/x.safetensors"; else NULL.
 */
static const char *kind_told(const char *uri, const char *source)
{
	const char *kind = ncm_civitai_kind_of_air(uri);

	for (const char *at = source; at && !kind; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
		kind = strchr(at, '/') ? purpose_of_folder(at) : NULL;
	return kind;
}

/* A file that nobody placed goes where its address says; its source, which knows, is not asked for a list. */
static int settle_place(const struct import *import, const char *uri, struct ncm_model *model, struct ncm_error *err)
{
	const char *source = model->files[0].from.items[0];
	struct ncm_target *target = &model->files[0].to[0];
	const struct ncm_store *store = ncm_layout_find(import->author.layout, target->store);
	NCM_AUTO_FREE char *name = ncm_source_file_name(source);
	const char *kind = kind_told(uri, source), *folder = NULL;

	if (!target->by_kind || !store || store->folder_count == 0 || ncm_source_is_whole(source))
		return 0;
	if (kind && (folder = purpose_folder(import->author.layout, store, kind, name))) {
		free(model->kind);
		model->kind = ncm_strdup(kind);
		target->folder = ncm_strdup(folder);
		return 0;
	}
	ncm_error_set(err, NCM_E_USAGE, "nothing here tells what it is, and so in which folder it goes");
	return ncm_error_hint(
	    err, "say --to STORE/FOLDER, for example --to comfyui/loras; `ncmodel pull ADDRESS` asks its source");
}

/* What is known of the one file beyond its address. */
static int complete(const struct import *import, const char *uri, struct ncm_model *model, const char *name,
		    const struct ncm_sha256 *sha256, struct ncm_error *err)
{
	struct ncm_file_spec *spec = &model->files[0];

	if (!ncm_source_gives_blobs(spec->from.items[0]) && settle_place(import, uri, model, err) < 0)
		return -1;
	model->files[0].to[0].by_kind = false;
	if (sha256) {
		spec->has_sha256 = true;
		spec->sha256 = *sha256;
	}
	if (model->use_cases.count == 0 && strcmp(model->kind, "llm") == 0)
		ncm_strings_add(&model->use_cases, "General");
	return ncm_source_gives_blobs(spec->from.items[0]) ? 0 : set_name(spec, name, err);
}

/* The message without the address that it begins with, which stands before it anyway. */
static const char *reason_of(const struct ncm_error *err, const char *uri)
{
	const size_t size = strlen(uri);

	return strncmp(err->message, uri, size) == 0 && strncmp(err->message + size, ": ", 2) == 0
		   ? err->message + size + 2
		   : err->message;
}

/* What was listed before for the same place is there already. */
static bool is_listed(const struct import *import, const struct ncm_model *model)
{
	const struct ncm_target *target = model->files[0].to;
	NCM_AUTO_FREE char *key = ncm_asprintf("%s %s/%s/%s", model->files[0].from.items[0], target->store,
					       target->folder ? target->folder : "", target->name ? target->name : "");

	if (json_object_get(import->listed, key))
		return true;
	json_object_set_new(import->listed, key, json_true());
	return false;
}

/* Where an item goes: as `--to` spells it, and the name below that. */
struct way {
	char *to;   /* NULL: by what it is */
	char *name; /* NULL: by its source */
};

static void clear_way(struct way *way)
{
	free(way->to);
	free(way->name);
}
#define AUTO_WAY __attribute__((cleanup(clear_way)))

/* "SDXL" and "x.safetensors" → "SDXL/x.safetensors"; without a name it is the folder. */
static void lead_to(const struct import_item *item, const struct list_place *place, struct way *way)
{
	NCM_AUTO_FREE char *own = item->is_folder || item->name ? NULL : ncm_source_file_name(item->uri);
	const char *name = item->name ? item->name : own;
	const char *folder = place->folder ? place->folder : "";

	if (!item->is_folder && !name && place->rest) {
		way->to = ncm_asprintf("%s/%s/%s/", place->store, folder, place->rest);
		return;
	}
	way->to = ncm_path_join(place->store, folder);
	if (item->is_folder)
		way->name = ncm_strdup_null(place->rest);
	else if (name)
		way->name = ncm_path_join(place->rest, name);
}

/* The user's word first, then the list's, then that of the application that the list is for. */
static void find_way(struct import *import, const struct import_item *item, struct way *way)
{
	const struct ncm_layout *layout = import->author.layout;
	const char *store = import->to_store;
	struct list_place place;

	if (import->to && !import->to_store) {
		way->to = ncm_strdup(import->to);
		way->name = ncm_strdup_null(item->name);
		if (item->place)
			author_tell(&import->author, item->line, item->uri, "goes where --to says, not to %s",
				    item->place);
		return;
	}
	if (item->place && list_place_find(layout, item->place, import->home, import->to_store, &place)) {
		lead_to(item, &place, way);
		if (item->is_folder && !place.rest)
			author_tell(&import->author, item->line, item->uri,
				    "goes to a folder of its own in %s, which its files are not to fill", item->place);
		list_place_clear(&place);
		return;
	}
	if (item->place)
		author_tell(&import->author, item->line, item->uri,
			    "its place %s is no folder of an application that the layout knows, so it goes where such "
			    "models go",
			    item->place);
	if (!store && item->store && ncm_layout_find(layout, item->store))
		store = item->store;
	/* All of a repository has no place of its own but the cache that is for such. */
	if (!store && item->is_folder && ncm_layout_find(layout, "hf"))
		store = "hf";
	way->to = ncm_strdup_null(store);
	way->name = ncm_strdup_null(item->name);
}

/* The model of one item, alone in a catalog. */
static int spell(const struct import_item *item, const struct way *way, struct ncm_catalog *one, struct ncm_error *err)
{
	struct ncm_selector selector = {.to = way->to};
	NCM_AUTO_FREE char *pinned = NULL;
	char hex[NCM_SHA256_HEX + 1];
	size_t index = 0;

	if (item->include)
		selector.include = *item->include;
	if (item->exclude)
		selector.exclude = *item->exclude;
	/* Bytes that a digest pins may come over plain HTTP. */
	if (item->sha256 && ncm_source_is_in_clear(item->uri))
		pinned = ncm_asprintf("%s#sha256=%s", item->uri, ncm_sha256_hex(item->sha256, hex));
	return manifest_spelled(one, pinned ? pinned : item->uri, &selector, &index, err);
}

/* Hosts whose addresses lead to pages and programs of their own, not to files. */
static const char *service_without_files(const char *address)
{
	static const char *const hosts[][2] = {{"://mega.nz/", "MEGA"},
					       {"://mega.co.nz/", "MEGA"},
					       {"://drive.google.com/", "Google Drive"},
					       {"://pan.baidu.com/", "Baidu"}};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		if (strstr(address, hosts[i][0]))
			return hosts[i][1];
	}
	return NULL;
}

/* Stores that keep repositories call files as their source does. */
static void drop_names(const struct import *import, struct ncm_file_spec *spec)
{
	for (size_t i = 0; i < spec->to_count; i++) {
		const struct ncm_store *store = ncm_layout_find(import->author.layout, spec->to[i].store);

		if (!store || !store->kind->keeps_repositories)
			continue;
		free(spec->to[i].name);
		spec->to[i].name = NULL;
	}
}

bool import_item(struct import *import, const struct import_item *item)
{
	struct ncm_catalog *one = ncm_calloc(1, sizeof *one);
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_WAY struct way way = {0};
	const char *service = service_without_files(item->uri);
	bool taken = false;

	if (service)
		ncm_error_set(&err, NCM_E_USAGE, "%s hands out no file to who asks by its address", service);
	else if (!ncm_source_gives_blobs(item->uri))
		find_way(import, item, &way);
	if (!service && spell(item, &way, one, &err) == 0 &&
	    complete(import, item->uri, &one->models[0], way.name, item->sha256, &err) == 0 &&
	    !is_listed(import, &one->models[0])) {
		drop_names(import, &one->models[0].files[0]);
		add_places(import, item->line, item->more, &one->models[0].files[0]);
		taken = author_take(&import->author, &one->models[0], item->line, item->uri);
	}
	if (err.code != NCM_OK)
		author_leave_out(&import->author, item->line, item->uri, "%s%s%s", reason_of(&err, item->uri),
				 err.hint ? "; " : "", err.hint ? err.hint : "");
	ncm_error_clear(&err);
	ncm_catalog_free(one);
	return taken;
}

static int check_text(const char *text, size_t size, struct ncm_error *err)
{
	if (size > NCM_LIMIT_MANIFEST_BYTES)
		return ncm_error_set(err, NCM_E_USAGE, "the list is larger than %u bytes", NCM_LIMIT_MANIFEST_BYTES);
	if (size > 0 && memchr(text, '\0', size))
		return ncm_error_set(err, NCM_E_USAGE, "the list is not a text: it holds a zero byte");
	return 0;
}

/* By what is said of it, else the first that finds its signs. */
static const struct import_format *choose(const struct list *list, enum ncm_draft_format said)
{
	const struct import_format *format;

	for (size_t i = 0; (format = import_format_at(i)); i++) {
		if (said == NCM_DRAFT_DETECT ? format->finds(list) : format->format == said)
			return format;
	}
	return NULL;
}

/* A text that says nothing lists nothing, whatever its format is. */
static bool is_blank(const char *text)
{
	for (; *text; text += *text == '\n') {
		const size_t size = strcspn(text, "\n");
		const size_t blank = strspn(text, " \t\r");

		if (blank < size && text[blank] != '#')
			return false;
		text += size;
	}
	return true;
}

static bool looks_like_json(const char *text)
{
	const char first = text[strspn(text, " \t\r\n")];

	return first == '{' || first == '[';
}

static int take_list(struct import *import, struct list *list, enum ncm_draft_format said, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *json = NULL, *yaml = NULL;
	const struct import_format *format;

	if (looks_like_json(list->text)) {
		json = ncm_json_parse(list->text, list->size, "the list", NCM_E_MANIFEST, err);
		if (!json)
			return -1;
	} else {
		yaml = ncm_yaml_parse(list->text, list->size, "the list", NULL);
	}
	list->json = json;
	list->yaml = json_is_object(yaml) ? yaml : NULL;
	format = choose(list, said);
	import->author.draft->format = format ? format->format : NCM_DRAFT_OLLAMA;
	if (!format)
		return is_blank(list->text) ? 0 : import_not_known(list, err);
	import->author.draft->is_words = format->finds == import_is_ollama_names && said == NCM_DRAFT_DETECT;
	return format->take(import, list, err);
}

/* The application that a text speaks of: where a folder's name fits several, it is that one's. */
static const char *home_of(const char *text)
{
	static const char *const signs[][2] = {
	    {"comfyui", "comfyui"},     {"webui-forge", "forge"}, {"stable-diffusion-webui", "a1111"},
	    {"automatic1111", "a1111"}, {"swarmui", "swarmui"},   {"fooocus", "fooocus"}};
	NCM_AUTO_FREE char *lower = ncm_lower(text);

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		if (strstr(lower, signs[i][0]))
			return signs[i][1];
	}
	return "comfyui";
}

struct ncm_draft *ncm_draft_import(const struct ncm_config *config, const char *text, size_t size,
				   const struct ncm_draft_options *options, struct ncm_error *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as editors of Windows put it */
	const size_t skipped = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
	NCM_AUTO_FREE char *copy = NULL;
	struct import import = {.to = options->to, .path = options->path};
	struct list list = {.size = size - skipped};
	struct ncm_draft *draft;

	if (check_text(text, size, err) < 0 || author_start(&import.author, config, options, err) < 0)
		return NULL;
	list.text = copy = ncm_strndup(text + skipped, size - skipped);
	import.to_store = options->to && !strchr(options->to, '/') ? options->to : NULL;
	import.home = import.to_store ? import.to_store : home_of(copy);
	import.listed = json_object();
	if (take_list(&import, &list, options->format, err) < 0)
		draft = author_drop(&import.author);
	else
		draft = author_finish(
		    &import.author, "Imported",
		    "Imported from another tool's list. What has no digest yet is pinned by `ncmodel lock`.", err);
	import_known_free(&import.known);
	json_decref(import.listed);
	return draft;
}
