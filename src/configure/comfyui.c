/* SPDX-License-Identifier: MIT */
/*
 * ComfyUI's extra_model_paths.yaml (utils/extra_config.py), which Forge Neo reads, too: a section for each store, with
 * what the user has written there before, and after, left alone. What libyaml does not read as before with our lines in
 * it is not written.
 */
#include "configure/block.h"

#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/extra_paths.h"
#include "yaml/yaml.h"

#include <string.h>

/* What is being said, as YAML's text and as the values that it has to have. */
struct saying {
	struct work *work;
	json_t *users;    /* what the file says without us */
	json_t *sections; /* ours */
	struct ncm_buffer lines;
};

struct search {
	const char *key, *path;
	bool found;
};

static void compare(void *context, const char *key, const char *path, bool is_default)
{
	struct search *search = context;

	(void)is_default;
	search->found = search->found || (strcmp(key, search->key) == 0 && strcmp(path, search->path) == 0);
}

static bool is_said(const struct saying *saying, const char *key, const char *path)
{
	struct search search = {key, path, false};

	store_each_extra_path(saying->users, saying->work->own->path, compare, &search);
	return search.found;
}

static char *section_name(const struct ncm_store *store)
{
	return ncm_asprintf("ncmodel-%s", store->id);
}

/* What the folder is called there. ComfyUI expands variables in base_path, and only there. */
static const char *as_said(const struct offer *offer, bool has_base)
{
	const char *below = has_base ? ncm_path_below(offer->path, offer->store->path) : NULL;

	return below && *below ? below : offer->path;
}

static bool can_be_base(const struct ncm_store *store)
{
	return !strchr(store->path, '$') && is_one_line(store->path);
}

static bool is_told(struct saying *saying, const struct offer *offer, const char *said)
{
	struct work *work = saying->work;
	const char *id = offer->store->id;

	if (!ncm_layout_has_folder(work->layout, work->own, offer->folder))
		return false;
	if (!is_one_line(said)) {
		add_setting(work, offer->folder, offer->path, id, NCM_SETTING_LEFT,
			    ncm_strdup("its name cannot be written in a line of YAML"));
		return false;
	}
	if (is_said(saying, offer->folder, offer->path)) {
		add_setting(work, offer->folder, offer->path, id, NCM_SETTING_THERE, NULL);
		return false;
	}
	add_setting(work, offer->folder, offer->path, id, NCM_SETTING_ADDED, NULL);
	return true;
}

/* Several folders of one key are one text, a line each. */
static void put_line(json_t *section, const char *key, const char *line)
{
	const char *before = ncm_json_string(section, key);
	NCM_AUTO_FREE char *lines = ncm_asprintf("%s%s\n", before ? before : "", line);

	json_object_set_new(section, key, json_string(lines));
}

/* In double quotes, which base_path needs: a block text would end in a line's end. */
static void write_quoted(struct ncm_buffer *lines, const char *text)
{
	ncm_buffer_puts(lines, "    base_path: \"");
	for (; *text; text++)
		ncm_buffer_printf(lines, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	ncm_buffer_puts(lines, "\"\n");
}

static void write_lines(struct ncm_buffer *lines, const char *key, const char *text)
{
	ncm_buffer_printf(lines, "    %s: |\n", key);
	for (; *text; text += strcspn(text, "\n") + 1) {
		ncm_buffer_puts(lines, "        ");
		ncm_buffer_add(lines, text, strcspn(text, "\n") + 1);
	}
}

static void write_section(struct saying *saying, const char *name, const json_t *section)
{
	const char *key;
	json_t *value;

	ncm_buffer_printf(&saying->lines, "%s:\n", name);
	json_object_foreach((json_t *)section, key, value)
	{
		if (strcmp(key, "base_path") == 0)
			write_quoted(&saying->lines, json_string_value(value));
		else
			write_lines(&saying->lines, key, json_string_value(value));
	}
}

static bool is_taken(struct saying *saying, const struct ncm_store *store, const char *name)
{
	if (!json_object_get(saying->users, name))
		return false;
	add_setting(saying->work, name, store->path, store->id, NCM_SETTING_DIFFERS,
		    ncm_strdup("the file has a section of that name, which is not ncmodel's"));
	return true;
}

static void say_store(struct saying *saying, const struct ncm_store *store)
{
	NCM_AUTO_FREE char *name = section_name(store);
	NCM_AUTO_JSON json_t *section = json_object();
	const bool has_base = can_be_base(store);
	size_t told = 0;

	if (is_taken(saying, store, name))
		return;
	if (has_base)
		ncm_json_set_string(section, "base_path", store->path);
	for (size_t i = 0; i < saying->work->offer_count; i++) {
		const struct offer *offer = &saying->work->offers[i];
		const char *said = as_said(offer, has_base);

		if (offer->store != store || !is_told(saying, offer, said))
			continue;
		put_line(section, offer->folder, said);
		told++;
	}
	if (told == 0)
		return;
	json_object_set(saying->sections, name, section);
	write_section(saying, name, section);
}

/* Every other key has its value, and ours have theirs. */
static bool reads_as_meant(const struct saying *saying, const char *text, size_t size, const char *path)
{
	NCM_AUTO_JSON json_t *now = ncm_yaml_parse(text, size, path, NULL);
	NCM_AUTO_JSON json_t *meant = json_is_object(saying->users) ? json_copy(saying->users) : json_object();

	json_object_update(meant, saying->sections);
	return now && json_equal(now, meant);
}

/* What the file says without us; a last line without an end counts as one with it. */
static json_t *users_of(const struct settings_file *file, const struct block *block, struct ncm_error *err)
{
	const bool ends = block->rest_size > 0 && block->rest[block->rest_size - 1] == '\n';
	NCM_AUTO_FREE char *whole = ncm_asprintf("%s%s", block->rest, ends ? "" : "\n");
	json_t *users = ncm_yaml_parse(whole, strlen(whole), file->path, err);

	if (!users || json_is_object(users) || json_is_null(users))
		return users;
	json_decref(users);
	ncm_error_set(err, NCM_E_POLICY, "%s stays as it is: it is no list of sections", file->path);
	return NULL;
}

static void say_all(struct saying *saying)
{
	const struct ncm_layout *layout = saying->work->layout;

	ncm_buffer_puts(&saying->lines, "# Folders of other applications, by `ncmodel link --configure comfyui`; "
					"with --undo these lines go again.\n");
	for (size_t i = 0; i < layout->count; i++)
		say_store(saying, &layout->stores[i]);
}

static int write_block(struct work *work, const struct settings_file *file, const struct block *block,
		       struct ncm_configure_file *out, struct ncm_error *err)
{
	struct saying saying = {.work = work, .sections = json_object()};
	NCM_AUTO_FREE char *text = NULL;
	size_t size;
	int failed = -1;

	saying.users = users_of(file, block, err);
	if (saying.users) {
		say_all(&saying);
		out->text = ncm_buffer_take(&saying.lines);
		text = block_put(file, block, out->text, &size);
		failed = 0;
	}
	if (!failed && json_object_size(saying.sections) == 0)
		settle_without(work, file, block, out);
	else if (!failed && reads_as_meant(&saying, text, size, file->path))
		settle(work, file, out, text, size, NULL);
	else if (!failed)
		failed =
		    ncm_error_set(err, NCM_E_POLICY,
				  "%s stays as it is: with lines at its end it would say something else", file->path);
	ncm_buffer_free(&saying.lines);
	json_decref(saying.users);
	json_decref(saying.sections);
	return failed;
}

void tell_comfyui(struct work *work)
{
	NCM_AUTO_FREE char *path = ncm_path_join(work->own->path, "extra_model_paths.yaml");
	NCM_AUTO_FREE char *word = ncm_shell_word(path);
	struct ncm_configure_file *out = add_file(work, path);
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings_file file;
	struct block block = {0};
	int failed = settings_read(work->own->path, path, &file, &err);

	if (!failed)
		failed = block_take(&file, &block, &err);
	if (!failed && work->options->undo)
		settle_without(work, &file, &block, out);
	else if (!failed)
		failed = write_block(work, &file, &block, out, &err);
	if (failed)
		settle_refused(work, out, &err);
	else if (!work->options->undo)
		advise(work, ncm_asprintf("ComfyUI reads it when it starts; Forge Neo, too: --forge-ref-comfy-yaml %s",
					  word));
	block_clear(&block);
	settings_clear(&file);
}
