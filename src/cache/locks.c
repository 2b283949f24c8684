/* SPDX-License-Identifier: MIT */
/* Locks in the cache: what machines have, and what a gc therefore keeps. */
#include "cache/keep.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "manifest/filter.h"
#include "manifest/lock_json.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

enum { LARGEST_LOCK = 64 << 20, MOST_TRIES = 5 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

int keeping_name_lock(const struct keeping *keeping, char **name, struct ncm_error *err)
{
	char host[256];
	const char *given = keeping->options->name;

	if (!given)
		given = os_host_name(host, sizeof host) ? host : "";
	if (*given && *given != '.' && given[strspn(given, letters)] == '\0') {
		*name = ncm_strdup(given);
		return 0;
	}
	ncm_error_set(err, NCM_E_USAGE, "the lock in the cache cannot be called \"%s\"", given);
	return ncm_error_hint(err, "give it a name of letters, digits, '.', '_' and '-': --name NAME");
}

static const char *trust_of(const struct ncm_reg_model *model)
{
	static const char *const trusts[] = {"manifest", "upstream", "first-use", NULL};

	return ncm_is_among(model->trust, trusts) ? model->trust : "first-use";
}

/* Whether an entry pins every file that the model has. */
static bool has_all(const struct ncm_lock_entry *entry, const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		bool found = false;

		for (size_t k = 0; k < entry->file_count && !found; k++)
			found = entry->files[k].has_sha256 &&
				ncm_sha256_equal(&entry->files[k].sha256, &model->files[i].sha256);
		if (!found)
			return false;
	}
	return true;
}

/* The key of what no source names, or not all of it. */
static char *installed_uri(const struct ncm_reg_model *model)
{
	return ncm_asprintf("installed:%s", model->id);
}

static void drop_installed(json_t *entries, const struct ncm_reg_model *model)
{
	NCM_AUTO_FREE char *uri = installed_uri(model);
	NCM_AUTO_FREE char *key = lock_key(uri);

	(void)json_object_del(entries, key);
}

static void put(json_t *entries, const struct ncm_lock_entry *entry)
{
	NCM_AUTO_FREE char *key = lock_key(entry->uri);
	json_t *json = json_object();

	lock_entry_write(entry, json);
	(void)json_object_set_new(entries, key, json);
}

static bool is_there(const struct ncm_cache_item *item)
{
	return item && (item->state == NCM_CACHE_THERE || item->state == NCM_CACHE_SENT);
}

static size_t count_there(const struct keeping *keeping, const struct ncm_reg_model *model)
{
	size_t count = 0;

	for (size_t i = 0; i < model->file_count; i++)
		count += is_there(keeping_find(keeping, &model->files[i].sha256));
	return count;
}

/* As it is installed, of which the lock may know another state, or nothing: what of it is there. */
static void put_installed(const struct keeping *keeping, json_t *entries, const struct ncm_reg_model *model)
{
	NCM_AUTO_FREE char *uri = installed_uri(model);
	NCM_AUTO_FREE struct ncm_lock_file *files = ncm_calloc(model->file_count + 1, sizeof *files);
	struct ncm_lock_entry entry = {.uri = uri,
				       .pinned = model->source,
				       .revision = model->revision,
				       .trust = (char *)trust_of(model),
				       .files = files};

	for (size_t i = 0; i < model->file_count; i++) {
		if (!is_there(keeping_find(keeping, &model->files[i].sha256)))
			continue;
		files[entry.file_count++] = (struct ncm_lock_file){.path = (char *)ncm_path_base(model->files[i].abs),
								   .role = model->files[i].role,
								   .has_size = true,
								   .size = model->files[i].size,
								   .has_sha256 = true,
								   .sha256 = model->files[i].sha256};
	}
	put(entries, &entry);
}

static void put_model(const struct keeping *keeping, json_t *entries, const struct ncm_reg_model *model)
{
	const struct ncm_lock_entry *entry = model->source ? ncm_lock_find(keeping->lock, model->source) : NULL;
	const size_t there = count_there(keeping, model);

	if (there == model->file_count && entry && has_all(entry, model)) {
		drop_installed(entries, model);
		put(entries, entry);
	} else if (there > 0) {
		put_installed(keeping, entries, model);
	}
}

static bool has_any(const struct ncm_cache_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (is_there(&report->items[i]))
			return true;
	}
	return false;
}

static json_t *read_text(const char *text, size_t size, const char *what, struct ncm_error *err)
{
	json_t *document = ncm_json_parse(text, size, what, NCM_E_MANIFEST, err);

	if (!document || json_is_object(json_object_get(document, "entries")))
		return document;
	json_decref(document);
	ncm_error_set(err, NCM_E_MANIFEST, "%s: $.entries: must be an object", what);
	return NULL;
}

/* The document to be changed: what is there, or with `anew` an empty one. */
static json_t *begin(const char *data, size_t size, const char *key, bool anew, struct ncm_error *err)
{
	json_t *document;

	if (data && !anew)
		return read_text(data, size, key, err);
	document = json_object();
	json_object_set_new(document, "schema_version", json_integer(LOCK_SCHEMA_VERSION));
	json_object_set_new(document, "entries", json_object());
	return document;
}

/* Reads, changes and writes: what somebody else wrote meanwhile is read again. */
static enum cache_made replace(const struct keeping *keeping, const char *key, struct ncm_error *err)
{
	const bool anew = ncm_selector_is_open(keeping->options->selector) && !keeping->failed;
	CACHE_AUTO_OBJECT struct cache_object there = {0};
	const int found = cache_get(&keeping->cache, key, LARGEST_LOCK, &there, err);
	const struct cache_condition condition = {.only_new = found == 0, .if_match = there.etag};
	NCM_AUTO_JSON json_t *document = found < 0 ? NULL : begin(there.data, there.size, key, anew, err);
	NCM_AUTO_FREE char *text = NULL;
	enum cache_made made;

	if (!document)
		return CACHE_FAILED;
	for (size_t i = 0; i < keeping->model_count; i++)
		put_model(keeping, json_object_get(document, "entries"), keeping->models[i]);
	text = ncm_json_dump(document);
	made = cache_put(&keeping->cache, key, text, strlen(text), &condition, NULL, err);
	if (made == CACHE_UNSUPPORTED)
		made = cache_put(&keeping->cache, key, text, strlen(text), NULL, NULL, err);
	return made;
}

int keeping_write_lock(struct keeping *keeping, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = NULL, *key = NULL;
	enum cache_made made = CACHE_CONFLICT;

	if (!has_any(keeping->report))
		return 0;
	if (keeping_name_lock(keeping, &name, err) < 0)
		return -1;
	key = ncm_asprintf(CACHE_LOCKS "%s" CACHE_LOCK_ENDING, name);
	for (unsigned i = 0; i < MOST_TRIES && (made == CACHE_CONFLICT || made == CACHE_EXISTS); i++)
		made = replace(keeping, key, err);
	if (made == CACHE_FAILED)
		return -1;
	if (made != CACHE_MADE) {
		ncm_error_set(err, NCM_E_BUSY, "%s/%s: others change it all the time", keeping->cache.what, key);
		return ncm_error_hint(err, "give this machine's a name of its own: --name NAME");
	}
	keeping->report->lock = name;
	name = NULL;
	return 0;
}

static int broken(const char *what, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_MANIFEST, "%s: it is no lock, so nobody can tell what it keeps", what);
	return ncm_error_hint(err, "push it anew from the machine that it is of, or delete it from the bucket; nothing "
				   "was removed");
}

static int take_files(const json_t *files, const char *what, struct ncm_strings *digests, struct ncm_error *err)
{
	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *value = json_object_get(json_array_get(files, i), "sha256");
		struct ncm_sha256 sha256;

		if (!value || json_is_null(value))
			continue;
		if (!json_is_string(value) || ncm_sha256_parse(json_string_value(value), &sha256) < 0)
			return broken(what, err);
		ncm_strings_add(digests, json_string_value(value));
	}
	return json_is_array(files) ? 0 : broken(what, err);
}

static int take_text(const char *text, size_t size, const char *what, struct ncm_strings *digests,
		     struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *document = read_text(text, size, what, NULL);
	const char *key;
	json_t *entry;

	if (!document)
		return broken(what, err);
	json_object_foreach(json_object_get(document, "entries"), key, entry)
	{
		if (take_files(json_object_get(entry, "files"), what, digests, err) < 0)
			return -1;
	}
	return 0;
}

static int note_key(void *context, const char *key, const struct cache_object *object, struct ncm_error *err)
{
	(void)object;
	(void)err;
	ncm_strings_add(context, key);
	return 0;
}

static int take_shared(struct keeping *keeping, const char *key, struct ncm_strings *digests, struct ncm_error *err)
{
	NCM_AUTO_FREE char *what = ncm_asprintf("%s/%s", keeping->cache.what, key);
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	const int there = cache_get(&keeping->cache, key, LARGEST_LOCK, &object, err);

	if (there < 0 || (there > 0 && take_text(object.data, object.size, what, digests, err) < 0))
		return -1;
	if (there > 0)
		ncm_strings_add(&keeping->report->locks, key);
	return 0;
}

static int take_given(struct keeping *keeping, const char *path, struct ncm_strings *digests, struct ncm_error *err)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = ncm_read_file(path, LARGEST_LOCK, &size);

	if (!text && errno == ENOENT)
		return ncm_error_set(err, NCM_E_USAGE, "--for: there is no %s", path);
	if (!text)
		return ncm_error_errno(err, errno, "cannot read %s", path);
	ncm_strings_add(&keeping->report->locks, path);
	if (take_text(text, size, path, digests, err) == 0)
		return 0;
	return ncm_error_hint(err, "copy it anew from the machine that it is of; nothing was removed");
}

static int no_lock(const struct keeping *keeping, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%s has no lock, so nothing says what of it is used", keeping->cache.what);
	return ncm_error_hint(err, "`ncmodel cache push --all` on each machine writes what it has; or name a lock with "
				   "--for LOCK");
}

int keeping_read_locks(struct keeping *keeping, struct ncm_strings *digests, struct ncm_error *err)
{
	const struct ncm_strings *given = keeping->options->locks;
	struct ncm_strings keys = {0};
	int failed = cache_list(&keeping->cache, CACHE_LOCKS, note_key, &keys, err);

	for (size_t i = 0; i < keys.count && !failed; i++) {
		if (ncm_path_has_suffix(keys.items[i], CACHE_LOCK_ENDING))
			failed = take_shared(keeping, keys.items[i], digests, err);
	}
	for (size_t i = 0; given && i < given->count && !failed; i++)
		failed = take_given(keeping, given->items[i], digests, err);
	ncm_strings_free(&keys);
	if (!failed && keeping->report->locks.count == 0)
		failed = no_lock(keeping, err);
	ncm_strings_unite(digests);
	return failed;
}
