/* SPDX-License-Identifier: MIT */
#include "manifest/spelled.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/load.h"
#include "source/source.h"
#include "store/purpose.h"

#include <ncmodel/text.h>
#include <string.h>

static const char pin_mark[] = "#sha256=";

/* Moves a sub-folder ("flux/" behind "loras") from the name to the folder. */
static void take_sub_folder(struct ncm_target *target, char *rest)
{
	char *folder = target->folder;
	const size_t size = strlen(rest);

	rest[size - 1] = '\0';
	target->folder = ncm_asprintf("%s/%s", folder, rest);
	free(folder);
}

/* "STORE[/FOLDER[/NAME]]", "STORE/FOLDER/SUB-FOLDER/", and "STORE//NAME" for what lies in the store's own folder. */
static int parse_to(const char *to, bool ollama, struct ncm_target *target, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = ncm_strdup(to);
	char *rest = text;
	const char *store = strsep(&rest, "/");
	const char *folder = strsep(&rest, "/");
	NCM_AUTO_FREE char *path = NULL;
	struct ncm_error why = NCM_ERROR_INIT;

	if (!*store || (folder && !*folder && !rest) || (rest && !*rest)) {
		ncm_error_set(err, NCM_E_USAGE, "--to %s: not of the form STORE[/FOLDER[/NAME]]", to);
		return ncm_error_hint(err, "for example --to comfyui/loras");
	}
	if (ollama && folder) {
		ncm_error_set(err, NCM_E_USAGE, "--to %s: an Ollama model goes to a store, not to a folder in it", to);
		return ncm_error_hint(err, "for example --to ollama");
	}
	path = rest ? ncm_strdup(rest) : NULL;
	if (path && folder && *folder && path[1] != '\0' && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = '\0';
	if (path && !ncm_path_check(path, &why)) {
		ncm_error_set(err, NCM_E_USAGE, "--to %s: %s", to, why.message);
		ncm_error_clear(&why);
		return ncm_error_hint(err, "for example --to comfyui/loras/new-name.safetensors");
	}
	target->store = ncm_strdup(store);
	target->folder = folder && *folder ? ncm_strdup(folder) : NULL;
	if (path && strcmp(path, rest) != 0)
		take_sub_folder(target, rest);
	else
		target->name = ncm_strdup_null(rest);
	return 0;
}

static int set_pin(const char *uri, struct ncm_file_spec *spec, struct ncm_error *err)
{
	const char *pin = strstr(uri, pin_mark);

	if (!pin)
		return 0;
	if (ncm_sha256_parse_any_case(pin + strlen(pin_mark), &spec->sha256) < 0)
		return ncm_error_set(err, NCM_E_USAGE, "%s: the digest behind #sha256= is not 64 hex digits", uri);
	spec->has_sha256 = true;
	return 0;
}

/*
 * An id of its own, the same in every run: what a source is called may not hang on how many were spelled out before it.
 * The second of two revisions of one source is told by its revision.
 */
static char *free_id(struct ncm_catalog *catalog, const char *id, const char *canonical)
{
	NCM_AUTO_FREE char *key = ncm_source_key(canonical);
	NCM_AUTO_FREE char *apart = ncm_source_id_apart(id, key ? key : canonical, NCM_SOURCE_ID_LONGEST);

	if (!manifest_index_has_id(catalog, id))
		return ncm_strdup(id);
	return manifest_index_has_id(catalog, apart) ? ncm_source_id_apart(id, canonical, NCM_SOURCE_ID_LONGEST)
						     : ncm_strdup(apart);
}

static int make(struct ncm_catalog *catalog, const char *uri, const char *canonical, const char *to,
		struct ncm_model *model, struct ncm_error *err)
{
	const struct ncm_habit *habit = ncm_source_habit(canonical);
	struct ncm_file_spec *spec = NCM_PUSH(model->files, model->file_count);
	struct ncm_target *target = NCM_PUSH(spec->to, spec->to_count);
	NCM_AUTO_FREE char *id = NULL, *shown = ncm_typed_shown(uri);
	const char *kind;

	spec->role = ncm_strdup("weights");
	ncm_strings_add(&spec->from, canonical);
	spec->insecure_http = ncm_source_is_in_clear(canonical);
	spec->extract = ncm_source_of(canonical)->gives_archives;
	if (set_pin(uri, spec, err) < 0 || (to && parse_to(to, ncm_source_gives_blobs(canonical), target, err) < 0))
		return -1;
	if (!to && !habit) {
		ncm_error_set(err, NCM_E_USAGE, "%s: where it goes cannot be told from its name", shown);
		return ncm_error_hint(err, "say --to STORE[/FOLDER], for example --to llama-cpp or --to comfyui/loras");
	}
	if (!to) {
		target->store = ncm_strdup(habit->store);
		target->folder = ncm_strdup_null(habit->folder);
	}
	target->any_store = !to;
	target->by_kind = !target->folder && !target->name && !ncm_source_gives_blobs(canonical);
	kind = purpose_of_folder(target->folder);
	kind = kind ? kind : habit ? habit->kind : NULL;
	ncm_source_names(canonical, &id, &model->name);
	model->id = free_id(catalog, id, canonical);
	model->kind = ncm_strdup(kind ? kind : strcmp(target->store, "llama-cpp") == 0 ? "llm" : "checkpoint");
	model->format = habit ? ncm_strdup_null(habit->format) : NULL;
	model->performance_score = model->cost_score = -1;
	return 0;
}

/* With the choice of files that the user made, if any. */
static int add_choice(const struct ncm_selector *selector, char **canonical, struct ncm_error *err)
{
	char *chosen = NULL;

	if (selector->include.count + selector->exclude.count == 0)
		return 0;
	if (ncm_source_choose(*canonical, &selector->include, &selector->exclude, &chosen, err) < 0)
		return -1;
	free(*canonical);
	*canonical = chosen;
	return 0;
}

int manifest_spelled(struct ncm_catalog *catalog, const char *uri, const struct ncm_selector *selector, size_t *index,
		     struct ncm_error *err)
{
	const char *to = selector->to;
	const bool pinned = ncm_source_may_use_http(&(const struct ncm_file_spec){0}, uri);
	/* An address keeps its pin, which is part of how it is spelled. */
	const bool overrules = ncm_source_is_hearsay(uri) && strstr(uri, pin_mark);
	NCM_AUTO_FREE char *plain =
	    overrules ? ncm_strndup(uri, (size_t)(strstr(uri, pin_mark) - uri)) : ncm_strdup(uri);
	NCM_AUTO_FREE char *canonical = NULL, *shown = ncm_typed_shown(uri);
	struct ncm_model model = {0};

	if (ncm_source_check(plain, pinned, &canonical, err) < 0) {
		if (!pinned && ncm_source_is_in_clear(uri))
			ncm_error_hint(err, "use https://, or pin the bytes: %s#sha256=HEX", shown);
		else if (err && !err->hint)
			ncm_error_hint(err, "an address is spelled https://HOST/PATH, and may end with #sha256=HEX");
		return -1;
	}
	if (add_choice(selector, &canonical, err) < 0)
		return -1;
	if (!overrules && manifest_index_source(catalog, canonical, to != NULL, index))
		return 0;
	if (make(catalog, uri, canonical, to, &model, err) < 0) {
		manifest_model_clear(&model);
		return -1;
	}
	*index = catalog->count;
	*NCM_PUSH(catalog->models, catalog->count) = model;
	return 0;
}
