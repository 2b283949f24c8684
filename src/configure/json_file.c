/* SPDX-License-Identifier: MIT */
/* Settings in JSON: Fooocus' config.txt and SD.Next's config.json. Absent keys are added before the last brace. */
#include "configure/kept.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"

#include <string.h>

/* modules/config.py of Fooocus */
static const struct folder_key fooocus[] = {
    {"checkpoints", "path_checkpoints", true},  {"loras", "path_loras", true},
    {"embeddings", "path_embeddings", false},   {"vae", "path_vae", false},
    {"vae_approx", "path_vae_approx", false},   {"upscale_models", "path_upscale_models", false},
    {"inpaint", "path_inpaint", false},         {"controlnet", "path_controlnet", false},
    {"clip_vision", "path_clip_vision", false}, {.folder = NULL},
};

/* modules/shared.py of SD.Next, "System Paths" */
static const struct folder_key sdnext[] = {
    {"checkpoints", "ckpt_dir", false},
    {"diffusion_models", "unet_dir", false},
    {"loras", "lora_dir", false},
    {"vae", "vae_dir", false},
    {"text_encoders", "te_dir", false},
    {"embeddings", "embeddings_dir", false},
    {"hypernetworks", "hypernetwork_dir", false},
    {.folder = NULL},
};

static char *value_of(const void *settings, const char *key)
{
	const json_t *value = json_object_get(settings, key);

	return value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

static json_t *object_of(const json_t *additions, const struct folder_key *keys)
{
	json_t *object = json_object(), *item;
	size_t i;

	json_array_foreach((json_t *)additions, i, item)
	{
		const char *key = ncm_json_string(item, "key");
		json_t *paths = json_object_get(item, "paths");
		const struct folder_key *at = keys;

		while (strcmp(at->key, key) != 0)
			at++;
		json_object_set(object, key, at->is_list ? paths : json_array_get(paths, 0));
	}
	return object;
}

/* "\n    ", as it stands before the first key; " " where that is on the brace's line. */
static char *before_keys(const char *text)
{
	const char *brace = strchr(text, '{');
	const size_t size = strspn(brace + 1, " \t\r\n");

	if (brace[1 + size] != '"')
		return ncm_strdup(strstr(text, "\r\n") ? "\r\n    " : "\n    ");
	return memchr(brace + 1, '\n', size) ? ncm_strndup(brace + 1, size) : ncm_strdup(" ");
}

static const char *last_brace(const char *text)
{
	return strrchr(text, '}');
}

/* Where the last member ends. */
static const char *end_of_members(const char *text)
{
	const char *at = last_brace(text);

	while (strchr(" \t\r\n", at[-1]))
		at--;
	return at;
}

static char *with_members(const char *text, const json_t *object, bool is_empty)
{
	NCM_AUTO_FREE char *before = before_keys(text);
	const char *stop = end_of_members(text);
	struct ncm_buffer out = {0};
	const char *key, *separator = is_empty ? "" : ",";
	json_t *value;

	ncm_buffer_add(&out, text, (size_t)(stop - text));
	json_object_foreach((json_t *)object, key, value)
	{
		NCM_AUTO_FREE char *spelled = json_dumps(value, JSON_ENCODE_ANY);

		ncm_buffer_printf(&out, "%s%s\"%s\": %s", separator, before, key, spelled);
		separator = ",";
	}
	if (is_empty)
		ncm_buffer_puts(&out, before[0] == '\r' ? "\r\n" : "\n");
	ncm_buffer_puts(&out, is_empty ? last_brace(text) : stop);
	return ncm_buffer_take(&out);
}

static int write_keys(struct work *work, const struct settings_file *file, const struct folder_key *keys,
		      struct ncm_configure_file *out, struct ncm_error *err)
{
	const char *text = file->text ? file->text : "{\n}\n";
	NCM_AUTO_JSON json_t *before = ncm_json_parse(text, strlen(text), file->path, NCM_E_POLICY, err);
	NCM_AUTO_JSON json_t *additions = NULL, *object = NULL, *after = NULL;
	NCM_AUTO_FREE char *whole = NULL;

	if (!before)
		return -1;
	if (!json_is_object(before) || (file->text && strlen(file->text) != file->size))
		return ncm_error_set(err, NCM_E_POLICY, "%s stays as it is: it is no JSON object", file->path);
	additions = folders_to_add(work, keys, before, value_of);
	object = object_of(additions, keys);
	if (json_object_size(object) == 0)
		return 0;
	whole = with_members(text, object, json_object_size(before) == 0);
	out->text = ncm_json_dump(object);
	json_object_update(before, object);
	after = ncm_json_parse(whole, strlen(whole), file->path, NCM_E_POLICY, err);
	if (!after || !json_equal(before, after))
		return ncm_error_set(err, NCM_E_POLICY, "%s stays as it is: it is of a form of its own", file->path);
	settle_kept(work, file, out, whole, strlen(whole));
	return 0;
}

static void tell_json(struct work *work, const char *name, const struct folder_key *keys)
{
	NCM_AUTO_FREE char *path = ncm_path_join(work->own->path, name);
	struct ncm_configure_file *out = add_file(work, path);
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings_file file;
	int failed = settings_read(work->own->path, path, &file, &err);

	if (!failed && work->options->undo)
		settle_undone(work, &file, out);
	else if (!failed)
		failed = write_keys(work, &file, keys, out, &err);
	if (failed)
		settle_refused(work, out, &err);
	settings_clear(&file);
}

void tell_fooocus(struct work *work)
{
	tell_json(work, "config.txt", fooocus);
}

void tell_sdnext(struct work *work)
{
	tell_json(work, "config.json", sdnext);
}
