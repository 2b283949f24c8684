/* SPDX-License-Identifier: MIT */
/* What may stand in a lock, by tables. Keys that are not known are nobody's fault: they survive. */
#include "manifest/lock_json.h"

#include "base/address.h"
#include "base/json_file.h"
#include "base/mem.h"
#include "digest/hash.h"

#include <errno.h>
#include <string.h>

/* An entry as it stands in the file. */
struct words {
	struct ncm_lock_entry entry; /* first, and in it the key, which is its URI */
	bool is_signed;
};

static bool take_sha256(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)reader;
	return strlen(text) == NCM_SHA256_HEX && ncm_sha256_parse(text, place) == 0;
}

static bool take_sha1(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)reader;
	return ncm_sha1_parse(text, place) == 0;
}

static const char *const trusts[] = {"manifest", "upstream", "first-use", NULL};
static const struct ncm_json_form text = {.kind = NCM_FORM_TEXT};
static const struct ncm_json_form text_or_null = {.kind = NCM_FORM_TEXT, .or_null = true};
static const struct ncm_json_form trust = {.kind = NCM_FORM_TEXT, .words = trusts};
static const struct ncm_json_form flag = {.kind = NCM_FORM_BOOL};
static const struct ncm_json_form version = {.kind = NCM_FORM_U64};
static const struct ncm_json_form size = {.kind = NCM_FORM_U64, .or_null = true};
static const struct ncm_json_form sha256 = {
    .kind = NCM_FORM_TEXT, .or_null = true, .take = take_sha256, .expected = "64 lower-case hex digits"};
static const struct ncm_json_form sha1 = {
    .kind = NCM_FORM_TEXT, .or_null = true, .take = take_sha1, .expected = "40 lower-case hex digits"};

static const struct ncm_json_form places = {.kind = NCM_FORM_LIST, .of = &text};

#define OF_FILE(member) offsetof(struct ncm_lock_file, member)
static const struct ncm_json_field file_keys[] = {
    {"path", &text, OF_FILE(path), true, 0},
    {"role", &text_or_null, OF_FILE(role), false, 0},
    {"url", &text_or_null, OF_FILE(url), false, 0},
    {"size", &size, OF_FILE(size), false, OF_FILE(has_size)},
    {"git_sha1", &sha1, OF_FILE(git_sha1), false, OF_FILE(has_git_sha1)},
    {"places", &places, OF_FILE(places), false, 0},
    {"sha256", &sha256, OF_FILE(sha256), false, OF_FILE(has_sha256)},
};
static const struct ncm_json_form plain_file = {.kind = NCM_FORM_OBJECT, .open = true, NCM_FIELDS(file_keys)};

/* Nor is a digest of zeros one, or a size of 0 one where nothing says that the file is empty: older versions wrote
 * those for what they did not know. */
static void read_file(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_lock_file *file = place;
	struct ncm_sha256 empty;

	(void)form;
	(void)ncm_json_read_as(reader, &plain_file, file);
	file->has_sha256 = file->has_sha256 && !ncm_sha256_is_zero(&file->sha256);
	ncm_sha256_of("", 0, &empty);
	if (file->size == 0)
		file->has_size = file->has_size &&
				 (file->has_git_sha1 || (file->has_sha256 && ncm_sha256_equal(&file->sha256, &empty)));
}

static const struct ncm_json_form file = {.kind = NCM_FORM_OBJECT, .read = read_file};
static const struct ncm_json_form files = {.kind = NCM_FORM_LIST, .of = &file, .size = sizeof(struct ncm_lock_file)};

#define OF_ENTRY(member) offsetof(struct ncm_lock_entry, member)
static const struct ncm_json_field entry_keys[] = {
    {"files", &files, NCM_ITEMS(struct ncm_lock_entry, files, file_count), true, 0},
    {"kind", &text_or_null, OF_ENTRY(kind), false, 0},
    {"ollama_name", &text_or_null, OF_ENTRY(ollama_name), false, 0},
    {"pinned", &text_or_null, OF_ENTRY(pinned), false, 0},
    {"resolved_at", &text_or_null, OF_ENTRY(resolved_at), false, 0},
    {"revision", &text_or_null, OF_ENTRY(revision), false, 0},
    {"signed", &flag, offsetof(struct words, is_signed), false, 0},
    {"trust", &trust, OF_ENTRY(trust), true, 0},
};
static const struct ncm_json_form entry_form = {.kind = NCM_FORM_OBJECT, .open = true, NCM_FIELDS(entry_keys)};

struct all_words {
	struct words *items;
	size_t count;
};
static const struct ncm_json_form entries_form = {
    .kind = NCM_FORM_MAP, .of = &entry_form, .size = sizeof(struct words)};
static const struct ncm_json_field lock_keys[] = {
    {"entries", &entries_form, NCM_ITEMS(struct all_words, items, count), false, 0},
    {"schema_version", &version, NCM_NOT_KEPT, false, 0},
};
static const struct ncm_json_form lock_form = {.kind = NCM_FORM_OBJECT, .open = true, NCM_FIELDS(lock_keys)};

/* Of an address that was signed: what is called by it, and where it is pinned. */
static void mark(struct ncm_lock_entry *entry)
{
	char *pinned = entry->pinned ? ncm_address_marked(entry->pinned) : NULL;
	char *uri = ncm_address_marked(entry->uri);

	free(entry->pinned);
	entry->pinned = pinned;
	for (size_t i = 0; i < entry->file_count; i++) {
		if (strcmp(entry->files[i].path, entry->uri) != 0)
			continue;
		free(entry->files[i].path);
		entry->files[i].path = ncm_strdup(uri);
	}
	free(entry->uri);
	entry->uri = uri;
}

/* What it means; what an older version wrote, without its secrets. */
static void understand(struct words *words, struct ncm_lock_entry *entry)
{
	if (words->is_signed)
		mark(&words->entry);
	lock_entry_copy(entry, &words->entry);
}

int lock_tell_newer(const char *path, int64_t found, struct ncm_error *err)
{
	return ncm_error_set(err, NCM_E_MANIFEST, "%s: needs a newer ncmodel (version %lld, this one reads %d)", path,
			     (long long)found, LOCK_SCHEMA_VERSION);
}

static int read_words(const char *path, const char *json, size_t length, struct all_words *all, struct ncm_error *err)
{
	int64_t found;

	if (ncm_json_is_newer(json, length, LOCK_SCHEMA_VERSION, &found))
		return lock_tell_newer(path, found, err);
	if (ncm_json_read_file_text(path, json, length, &lock_form, all, NULL, NCM_E_MANIFEST, err) == 0)
		return 0;
	return ncm_error_hint(err, "restore the lock file, or move it away and pull again");
}

static bool is_absent(const char *path, char **json, size_t *length, struct ncm_error *err)
{
	struct ncm_error reason = NCM_ERROR_INIT;
	bool absent;

	*json = ncm_json_file_text(path, length, NCM_E_MANIFEST, &reason);
	absent = !*json && errno == ENOENT;
	if (!*json && !absent)
		ncm_error_move(err, &reason);
	ncm_error_clear(&reason);
	return absent;
}

int lock_load_text(const char *path, const char *json, size_t length,
		   void (*take)(void *context, struct ncm_lock_entry *entry), void *context, struct ncm_error *err)
{
	struct all_words all = {0};
	const int failed = read_words(path, json, length, &all, err);

	for (size_t i = 0; i < all.count; i++) {
		struct ncm_lock_entry entry = {0};

		if (!failed) {
			understand(&all.items[i], &entry);
			take(context, &entry);
		}
		lock_entry_clear(&all.items[i].entry);
	}
	free(all.items);
	return failed;
}

int lock_load(const char *path, void (*take)(void *context, struct ncm_lock_entry *entry), void *context,
	      struct ncm_error *err)
{
	size_t length = 0;
	NCM_AUTO_FREE char *json = NULL;

	if (is_absent(path, &json, &length, err))
		return 0;
	return json ? lock_load_text(path, json, length, take, context, err) : -1;
}

static void ignore(void *context, const char *place, const char *path, const char *reason)
{
	(void)context, (void)place, (void)path, (void)reason;
}

bool lock_entry_parse(const char *uri, const json_t *json, struct ncm_lock_entry *entry)
{
	NCM_AUTO_FREE char *dumped = json_dumps(json, JSON_COMPACT);
	struct words words = {.entry.uri = ncm_strdup(uri)};
	const bool sound =
	    dumped && ncm_json_read_text(dumped, strlen(dumped), &entry_form, &words, NULL, ignore, NULL);

	if (sound)
		understand(&words, entry);
	lock_entry_clear(&words.entry);
	return sound;
}
