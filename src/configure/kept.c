/* SPDX-License-Identifier: MIT */
#include "configure/kept.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "os/os.h"

#include <string.h>

static const char infix[] = ".before-ncmodel-";

enum { DIGITS = 12 };

static char *kept_name(const struct settings_file *file, const char *text, size_t size)
{
	char digits[NCM_SHA256_HEX + 1];
	struct ncm_sha256 sha256;

	ncm_sha256_of(text, size, &sha256);
	ncm_sha256_hex(&sha256, digits);
	return ncm_asprintf("%s%s%.*s", ncm_path_base(file->real), infix, DIGITS, digits);
}

void settle_kept(struct work *work, const struct settings_file *file, struct ncm_configure_file *out, const char *text,
		 size_t size)
{
	NCM_AUTO_FREE char *name = kept_name(file, text, size);

	settle(work, file, out, text, size, name);
}

/* Whether an earlier run left anything to go back to. */
static bool has_any(const struct settings_file *file)
{
	NCM_AUTO_FREE char *prefix = ncm_asprintf("%s%s", ncm_path_base(file->real), infix);
	struct os_list *dir = os_list(os_open(file->folder, ".", OS_FOLDER));
	const char *entry;
	bool any = false;

	while (dir && !any && (entry = os_list_next(dir)))
		any = strncmp(entry, prefix, strlen(prefix)) == 0;
	os_list_end(dir);
	return any;
}

static void put_back(struct work *work, const struct settings_file *file, struct ncm_configure_file *out,
		     const struct settings_file *old)
{
	settle(work, file, out, old->size > 0 ? old->text : NULL, old->size, NULL);
	if (out->state == NCM_CONFIGURE_WRITTEN || out->state == NCM_CONFIGURE_REMOVED)
		os_unlink(old->folder, old->name);
}

void settle_undone(struct work *work, const struct settings_file *file, struct ncm_configure_file *out)
{
	NCM_AUTO_FREE char *name = kept_name(file, file->text ? file->text : "", file->size);
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings_file old;

	if (!file->text || settings_read_beside(file, name, &old, &err) < 0) {
		out->state = NCM_CONFIGURE_SAME;
		if (err.code != NCM_OK)
			settle_refused(work, out, &err);
		if (file->text)
			settings_clear(&old);
		return;
	}
	if (old.text) {
		put_back(work, file, out, &old);
	} else if (has_any(file)) {
		ncm_error_set(&err, NCM_E_POLICY, "%s was changed since: it stays as it is", file->path);
		ncm_error_hint(&err, "take out by hand what is not wanted; its old bytes lie beside it");
		settle_refused(work, out, &err);
	} else {
		out->state = NCM_CONFIGURE_SAME;
	}
	settings_clear(&old);
}

/* Notes like "Put models here.txt" are no models. */
static bool is_of_note(const char *entry)
{
	return entry[0] != '.' && !ncm_path_has_suffix(entry, ".txt") && !ncm_path_has_suffix(entry, ".md") &&
	       strncasecmp(entry, "put", 3) != 0;
}

static bool is_empty(const char *path)
{
	struct os_list *dir = os_list(os_open(OS_HERE, path, OS_FOLDER));
	const char *entry;
	bool empty = true;

	while (dir && empty && (entry = os_list_next(dir)))
		empty = !is_of_note(entry);
	os_list_end(dir);
	return empty;
}

static char *own_folder(const struct work *work, const char *folder)
{
	NCM_AUTO_FREE char *below = ncm_store_path(work->own, folder, "x", NULL);
	NCM_AUTO_FREE char *relative = below ? ncm_path_folder(below) : NULL;

	NCM_AUTO_FREE char *joined = relative ? ncm_path_join(work->own->path, relative) : NULL;

	return joined ? ncm_path_absolute(joined) : NULL;
}

static size_t count_offers(const struct work *work, const char *folder)
{
	size_t count = 0;

	for (size_t i = 0; i < work->offer_count; i++)
		count += strcmp(work->offers[i].folder, folder) == 0;
	return count;
}

/* Why the key cannot be given, or NULL. */
static char *obstacle(const struct work *work, const struct folder_key *key, const char *own)
{
	if (key->is_list)
		return own && os_access(OS_HERE, own, 0) == 0
			   ? NULL
			   : ncm_strdup("its own folder is not there yet: start the application once");
	if (count_offers(work, key->folder) > 1)
		return ncm_strdup("it takes one folder; --store chooses");
	return own && !is_empty(own)
		   ? ncm_strdup("it takes one folder, and files in its own would not be seen any more")
		   : NULL;
}

static void add_key(struct work *work, const struct folder_key *key, char *said, json_t *additions)
{
	NCM_AUTO_FREE char *own = own_folder(work, key->folder);
	NCM_AUTO_FREE char *why = said ? NULL : obstacle(work, key, own);
	NCM_AUTO_JSON json_t *paths = json_array();

	if (key->is_list && own)
		json_array_append_new(paths, json_string(own));
	for (size_t i = 0; i < work->offer_count; i++) {
		const struct offer *offer = &work->offers[i];
		const bool fits = is_one_line(offer->path);

		if (strcmp(offer->folder, key->folder) != 0)
			continue;
		if (said)
			add_setting(work, key->key, offer->path, offer->store->id,
				    strstr(said, offer->path) ? NCM_SETTING_THERE : NCM_SETTING_DIFFERS,
				    strstr(said, offer->path) ? NULL : ncm_asprintf("the file says %s", said));
		else if (why || !fits)
			add_setting(work, key->key, offer->path, offer->store->id, NCM_SETTING_LEFT,
				    ncm_strdup(why ? why : "its name is no line of text"));
		else
			add_setting(work, key->key, offer->path, offer->store->id, NCM_SETTING_ADDED, NULL);
		if (!said && !why && fits)
			json_array_append_new(paths, json_string(offer->path));
	}
	if (!said && !why && json_array_size(paths) > (key->is_list ? 1 : 0))
		json_array_append_new(additions, json_pack("{s:s,s:O}", "key", key->key, "paths", paths));
}

json_t *folders_to_add(struct work *work, const struct folder_key *keys, const void *context,
		       char *(*has)(const void *context, const char *key))
{
	json_t *additions = json_array();

	for (; keys->folder; keys++) {
		NCM_AUTO_FREE char *said = has(context, keys->key);

		if (count_offers(work, keys->folder) > 0)
			add_key(work, keys, said, additions);
	}
	return additions;
}
