/* SPDX-License-Identifier: MIT */
/* What a layout's file may say, by tables. manifests/schema/layout.schema.json says the same to editors. */
#include "store/layout_read.h"

#include "base/json_file.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/parts.h"

#include <stdlib.h>
#include <string.h>

static bool is_id(const char *text)
{
	const size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");

	return size > 0 && text[size + strspn(text + size, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0' &&
	       strlen(text) <= 64;
}

static bool is_variable(const char *text)
{
	return *text >= 'A' && *text <= 'Z' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

static void check_path(struct ncm_json_reader *reader, const char *path)
{
	struct ncm_error why = NCM_ERROR_INIT;

	if (!ncm_path_check(path, &why))
		ncm_json_tell(reader, "%s", why.message);
	ncm_error_clear(&why);
}

static const struct ncm_json_form path_text = {.kind = NCM_FORM_TEXT, .least = 1, .most = 1024};

/* Below the root, or the store; or the owner's word for any place. */
static void read_path(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	char *const *path = place;

	(void)form;
	if (ncm_json_read_as(reader, &path_text, place) && !store_path_is_own_word(*path))
		check_path(reader, *path);
}

static bool is_json_path(const char *text)
{
	return *text != ' ' && ncm_path_has_suffix(text, ".json");
}

/* models.json is a name that no model may have: here it is what is meant. */
static void read_registry(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	static const struct ncm_json_form text = {.kind = NCM_FORM_TEXT,
						  .least = 1,
						  .most = 1024,
						  .is = is_json_path,
						  .expected = "a path that ends with .json"};
	NCM_AUTO_FREE char *folder = NULL;
	char *base;

	(void)form;
	if (!ncm_json_read_as(reader, &text, place) || store_path_is_own_word(*(char **)place))
		return;
	folder = ncm_strdup(*(char **)place);
	base = strrchr(folder, '/');
	if (base)
		*base++ = '\0';
	else
		base = folder;
	if (base != folder)
		check_path(reader, folder);
	if (strcmp(base, "models.json") != 0)
		check_path(reader, base);
}

static const struct ncm_json_form kind_text = {.kind = NCM_FORM_TEXT};

/* An unknown kind is told, and taken for folders to find what else is wrong. */
static void read_kind(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	NCM_AUTO_FREE char *names = ncm_store_kind_names();
	const struct ncm_store_kind *known;
	char *word = NULL;

	(void)form;
	if (ncm_json_read_as(reader, &kind_text, &word)) {
		known = ncm_store_kind_named(word);
		if (known)
			*(const struct ncm_store_kind **)place = known;
		else
			ncm_json_tell(reader, "is \"%s\", must be %s", word, names);
	}
	free(word);
}

static const struct ncm_json_form any_text = {.kind = NCM_FORM_TEXT};
static const struct ncm_json_form version = {.kind = NCM_FORM_U64, .least = 1, .most = 1};
static const struct ncm_json_form title = {.kind = NCM_FORM_TEXT, .least = 1, .most = 200};
static const struct ncm_json_form name = {
    .kind = NCM_FORM_TEXT, .is = is_id, .expected = "lower-case letters, digits, '.', '_' and '-', 64 at most"};
static const struct ncm_json_form kind = {.kind = NCM_FORM_TEXT, .read = read_kind};
static const struct ncm_json_form variable = {
    .kind = NCM_FORM_TEXT, .most = 100, .is = is_variable, .expected = "the name of a variable"};
static const struct ncm_json_form user = {.kind = NCM_FORM_TEXT, .least = 1, .most = 64};
static const struct ncm_json_form path = {.kind = NCM_FORM_TEXT, .read = read_path};
static const struct ncm_json_form registry = {.kind = NCM_FORM_TEXT, .read = read_registry};
static const struct ncm_json_form found = {.kind = NCM_FORM_LIST, .of = &path, .most = 16};

static bool is_some(const char *text)
{
	return *text != '\0';
}

static const struct ncm_json_form folders = {.kind = NCM_FORM_MAP,
					     .of = &path,
					     .size = sizeof(struct ncm_store_folder),
					     .at = offsetof(struct ncm_store_folder, path),
					     .is = is_some,
					     .expected = "a name",
					     .own_keys = true};

#define STORE(member) offsetof(struct store_word, member)
/* The store of a system service. */
static const struct ncm_json_field service_keys[] = {
    {"user", &user, STORE(service.user), true, 0},
    {"path", &path, STORE(service.path), true, 0},
};
static const struct ncm_json_form service = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(service_keys)};

static const struct ncm_json_field store_keys[] = {
    {"kind", &kind, STORE(kind), true, 0},
    {"path", &path, STORE(path), true, 0},
    {"env", &variable, STORE(env), false, 0},
    {"found", &found, STORE(found), false, 0},
    {"service", &service, 0, false, 0},
    {"extra_paths", &path, STORE(extra_paths), false, 0},
    {"folders", &folders, NCM_ITEMS(struct store_word, folders, folder_count), false, 0},
};
static const struct ncm_json_form plain_store = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(store_keys)};

static void read_store(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct store_word *word = place;

	(void)form;
	word->kind = &ncm_kind_folders;
	(void)ncm_json_read_as(reader, &plain_store, place);
	if (word->folder_count > 0 && word->kind->place)
		ncm_json_tell(reader, "only a store of kind folders has folders");
}

static const struct ncm_json_form store = {.kind = NCM_FORM_OBJECT, .read = read_store};
static const struct ncm_json_form stores = {.kind = NCM_FORM_MAP,
					    .of = &store,
					    .size = sizeof(struct store_word),
					    .least = 1,
					    .is = is_id,
					    .expected = "a store's id: lower-case letters, digits, '.', '_' and '-'",
					    .own_keys = true};

static const struct ncm_json_field layout_keys[] = {
    {"schema_version", &version, NCM_NOT_KEPT, true, 0},
    {"layout", &name, offsetof(struct layout_words, name), true, 0},
    {"title", &title, NCM_NOT_KEPT, false, 0},
    {"registry", &registry, offsetof(struct layout_words, registry), true, 0},
    {"stores", &stores, NCM_ITEMS(struct layout_words, stores, count), true, 0},
    {"$schema", &any_text, NCM_NOT_KEPT, false, 0},
};
static const struct ncm_json_form layout = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(layout_keys)};

int layout_read(const char *file, struct layout_words *words, struct ncm_error *err)
{
	return ncm_json_read_file(file, &layout, words, NULL, NCM_E_MANIFEST, err);
}

static void store_word_clear(struct store_word *word)
{
	for (size_t i = 0; i < word->folder_count; i++) {
		free(word->folders[i].name);
		free(word->folders[i].path);
	}
	free(word->folders);
	free(word->id);
	free(word->path);
	free(word->env);
	free(word->extra_paths);
	free(word->service.user);
	free(word->service.path);
	ncm_strings_free(&word->found);
}

void layout_words_clear(struct layout_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		store_word_clear(&words->stores[i]);
	free(words->stores);
	free(words->name);
	free(words->registry);
	*words = (struct layout_words){0};
}
