/* SPDX-License-Identifier: MIT */
/*
 * SwarmUI's Data/Settings.fds (FreneticDataSyntax: "Key: value" lines, sections by tabs). Its folders are lists with
 * ';', below ModelRoot or absolute (src/Core/Settings.cs). Keys of the section Paths that are absent are added below
 * its line.
 */
#include "configure/kept.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <string.h>

static const struct folder_key keys[] = {
    {"checkpoints", "SDModelFolder", true},
    {"loras", "SDLoraFolder", true},
    {"vae", "SDVAEFolder", true},
    {"embeddings", "SDEmbeddingFolder", true},
    {"controlnet", "SDControlNetsFolder", true},
    {"text_encoders", "SDClipFolder", true},
    {"clip_vision", "SDClipVisionFolder", true},
    {.folder = NULL},
};

static const char *line_after(const char *line)
{
	const char *stop = strchr(line, '\n');

	return stop ? stop + 1 : line + strlen(line);
}

/* The line after "Paths:", or NULL. */
static const char *paths_of(const char *text)
{
	for (const char *line = text; *line; line = line_after(line)) {
		if (strncmp(line, "Paths:", 6) == 0 && strspn(line + 6, " \t\r") == strcspn(line + 6, "\n"))
			return line_after(line);
	}
	return NULL;
}

static bool is_indented(const char *line)
{
	return *line == '\t' || *line == ' ' || *line == '\r' || *line == '\n' || *line == '#';
}

static char *value_of(const void *text, const char *key)
{
	const char *line = paths_of(text);

	for (; line && *line && is_indented(line); line = line_after(line)) {
		const char *word = line + strspn(line, " \t");
		const size_t size = strlen(key);

		if (strncmp(word, key, size) == 0 && word[size] == ':')
			return ncm_strndup(word + size + 1 + strspn(word + size + 1, " "),
					   strcspn(word + size + 1 + strspn(word + size + 1, " "), "\r\n"));
	}
	return NULL;
}

/* FDS escapes some characters in values, and ';' ends a folder; space at an end is none of a value. */
static bool fits(const char *path)
{
	return !strpbrk(path, ";\\#&") && !ncm_path_has_suffix(path, " ");
}

static char *lines_of(const json_t *additions, const char *line_end)
{
	struct ncm_buffer out = {0};
	const json_t *item, *path;
	size_t i, k;

	json_array_foreach(additions, i, item)
	{
		ncm_buffer_printf(&out, "\t%s: ", ncm_json_string(item, "key"));
		json_array_foreach(json_object_get(item, "paths"), k, path)
		{
			ncm_buffer_printf(&out, "%s%s", k ? ";" : "", json_string_value(path));
		}
		ncm_buffer_puts(&out, line_end);
	}
	return ncm_buffer_take(&out);
}

static bool all_fit(const json_t *additions)
{
	const json_t *item, *path;
	size_t i, k;

	json_array_foreach(additions, i, item)
	{
		json_array_foreach(json_object_get(item, "paths"), k, path)
		{
			if (!fits(json_string_value(path)))
				return false;
		}
	}
	return true;
}

static int write_keys(struct work *work, const struct settings_file *file, struct ncm_configure_file *out,
		      struct ncm_error *err)
{
	const char *text = file->text ? file->text : "", *at = paths_of(text);
	const char *line_end = strstr(text, "\r\n") ? "\r\n" : "\n";
	NCM_AUTO_JSON json_t *additions = NULL;
	NCM_AUTO_FREE char *lines = NULL, *whole = NULL;

	if (!is_utf8(text) || strlen(text) != file->size)
		return ncm_error_set(err, NCM_E_POLICY, "%s stays as it is: it is no text in UTF-8", file->path);
	additions = folders_to_add(work, keys, text, value_of);
	if (json_array_size(additions) == 0)
		return 0;
	lines = lines_of(additions, line_end);
	out->text = ncm_strdup(lines);
	if (!all_fit(additions))
		return ncm_error_set(
		    err, NCM_E_POLICY,
		    "%s stays as it is: a folder's name has one of \";\\#&\" in it, or ends in a space", file->path);
	if (file->text && *text && text[file->size - 1] != '\n')
		return ncm_error_set(err, NCM_E_POLICY, "%s stays as it is: its last line has no end", file->path);
	if (!at)
		whole = ncm_asprintf("%sPaths:%s%s", text, line_end, lines);
	else
		whole = ncm_asprintf("%.*s%s%s", (int)(at - text), text, lines, at);
	settle_kept(work, file, out, whole, strlen(whole));
	return 0;
}

void tell_swarmui(struct work *work)
{
	NCM_AUTO_FREE char *path = ncm_path_join(work->own->path, "Data/Settings.fds");
	struct ncm_configure_file *out = add_file(work, path);
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings_file file;
	int failed = settings_read(work->own->path, path, &file, &err);

	if (!failed && work->options->undo)
		settle_undone(work, &file, out);
	else if (!failed)
		failed = write_keys(work, &file, out, &err);
	if (failed)
		settle_refused(work, out, &err);
	settings_clear(&file);
}
